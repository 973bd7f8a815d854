"""
The plain log that most variants change in one place.

One file of frames: length, CRC-32 of length and payload, payload.  An append is acknowledged
when it is on the disk; what recovery finds behind the last whole frame is cut, and the cut is
synced before the first append.  Recovery reads one frame at a time (REC-9).
"""

import fcntl
import os
import zlib
from collections.abc import Iterator

Record = tuple[int, bytes]

BLOCK = 1 << 16
"""Bytes that recovery copies at a time."""


class Poisoned(Exception):
    """A write or sync failed, and nothing more is accepted until the log is opened again."""


class Closed(Exception):
    """The log is closed."""


def frame(payload: bytes) -> bytes:
    """Put the length, and a checksum of both, before a payload."""
    length = len(payload).to_bytes(4, "little")
    return length + zlib.crc32(length + payload).to_bytes(4, "little") + payload


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of some bytes; a short write is an error."""
    if os.write(descriptor, data) < len(data):
        raise OSError(28, "a short write")


class Log:
    """One open log."""

    claims: tuple[str, ...] = ("journal/core", "journal/empty-records")

    permitted_by: tuple[str, ...] = ()
    """The requirements that leave room for the difference, where a check might demand too much."""

    returns_everything = False
    """Does whoever opens it hold all records?  REC-9 does not speak of these."""

    flags = 0
    """Besides create, read, write and append."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.path = f"{directory}/log"
        self.poisoned = self.closed = False
        self.discarded = 0
        os.makedirs(directory, exist_ok=True)
        sync_directory(os.path.dirname(directory))
        self.lock = os.open(f"{directory}/lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.recover()
        except BaseException:
            os.close(self.lock)
            raise

    def recover(self) -> None:
        """Cut what follows the last whole frame; write the rest anew and sync it."""
        mode = os.O_CREAT | os.O_RDWR | os.O_APPEND | self.flags
        self.file = os.open(self.path, mode, 0o644)
        self.end = self.whole()
        self.discarded = self.size() - self.end
        os.ftruncate(self.file, self.end)
        self.write_again(self.path)
        os.fsync(self.file)
        sync_directory(self.directory)

    def write_again(self, path: str) -> None:
        """Write what a file holds anew: a failed sync left its pages clean, and not durable."""
        file = os.open(path, os.O_RDWR)
        try:
            at = 0
            while data := os.pread(file, BLOCK, at):
                at += os.pwrite(file, data, at)
        finally:
            os.close(file)

    def size(self) -> int:
        """Return the size of the file."""
        return os.fstat(self.file).st_size

    def read(self, file: int, size: int, at: int) -> bytes:
        """Read bytes of a file."""
        return os.pread(file, size, at)

    def blocks(self, at: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield position and bytes of the file from a position on, a block at a time."""
        while data := self.read(self.file, BLOCK, at):
            yield at, data
            at += len(data)

    def frames(self, file: int) -> Iterator[Record]:
        """Yield offset and payload of every frame of a file, up to the first that is not whole."""
        at, size = 0, os.fstat(file).st_size
        while at + 8 <= size:
            header = self.read(file, 8, at)
            length = int.from_bytes(header[:4], "little")
            if at + 8 + length > size:
                return
            payload = self.read(file, length, at + 8)
            if header + payload != frame(payload):
                return
            yield at, payload
            at += 8 + length

    def written(self, at: int) -> int:
        """Return how many bytes follow a position, without the zeros at the end of the file."""
        stripped = ((start, data.rstrip(b"\0")) for start, data in self.blocks(at))
        return max((start + len(data) - at for start, data in stripped if data), default=0)

    def whole(self) -> int:
        """Return how many bytes of the file are whole frames."""
        return sum(8 + len(payload) for _, payload in self.frames(self.file))

    def append(self, payload: bytes, *, durable: bool) -> int:
        """Write a record, and make it durable before it is acknowledged if it is to be."""
        self.check()
        offset = self.end
        self.poisoned = True
        self.write(payload)
        if durable:
            self.flush()
        self.poisoned = False
        return offset

    def write(self, payload: bytes) -> None:
        """Write a frame at the end."""
        data = frame(payload)
        write_all(self.file, data)
        self.end += len(data)

    def flush(self) -> None:
        """Make everything that was written durable."""
        os.fsync(self.file)

    def sync(self) -> None:
        """Make everything durable, or accept nothing more."""
        self.check()
        self.poisoned = True
        self.flush()
        self.poisoned = False

    def scan(self) -> list[Record]:
        """Return every record."""
        self.check_open()
        return [(at, payload) for at, payload in self.frames(self.file) if at < self.end]

    def close(self) -> None:
        """Make everything durable, and release the lock in any case."""
        if self.closed:
            return
        self.closed = True
        try:
            if not self.poisoned:
                self.flush()
        finally:
            self.release()

    def release(self) -> None:
        """Give up descriptors and the lock."""
        os.close(self.file)
        os.close(self.lock)

    def check_open(self) -> None:
        """Raise if the log is closed."""
        if self.closed:
            raise Closed

    def check(self) -> None:
        """Raise if nothing can be appended."""
        self.check_open()
        if self.poisoned:
            raise Poisoned
