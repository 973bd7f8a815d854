"""
Compare mapped files with what is known of them.

A store through a shared mapping is in the page cache at once, so whoever reads the file
sees it.  The file is read and compared piece by piece, holes are passed over, and sectors
that differ are what has been stored since the last time, in an order that nobody knows.
It is read, and not mapped, because it may be cut short meanwhile.
"""

import ctypes
import os
from collections.abc import Iterable, Iterator

from attrs import define, field

from tornproof_conformance.recorder.content import FileContent
from tornproof_conformance.recorder.ptrace.kernel import PAGE, libc
from tornproof_conformance.recorder.ptrace.pages import WatchedRange

PIECE, SECTOR = 1 << 18, 1 << 9

_buffer = bytearray(PIECE)
_buffer_at = ctypes.addressof(ctypes.c_char.from_buffer(_buffer))


@define(eq=False)
class MappedFile:
    """One file that somebody may change without a call."""

    descriptor: int
    """The tracer's own; it outlives those of the traced."""

    ranges: list[WatchedRange] | None = field(factory=list)
    """Mappings of which the kernel says what was stored; none if it does not of all."""

    def changes(self, known: FileContent) -> list[tuple[int, bytes]]:
        """Return runs of sectors that are not as they are known: where, and what they hold."""
        size = len(known)
        places = [(start, min(start + length, size)) for start, length in self._written()]
        if self.ranges is None:
            places = list(self._data(size))
        return _differences(self.descriptor, known, places)

    def _written(self) -> list[tuple[int, int]]:
        """Say which parts of the file were stored into, as far as the kernel knows."""
        found: dict[tuple[int, int], None] = {}
        for each in self.ranges or ():
            parts = each.written()
            if parts is None:
                self.forget()
                break
            found.update(dict.fromkeys(parts))
        return [] if self.ranges is None else list(found)

    def forget(self) -> None:
        """Compare the whole file from now on."""
        for each in self.ranges or ():
            each.close()
        self.ranges = None

    def close(self) -> None:
        """Let go of the file."""
        self.forget()
        os.close(self.descriptor)

    def _data(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of the file that are no holes."""
        place = 0
        while place < size:
            try:
                data = os.lseek(self.descriptor, place, os.SEEK_DATA)
                place = os.lseek(self.descriptor, data, os.SEEK_HOLE)
            except OSError:
                return  # nothing but a hole, or cut meanwhile
            yield data - data % PAGE, min(place, size)


def differences(descriptor: int, known: FileContent) -> list[tuple[int, bytes]]:
    """Return runs of sectors of a whole file, its holes as well, that are not as they are known."""
    return _differences(descriptor, known, [(0, len(known))])


def _differences(
    descriptor: int, known: FileContent, places: Iterable[tuple[int, int]]
) -> list[tuple[int, bytes]]:
    pinned = ctypes.c_char.from_buffer(known.memory)
    known_at, found = ctypes.addressof(pinned), dict[int, bytes]()
    for first, end in places:
        for place in range(first, end, PIECE):
            length = min(PIECE, end - place)
            got = os.preadv(descriptor, [memoryview(_buffer)[:length]], place)
            if libc.memcmp(_buffer_at, known_at + place, got):
                found.update(_runs(known_at, place, got))
    del pinned  # memory that is looked at cannot be resized
    return sorted(found.items())


def _runs(known_at: int, place: int, length: int) -> Iterator[tuple[int, bytes]]:
    """Yield the sectors of the buffer that differ from what is known, neighbours together."""
    start = None
    for page in range(0, length, PAGE):
        differs = libc.memcmp(_buffer_at + page, known_at + place + page, min(PAGE, length - page))
        for sector in range(page, min(page + PAGE, length), SECTOR):
            end = min(sector + SECTOR, length)
            changed = differs and libc.memcmp(
                _buffer_at + sector, known_at + place + sector, end - sector
            )
            if changed and start is None:
                start = sector
            elif not changed and start is not None:
                yield place + start, bytes(_buffer[start:sector])
                start = None
    if start is not None:
        yield place + start, bytes(_buffer[start:length])
