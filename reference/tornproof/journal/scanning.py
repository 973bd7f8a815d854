"""
Scan the frames of a file in bounded memory.

Recovery, readers and inspection all scan: from the beginning of some frame, frame by frame, to
the end or the first damage.  A scan holds one window of the file, as large as the largest
record so far (REC-9), and passes read errors on: a read error is not the end of the file
(REC-11).
"""

from bisect import bisect_right
from collections.abc import Iterator

from attrs import define, field
from blake3 import blake3
from crc32c import crc32c

from tornproof.errors import BeyondEnd, Corrupt, NotABoundary
from tornproof.filesystem import File
from tornproof.record import HEADER_BYTES, Damage, Record, decode, payload_length

INDEX_BYTES = 64 << 10
"""Bytes between the boundaries that a `SparseIndex` remembers: as much as is read at once."""

CUT_SHORT = (Damage.HEADER_CUT, Damage.PAYLOAD_CUT)
"""What is wrong with a frame where a window ends, and the file perhaps does not."""


def scan_file(
    file: File, size: int, *, maximum: int, start: int = 0
) -> Iterator[tuple[int, Record | Damage]]:
    """
    Yield each frame of `file` in `[start, size)` with its position in the file.

    `start` must be a boundary.  Damage, if any, is the last thing yielded.
    Raises `OSError` when the file cannot be read.
    """
    window, window_start, at = b"", start, start
    while at < size:
        local = at - window_start
        found = decode(window, local, maximum=maximum)
        if isinstance(found, Damage) and found in CUT_SHORT:
            header, have = window[local : local + HEADER_BYTES], len(window) - local
            want = _bytes_wanted(header, size - at, maximum, file.read_ahead)
            if want > have:
                window, window_start = file.read_at(at, want), at
                if len(window) > have:
                    continue
        yield at, found
        if isinstance(found, Damage):
            return
        at += found.frame_bytes


def _bytes_wanted(header: bytes, remaining: int, maximum: int, read_ahead: int) -> int:
    """Count the bytes to read for a frame of which at least the header is needed."""
    length = payload_length(header, remaining, maximum=maximum)
    if length is Damage.HEADER_CUT:
        length = 0
    if isinstance(length, Damage):
        return 0
    return min(max(read_ahead, HEADER_BYTES + length), remaining)


def whole_payload_length(file: File, position: int, size: int) -> int | None:
    """
    Return the payload length of the frame at `position` if it is valid, however long.

    For a frame whose length is above the maximum: torn bytes may say so, but so
    does a good record, if the journal was opened with too small a maximum.  The
    checks run over windows, so that nothing is held in memory (REC-9).
    """
    header = file.read_at(position, HEADER_BYTES)
    length = payload_length(header, size - position, maximum=size)
    if isinstance(length, Damage):
        return None
    crc, digest = crc32c(header[8:], crc32c(header[:4])), blake3()
    at, end = position + HEADER_BYTES, position + HEADER_BYTES + length
    while at < end:
        data = file.read_at(at, min(file.read_ahead, end - at))
        if not data:
            return None
        crc = crc32c(data, crc)
        digest.update(data)
        at += len(data)
    valid = crc.to_bytes(4, "little") == header[4:8] and digest.digest() == header[8:]
    return length if valid else None


@define
class SparseIndex:
    """
    Some positions in a segment at which frames are known to begin.

    A frame carries no mark that says "I begin here", and a payload may contain
    the bytes of a whole frame, so only a walk from a boundary can tell whether
    an offset is one (SEG-8).  Remembering one boundary per window keeps such
    walks short at a cost of one integer per 64 KiB; remembering the latest two
    makes them vanish for whoever reads a record again, or the one behind it.
    """

    positions: list[int] = field(factory=lambda: [0])
    latest: tuple[int, int] = (0, 0)

    def note(self, position: int) -> None:
        """Remember a boundary, for long if the last one remembered is a window away."""
        self.latest = (self.latest[1], position)
        if position - self.positions[-1] >= INDEX_BYTES:
            self.positions.append(position)

    def nearest(self, position: int) -> int:
        """Return the last remembered boundary at or before `position`."""
        sparse = self.positions[bisect_right(self.positions, position) - 1]
        return max(known for known in (sparse, *self.latest) if known <= position)


def read_record(
    file: File, size: int, position: int, index: SparseIndex, *, maximum: int
) -> Record:
    """
    Read the record whose frame begins at `position` in a segment of `size` bytes.

    Raises `NotABoundary` inside a record, `Corrupt` where a frame that was
    valid is no longer, `BeyondEnd` at or past `size`.
    """
    for at, found in scan_file(file, size, maximum=maximum, start=index.nearest(position)):
        if isinstance(found, Damage):
            raise Corrupt(f"{found.value} at byte {at} of the segment")
        index.note(at)
        if at == position:
            index.note(at + found.frame_bytes)
            return found
        if at + found.frame_bytes > position:
            raise NotABoundary(
                f"byte {position} of the segment lies inside the record at byte {at}"
            )
    raise BeyondEnd(f"byte {position} is at or beyond the end of the segment, {size}")
