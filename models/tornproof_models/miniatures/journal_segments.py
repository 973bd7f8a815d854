"""
Miniatures that are wrong about names, offsets, or who may write.
"""

# ruff: noqa: ARG002 (a step gone wrong may ignore what it is given)

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext

from tornproof.errors import BeyondEnd, NotABoundary, TooLarge, Trimmed
from tornproof.filesystem import File

from tornproof_models.contract.journal import Record
from tornproof_models.miniatures.small_frames import Damage
from tornproof_models.miniatures.small_journal import SmallJournal
from tornproof_models.miniatures.small_recovery import write_all

# Order and offsets


class OffsetsPerSegment(SmallJournal):
    """
    Counts offsets from the beginning of each segment.

    Rotation → an offset names as many records as there are segments.
    """

    breaks = frozenset({"JRN-1"})

    def offset_of(self, base: int, position: int) -> int:
        """Forget the base."""
        return position


class NewestSegmentFirst(SmallJournal):
    """
    Scans the active segment first, because it is at hand.

    Rotation → records come back in another order.
    """

    breaks = frozenset({"JRN-1", "JRN-2"})

    def scan(self) -> Iterator[Record]:
        """Begin where the file is open."""
        self.check_not_closed()
        for base in reversed(self.sizes):
            yield from self.records(base)


class StalePositionTrusted(SmallJournal):
    """
    Keeps the position to write at in a file of its own, which it writes when it closes.

    Kill → new records overwrite those appended since the last close.
    Source: nsqio/go-diskqueue#28 (2021).
    """

    breaks = frozenset({"REC-8", "SEG-9"})
    position: int | None = None

    def recover(self) -> None:
        """Recover, and read where to go on."""
        super().recover()
        with closing(self.position_file()) as file:
            self.position = int.from_bytes(file.read_at(0, 8))

    def next_base(self) -> int:
        """Begin the first segment at the position that was kept."""
        if self.position is None:
            return super().next_base()
        base, self.position = self.position, None
        self.sizes = {kept: size for kept, size in self.sizes.items() if kept < base}
        return base

    def close(self) -> None:
        """Close, and keep the position."""
        super().close()
        with closing(self.position_file()) as file:
            write_all(file, 0, self.end.to_bytes(8))
            file.sync()

    def position_file(self) -> File:
        """Open the file that holds the position."""
        return self.filesystem.open(f"{self.directory}/position", create=True)


# Names


class DecimalNames(SmallJournal):
    """
    Names its segments in decimal digits.

    Nothing → every tool that knows the format looks for its records in the wrong place.
    """

    breaks = frozenset({"REC-1", "SEG-1", "SEG-2"})

    def name_of(self, base: int) -> str:
        """Write what people read."""
        return f"{base:016d}.wal"

    def base_of(self, name: str) -> int | None:
        """Read it back."""
        return None if super().base_of(name) is None else int(name[:16])


class NamesSortedAsText(SmallJournal):
    """
    Pads the names of its segments to three digits, and sorts them as text.

    Much data → beyond the third digit the order is another one, and it does not open.
    Source: prometheus/prometheus#6979 (2020).
    """

    breaks = frozenset({"REC-1", "SEG-1"})

    def name_of(self, base: int) -> str:
        """Write three digits at least."""
        return f"{base:03x}.wal"

    def base_of(self, name: str) -> int | None:
        """Read however many there are."""
        digits, _, suffix = name.partition(".")
        is_number = len(digits) >= 3 and all(each in "0123456789abcdef" for each in digits)
        return int(digits, 16) if suffix == "wal" and is_number else None

    def list_segments(self) -> list[int]:
        """Keep the order of the listing."""
        return sorted(super().list_segments(), key=self.name_of)


class BasesRoundedUp(SmallJournal):
    """
    Begins each segment at a multiple of 64, as if files were pages.

    Nothing → offsets have gaps, and nobody can tell a gap from a loss.
    """

    breaks = frozenset({"JRN-1", "REC-1", "SEG-2"})

    def base_after(self, end: int) -> int:
        """Round up."""
        return -(-end // 64) * 64


# Addresses


class OffByOneSearch(SmallJournal):
    """
    Looks for the first record of a segment in the segment before.

    Rotation → reading at the offset of an append fails.
    """

    breaks = frozenset({"JRN-2", "SEG-3"})

    def search(self, bases: Sequence[int], offset: int) -> int:
        """Find the last base below the offset, or at it if it is the first."""
        return max(bisect_left(bases, offset) - 1, 0)


class BoundaryUnchecked(SmallJournal):
    """
    Reads a frame at whatever offset it is given.

    A payload that contains a frame → a record that nobody appended.
    """

    breaks = frozenset({"SEG-8"})

    def read_in(self, base: int, offset: int) -> bytes:
        """Go there at once."""
        with closing(self.filesystem.open_for_reading(self.path(base))) as file:
            position = offset - base
            found = self.read_frame(file, position, self.sizes[base] - position)
        if isinstance(found, Damage):
            raise NotABoundary(f"offset {offset} lies inside a record")
        return found


class OneErrorForAll(SmallJournal):
    """
    Has one error for every offset that it cannot read.

    Cleanup → a follower waits for ever for a record that was removed.
    """

    breaks = frozenset({"SEG-8"})

    def read(self, offset: int) -> bytes:
        """Call all of them out of range."""
        try:
            return super().read(offset)
        except (NotABoundary, Trimmed):
            raise BeyondEnd(f"offset {offset} is out of range") from None


# Records and the size of segments


class FrameSpansSegments(SmallJournal):
    """
    Fills each segment to its last byte.

    Rotation → no segment can be read, checked or removed by itself.
    """

    breaks = frozenset({"REC-1", "SEG-5", "SEG-6"})

    def fits(self, frame: bytes) -> bool:
        """Make room by cutting the frame."""
        return self.sizes[self.last] < self.options.segment_bytes

    def write_frame(self, frame: bytes) -> None:
        """Write what there is room for, and the rest into the next segment."""
        room = self.options.segment_bytes - self.sizes[self.last]
        super().write_frame(frame[:room])
        if len(frame) > room:
            self.start_segment()
            self.write_frame(frame[room:])


class OversizeRecordRefused(SmallJournal):
    """
    Refuses a record that does not fit into a segment.

    Nothing → a size that was a wish becomes a limit that nobody stated.
    Source: rosedblabs/wal#6 (2023).
    """

    breaks = frozenset({"SEG-6"})

    def check_payload(self, payload: bytes) -> None:
        """Refuse what needs more than a segment."""
        super().check_payload(payload)
        if len(self.encode(payload)) > self.options.segment_bytes:
            raise TooLarge(f"{len(payload)} bytes do not fit into a segment")


class OversizeRecordUnseen(SmallJournal):
    """
    Writes a record larger than a segment, and reads no further than a segment's size.

    Restart → the record was acknowledged and is gone.
    Source: Log2n-io/Typhon#785 (2026).
    """

    breaks = frozenset({"JRN-3", "REC-1", "SEG-6"})

    def walk(self, file: File, size: int) -> Iterator[tuple[int, bytes | Damage]]:
        """Stop where a segment ends on paper."""
        return super().walk(file, min(size, self.options.segment_bytes))


# One writer


class NoLock(SmallJournal):
    """
    Lets everybody write.

    A second process → both acknowledge, and one overwrites the other.
    """

    breaks = frozenset({"JRN-9"})

    def lock(self) -> AbstractContextManager[object]:
        """Trust the operator."""
        return nullcontext()


class LockOutlivesItsHolder(SmallJournal):
    """
    Locks by making a file, and unlocks by removing it.

    Kill → does not open until somebody removes the file by hand.
    Source: avelino/chrondb#86 (2026).
    """

    breaks = frozenset({"JRN-9", "REC-1"})

    def lock(self) -> AbstractContextManager[object]:
        """Make the file, or find that somebody has."""
        path = f"{self.directory}/writer.lock"
        try:
            self.filesystem.open(path, create=True, exclusive=True).close()
        except FileExistsError as error:
            raise BlockingIOError(error.errno, error.strerror) from None
        held = ExitStack()
        held.callback(self.filesystem.unlink, path)
        return held
