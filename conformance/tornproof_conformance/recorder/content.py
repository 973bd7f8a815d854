"""
The content of a file as the recorder knows it.

A log may preallocate a segment of a gigabyte and write a few records.  The bytes are kept in
memory that the kernel fills with zeros when it is first touched, so that what a file costs goes
by what was written to it, not by its length.
"""

import mmap

from attrs import define, field
from tornproof_models.disk.sparse import SparseContent


def _private_memory() -> mmap.mmap:
    return mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


@define(eq=False)
class FileContent:
    """What is in a file."""

    memory: mmap.mmap = field(factory=_private_memory)
    """Whole pages, with zeros behind the end of the file."""

    _size: int = 0

    @classmethod
    def of(cls, content: bytes | SparseContent) -> "FileContent":
        """Take over the content of a file at rest."""
        file = cls()
        if isinstance(content, bytes):
            file.write(0, content)
            return file
        file.resize(content.size)
        for offset, data in content.pieces():
            file.write(offset, data)
        return file

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """Return bytes, as far as the file goes."""
        start, end, _ = part.indices(self._size)
        return self.memory[start:end]

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes into the file, behind zeros where it is shorter than `offset`."""
        end = offset + len(data)
        if end > self._size:
            self.resize(end)
        self.memory[offset:end] = data

    def resize(self, size: int) -> None:
        """Cut the file off, or let it grow by zeros."""
        pages = max(-(-size // mmap.PAGESIZE), 1) * mmap.PAGESIZE
        if pages != len(self.memory):
            self.memory.resize(pages)
        if size < self._size:
            rest = min(self._size, pages) - size
            self.memory[size : size + rest] = bytes(rest)
        self._size = size

    def changed(self, offset: int, data: bytes) -> tuple[int, bytes]:
        """Leave out what is known at the beginning and at the end of bytes; perhaps all of them."""
        before = self[offset : offset + len(data)]
        pairs = enumerate(zip(before, data, strict=False))
        places = [place for place, (old, new) in pairs if old != new]
        if not places:
            return offset, b""
        return offset + places[0], data[places[0] : places[-1] + 1]
