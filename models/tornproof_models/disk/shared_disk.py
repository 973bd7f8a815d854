"""
A disk as another process sees it while a writer works.

The page cache is one for all processes, so whoever looks between two operations
of a writer sees the first and not the second.  `Replay` lets a recorded trace go
by, event by event, and can be read at every moment in between.  It can also be
written to from any moment on: the process that made the trace has been killed,
and another one takes over.

A write is not one moment but many.  `split` cuts it into pieces, so that one can
look, or kill, when only some of them have been done.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from tornproof_models.disk.filesystem import ModelFile, ModelFilesystem
from tornproof_models.disk.trace import (
    Create,
    Event,
    Exchange,
    Image,
    Link,
    MakeDirectory,
    Rename,
    Stored,
    Truncate,
    Unlink,
    Write,
)


class Replay(ModelFilesystem):
    """A simulated disk on which events recorded elsewhere can be done again."""

    read_ahead = 64
    """Little at a time, so that much may happen between two reads."""

    def __init__(self, image: Image | None = None) -> None:
        super().__init__(image)
        self.between: Callable[[], None] = lambda: None
        """Called before each operation that reads: what happens in the meantime."""
        self.applied = 0
        """How many of the events came from elsewhere."""

    def apply(self, event: Event) -> None:
        """Do what an event did, to the same inodes; marks and syncs are only recorded."""
        match event:
            case Create(directory, name, inode):
                self._names.entries[directory][name] = inode
                self._content[inode] = bytearray()
                self._next_inode = max(self._next_inode, inode + 1)
            case MakeDirectory(directory, name, inode):
                self._names.entries[directory][name] = inode
                self._names.entries[inode] = {}
                self._next_inode = max(self._next_inode, inode + 1)
            case Link(directory, name, inode):
                self._names.entries[directory][name] = inode
            case Rename(source_directory, source, target_directory, target):
                inode = self._names.entries[source_directory].pop(source)
                self._names.entries[target_directory][target] = inode
            case Exchange(directory, name, other_directory, other):
                one, two = self._names.entries[directory], self._names.entries[other_directory]
                one[name], two[other] = two[other], one[name]
            case Unlink(directory, name):
                del self._names.entries[directory][name]
            case Write(inode, offset, data):
                self._put(inode, offset, data)
            case Stored(inode, parts):
                for offset, data in parts:  # it never makes a file grow
                    left = max(len(self._content[inode]) - offset, 0)
                    if left:
                        self._put(inode, offset, data[:left])
            case Truncate(inode, size):
                content = self._content[inode]
                content.extend(bytes(max(size - len(content), 0)))
                del content[size:]
        self.events.append(event)
        self.applied += 1

    def _put(self, inode: int, offset: int, data: bytes) -> None:
        content = self._content[inode]
        content.extend(bytes(max(offset - len(content), 0)))
        content[offset : offset + len(data)] = data

    @property
    def changed(self) -> int:
        """How many operations did not come from elsewhere."""
        return len(self.events) - self.applied

    # What a reader does, one operation at a time

    def open_for_reading(self, path: str) -> ModelFile:
        """Open a file that exists by now."""
        self.between()
        return super().open_for_reading(path)

    def list_directory(self, path: str) -> list[str]:
        """Return the names that are there by now."""
        self.between()
        return super().list_directory(path)

    def read_inode(self, inode: int, offset: int, size: int) -> bytes:
        """Read what is there by now, even of a file that has lost its name."""
        self.between()
        return super().read_inode(inode, offset, size)


def split(event: Event) -> Iterator[Event]:
    """
    Cut a write into pieces; other events are done in one.

    The pieces end where a reader of frames could be misled: after a byte, within
    a header, at its end, and before the last byte.
    """
    if not isinstance(event, Write):
        yield event
        return
    size = len(event.data)
    cuts = sorted({0, min(1, size), min(8, size), min(40, size), max(size - 1, 0), size})
    for start, end in pairwise(cuts):
        yield Write(event.inode, event.offset + start, event.data[start:end])
