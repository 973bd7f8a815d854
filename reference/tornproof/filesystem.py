"""
The few things a journal asks of a disk.

Nothing else in this package touches a file.  That keeps the list of promises
short enough to check, and lets the same journal run on a real disk and on a
simulated one that crashes at every instruction.

The protocols are small on purpose.  Reads and writes name their position, so
there is no file cursor to get wrong.  `write_at` may write less than it was
given, because the operating system may; `sync` reports failure, because the
operating system does, once.  Errors are plain `OSError`s with an `errno`.

`OsFilesystem` is the real one (POSIX).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager as ContextManager
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

AnyPath = str | os.PathLike[str]
"""What a caller may give where a path is asked for; inside, paths are text."""

READ_AHEAD = 64 << 10
"""
Bytes that are read from a real disk at a time: 64 KiB.

Large enough that a system call costs less than the checksums of what it
brings, small enough to stay in a processor's second-level cache.
"""


def plain_path(path: AnyPath) -> str:
    """Return a path as text.  Raises `TypeError` for what is none."""
    return os.fspath(path)


class File(Protocol):
    """An open file, read and written by position."""

    @property
    def read_ahead(self) -> int:
        """How many bytes are worth reading at once."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """Read up to `size` bytes from `offset`; fewer only at the end of the file."""
        ...

    def write_at(self, offset: int, data: bytes) -> int:
        """Write `data` at `offset` and return the bytes written, which may be fewer."""
        ...

    def truncate(self, size: int) -> None:
        """Set the size in bytes."""
        ...

    def sync(self) -> None:
        """Make data and size durable.  After a failure, nothing is known to be."""
        ...

    def size(self) -> int:
        """Return the size in bytes."""
        ...

    def close(self) -> None:
        """Let go of the file.  Makes nothing durable."""
        ...


class Filesystem(Protocol):
    """A tree of directories and files."""

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> File:
        """Open for reading and writing; `exclusive` insists that `create` makes it."""
        ...

    def open_for_reading(self, path: str) -> File:
        """Open for reading alone; works on a read-only disk."""
        ...

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory, sorted."""
        ...

    def make_directory(self, path: str) -> None:
        """Create a directory; its parent must exist."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Give a file another name, replacing what had it."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a name."""
        ...

    def sync_directory(self, path: str) -> None:
        """Make the names in a directory durable."""
        ...

    def lock(self, path: str) -> ContextManager[None]:
        """Hold an exclusive lock on a file, or raise `BlockingIOError` at once."""
        ...


class OsFile:
    """A file of the operating system, through one descriptor."""

    read_ahead = READ_AHEAD

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read_at(self, offset: int, size: int) -> bytes:
        """Read until `size` bytes are there or the file ends."""
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size:
            more = os.pread(self._descriptor, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def write_at(self, offset: int, data: bytes) -> int:
        """Write once; the operating system decides how much."""
        return os.pwrite(self._descriptor, data, offset)

    def truncate(self, size: int) -> None:
        """Set the size in bytes."""
        os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        """Call fdatasync, which includes the size wherever reading needs it."""
        os.fdatasync(self._descriptor)

    def size(self) -> int:
        """Return the size in bytes."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


class OsFilesystem:
    """The real disk."""

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open for reading and writing."""
        flags = os.O_RDWR | os.O_CLOEXEC
        if create:
            flags |= os.O_CREAT | (os.O_EXCL if exclusive else 0)
        return OsFile(os.open(path, flags, 0o644))

    def open_for_reading(self, path: str) -> OsFile:
        """Open for reading alone."""
        return OsFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory, sorted."""
        return sorted(entry.name for entry in Path(path).iterdir())

    def make_directory(self, path: str) -> None:
        """Create a directory."""
        Path(path).mkdir()

    def rename(self, source: str, target: str) -> None:
        """Give a file another name, atomically (POSIX rename)."""
        Path(source).replace(target)

    def unlink(self, path: str) -> None:
        """Remove a name."""
        Path(path).unlink()

    def sync_directory(self, path: str) -> None:
        """Call fsync on the directory itself: a file's fsync does not cover its name."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold `flock` on the file; the kernel lets go when the process dies."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)
