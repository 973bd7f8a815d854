"""
A filesystem in memory that records a trace and can fail.

It behaves as the page cache does: everything written can be read back at once,
whether or not it would survive.  What would survive is not its business; it
records what was asked, and the registers decide.

`fail` arms a fault for the Nth operation from then on.  Running a workload once
for every N, with every kind of fault, is how SQLite tests itself, and misses no
error path (https://www.sqlite.org/testing.html).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define

from tornproof_models.disk.faults import FULL, NAME, READ, SHORT, SYNC, WRITE, Fault, Kind
from tornproof_models.disk.names import Names, exists, is_a_directory, missing
from tornproof_models.disk.trace import (
    Create,
    Event,
    Image,
    MakeDirectory,
    Rename,
    Sync,
    SyncDirectory,
    SyncFailed,
    Trace,
    Truncate,
    Unlink,
    Write,
)


class ModelFilesystem:
    """
    The disk of a workload under judgement.

    Starts from an image; keeps every operation in `events`, where the caller
    adds marks.  Paths are absolute.
    """

    read_ahead = 64 << 10
    """What files say is worth reading at once."""

    def __init__(self, image: Image | None = None) -> None:
        self.initial = image or Image()
        self.events: list[Event] = []
        self.kinds: list[Kind] = []
        """The sort of each operation so far, failed ones included."""
        self.largest_read = 0
        """Bytes of the largest read that was asked for: what a reader would allocate."""

        self._faults: dict[int, Fault] = {}
        self._struck: list[int] = []
        self._names = Names(self.initial)
        self._content: dict[int, bytearray] = {
            self._names.inodes[path]: bytearray(content)
            for path, content in self.initial.files.items()
        }
        self._next_inode = len(self._names.inodes) + 1
        self._locks: dict[tuple[int, str], object] = {}

    @property
    def operations(self) -> int:
        """How many operations there were: what `fail` counts."""
        return len(self.kinds)

    @property
    def trace(self) -> Trace:
        """Everything so far."""
        return Trace(self.initial, tuple(self.events))

    @property
    def image(self) -> Image:
        """The tree as a program sees it now."""
        found = list(self._names.walk())
        return Image(
            {path: bytes(self._content[inode]) for path, inode in found if inode in self._content},
            frozenset(path for path, inode in found if inode not in self._content),
        )

    def fail(self, nth: int, fault: Fault) -> None:
        """Arm a fault for the `nth` operation from now on, counted from 1."""
        self._faults[self.operations + nth] = fault

    def disarm(self) -> None:
        """Forget the faults that have not struck."""
        self._faults.clear()

    @property
    def armed(self) -> bool:
        """Whether a fault is waiting to strike."""
        return bool(self._faults)

    def struck_since(self, operations: int) -> bool:
        """Tell whether a fault has struck after so many operations."""
        return any(number > operations for number in self._struck)

    # The Filesystem protocol

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> "ModelFile":
        """Open a file, making it if asked to."""
        directory, name = self._names.parent(path)
        inode = self._names.entries[directory].get(name)
        if inode is None:
            if not create:
                raise missing(path)
            self._strike(NAME)
            inode = self._next_inode
            self._next_inode += 1
            self._names.entries[directory][name] = inode
            self._content[inode] = bytearray()
            self.events.append(Create(directory, name, inode))
        elif create and exclusive:
            raise exists(path)
        elif inode in self._names.entries:
            raise is_a_directory(path)
        return ModelFile(self, inode)

    def open_for_reading(self, path: str) -> "ModelFile":
        """Open a file that exists."""
        return self.open(path)

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory, sorted."""
        self._strike(READ)
        return sorted(self._names.entries[self._names.directory(path)])

    def make_directory(self, path: str) -> None:
        """Create a directory."""
        directory, name = self._names.parent(path)
        if name in self._names.entries[directory]:
            raise exists(path)
        self._strike(NAME)
        inode = self._next_inode
        self._next_inode += 1
        self._names.entries[directory][name] = inode
        self._names.entries[inode] = {}
        self.events.append(MakeDirectory(directory, name, inode))

    def rename(self, source: str, target: str) -> None:
        """Give a file another name, replacing the file that bore it."""
        source_directory, source_name = self._names.parent(source)
        target_directory, target_name = self._names.parent(target)
        if source_name not in self._names.entries[source_directory]:
            raise missing(source)
        inode = self._names.entries[source_directory][source_name]
        replaced = self._names.entries[target_directory].get(target_name)
        if inode in self._names.entries or replaced in self._names.entries:
            raise is_a_directory(target)
        self._strike(NAME)
        if replaced == inode:
            return
        del self._names.entries[source_directory][source_name]
        self._names.entries[target_directory][target_name] = inode
        self.events.append(Rename(source_directory, source_name, target_directory, target_name))

    def unlink(self, path: str) -> None:
        """Remove the name of a file."""
        directory, name = self._names.parent(path)
        if name not in self._names.entries[directory]:
            raise missing(path)
        if self._names.entries[directory][name] in self._names.entries:
            raise is_a_directory(path)
        self._strike(NAME)
        del self._names.entries[directory][name]
        self.events.append(Unlink(directory, name))

    def sync_directory(self, path: str) -> None:
        """Record that a directory's names were synced, or that this failed."""
        inode = self._names.directory(path)
        self.sync_inode(inode, SyncDirectory(inode))

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold a lock; the file is not part of the trace, since it is never written."""
        directory, name = self._names.parent(path)
        key = (directory, name)
        if key in self._locks:
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), path)
        holder = self._locks[key] = object()
        try:
            yield
        finally:
            # a process that died may be cleaned up when another holds the lock
            if self._locks.get(key) is holder:
                del self._locks[key]

    def release_locks(self) -> None:
        """Let go of every lock, as the kernel does when a process dies."""
        self._locks.clear()

    # What files ask of it

    def content(self, inode: int) -> bytearray:
        """Return the live content of a file."""
        return self._content[inode]

    def worth_reading(self, _inode: int) -> int:
        """Return how many bytes of a file are worth reading at once."""
        return self.read_ahead

    def read_inode(self, inode: int, offset: int, size: int) -> bytes:
        """Read from the page cache."""
        self._strike(READ)
        if size > self.largest_read:
            self.largest_read = size
        return bytes(self._content[inode][offset : offset + size])

    def write_inode(self, inode: int, offset: int, data: bytes) -> int:
        """Write to the page cache, perhaps less than asked."""
        fault = self._strike(WRITE)
        if fault in SHORT:
            data = data[: max(len(data) // 2, 1)]
            if fault is Fault.SHORT_THEN_NO_SPACE:
                self.fail(1, Fault.NO_SPACE)
        content = self._content[inode]
        if data:
            content.extend(bytes(max(offset - len(content), 0)))
            content[offset : offset + len(data)] = data
        self.events.append(Write(inode, offset, bytes(data)))
        if fault and fault is Fault.ERROR_AFTER:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return len(data)

    def truncate_inode(self, inode: int, size: int) -> None:
        """Set a file's size in the page cache."""
        self._strike(NAME)
        content = self._content[inode]
        content.extend(bytes(max(size - len(content), 0)))
        del content[size:]
        self.events.append(Truncate(inode, size))

    def sync_inode(self, inode: int, success: Sync | SyncDirectory) -> None:
        """Record a sync, or its failure."""
        if self._strike(SYNC) is not None:
            self.events.append(SyncFailed(inode))
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.events.append(success)

    # Faults

    def _strike(self, kind: Kind) -> Fault | None:
        """Count an operation; raise its fault, or return one that the caller acts out."""
        self.kinds.append(kind)
        if not self._faults:
            return None
        fault = self._faults.pop(self.operations, None)
        if fault is not None:
            self._struck.append(self.operations)
        if fault is None or kind is SYNC:
            return fault
        if fault in FULL and kind is not READ:
            raise OSError(FULL[fault], os.strerror(FULL[fault]))
        if fault is Fault.ERROR or kind is not WRITE:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return fault


@define
class ModelFile:
    """An open file of a `ModelFilesystem`."""

    _filesystem: ModelFilesystem
    _inode: int

    @property
    def read_ahead(self) -> int:
        """How many bytes are worth reading at once."""
        return self._filesystem.worth_reading(self._inode)

    def read_at(self, offset: int, size: int) -> bytes:
        """Read what the page cache holds."""
        return self._filesystem.read_inode(self._inode, offset, size)

    def write_at(self, offset: int, data: bytes) -> int:
        """Write, perhaps less than asked."""
        return self._filesystem.write_inode(self._inode, offset, data)

    def truncate(self, size: int) -> None:
        """Set the size in bytes."""
        self._filesystem.truncate_inode(self._inode, size)

    def sync(self) -> None:
        """Record a sync, or its failure."""
        self._filesystem.sync_inode(self._inode, Sync(self._inode, data_only=True))

    def size(self) -> int:
        """Return the size in bytes."""
        return len(self._filesystem.content(self._inode))

    def close(self) -> None:
        """Let go of the file, which costs a simulated disk nothing."""
