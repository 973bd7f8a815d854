"""
The content of files as sectors, of which those that hold only zeros are left out.

Logs preallocate: a file may have 64 MB and hold a few records.  What it costs to keep such a
file, to change it, to compare it and to write it somewhere goes by what it holds, not by its
length.
"""

from collections.abc import Iterator, Mapping

from attrs import define, field, frozen

ZEROS_AT_ONCE = 1 << 12
"""Bytes that are looked at together, when zeros are to be passed over."""


@define
class SparseFile:
    """The content of a file that is being written."""

    sector_bytes: int
    size: int = 0
    sectors: dict[int, bytes] = field(factory=dict)
    """Whole sectors by number, with zeros behind the end of the file; none that is all zeros."""

    @classmethod
    def of(cls, content: bytes, sector_bytes: int) -> "SparseFile":
        """Take over a content."""
        return cls(sector_bytes, len(content), sectors_of(content, sector_bytes))

    def __len__(self) -> int:
        return self.size

    def sector(self, number: int) -> bytes:
        """Return a sector as a disk holds it: whole, with zeros behind the end of the file."""
        return self.sectors.get(number, bytes(self.sector_bytes))

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes into the file, behind zeros where it is shorter than `offset`."""
        width, end = self.sector_bytes, offset + len(data)
        for number in range(offset // width, -(-end // width)):
            start = number * width
            if start >= offset and start + width <= end:
                self._put(number, data[start - offset : start - offset + width])
            else:
                whole = bytearray(self.sector(number))
                first, last = max(offset, start), min(end, start + width)
                whole[first - start : last - start] = data[first - offset : last - offset]
                self._put(number, bytes(whole))
        self.size = max(self.size, end)

    def truncate(self, size: int) -> None:
        """Cut the file off, or let it grow by zeros."""
        if size < self.size:
            first, kept = divmod(size, self.sector_bytes)
            for number in [number for number in self.sectors if number > first]:
                del self.sectors[number]
            self._put(first, self.sector(first)[:kept].ljust(self.sector_bytes, b"\0"))
        self.size = size

    def _put(self, number: int, content: bytes) -> None:
        if content.strip(b"\0"):
            self.sectors[number] = content
        else:
            self.sectors.pop(number, None)


@frozen
class SparseContent:
    """The content of a file at rest: what it differs in from another, and that other."""

    size: int
    sector_bytes: int
    sectors: Mapping[int, bytes]
    """Whole sectors; a missing one is zeros."""

    changed: Mapping[int, bytes]
    """What stands in their place."""

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Yield the offset and the bytes of each sector that is written, up to the end."""
        width = self.sector_bytes
        for number in sorted(self.sectors.keys() | self.changed.keys()):
            start = number * width
            content = self.changed.get(number) or self.sectors[number]
            if start < self.size and content.strip(b"\0"):
                yield start, content[: self.size - start]

    def __bytes__(self) -> bytes:
        content = bytearray(self.size)
        for start, data in self.pieces():
            content[start : start + len(data)] = data
        return bytes(content)


class SparseFiles(Mapping[str, bytes]):
    """Files by path, whose contents are put together when somebody wants them."""

    def __init__(self, contents: Mapping[str, SparseContent]) -> None:
        self.contents = contents

    def __getitem__(self, path: str) -> bytes:
        return bytes(self.contents[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self.contents)

    def __len__(self) -> int:
        return len(self.contents)


def sectors_of(content: bytes, sector_bytes: int) -> dict[int, bytes]:
    """Return the sectors of a content, without those that hold only zeros."""
    width = sector_bytes
    step = max(ZEROS_AT_ONCE // width, 1) * width
    view, zeros = memoryview(content), bytes(step)
    found: dict[int, bytes] = {}
    for first in range(0, len(content), step):
        part = view[first : first + step]
        if part == zeros[: len(part)]:
            continue
        for start in range(first, min(first + step, len(content)), width):
            sector = bytes(view[start : start + width])
            if sector.strip(b"\0"):
                found[start // width] = sector.ljust(width, b"\0")
    return found
