"""
The names of segments, and the offsets that they hold.

An offset counts bytes over all segments, as if the journal were one file (JRN-1).  A segment's
name is the offset of its first byte in sixteen hexadecimal digits (SEG-1), so the names sort as
the records do, and the end of one segment is the name of the next (SEG-2).  Finding the segment
of an offset is then a binary search over names, without an index (SEG-3).
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from attrs import frozen

from tornproof.errors import BeyondEnd, Corrupt, Invalid, MissingSegment, Trimmed

SUFFIX = ".wal"
TEMPORARY_SUFFIX = ".wal.tmp"
"""A segment that is being made; left behind by a crash, removed by recovery (REC-10)."""

LOCK_NAME = "writer.lock"

_SEGMENT_NAME = re.compile(r"[0-9a-f]{16}\.wal")
_TEMPORARY_NAME = re.compile(r"[0-9a-f]{16}\.wal\.tmp|[a-z0-9][a-z0-9_-]{0,62}\.cursor\.tmp")


@frozen
class Segment:
    """
    One segment file: the half-open range of offsets `[base, end)`.

    A sealed segment has a successor and is never written again.
    """

    base: int
    size: int
    sealed: bool

    @property
    def end(self) -> int:
        """Offset just past the last byte."""
        return self.base + self.size


def segment_name(base: int) -> str:
    """Name the segment whose first byte has offset `base` (SEG-1)."""
    return f"{base:016x}{SUFFIX}"


def temporary_name(base: int) -> str:
    """Name the same segment while it is being made."""
    return f"{base:016x}{TEMPORARY_SUFFIX}"


def segment_bases(names: Iterable[str]) -> list[int]:
    """Pick the segments out of a directory's names, as ascending base offsets."""
    return sorted(int(name[:16], 16) for name in names if _SEGMENT_NAME.fullmatch(name))


def temporary_names(names: Iterable[str]) -> list[str]:
    """
    Pick our own unfinished files out of a directory's names (REC-10).

    Those are segments and cursors that were being made.  A consumer that lives
    and was about to rename its cursor writes it again.
    """
    return sorted(name for name in names if _TEMPORARY_NAME.fullmatch(name))


def check_contiguous(before: Segment, base: int) -> None:
    """
    Insist that the segment named `base` begins where the one before it ends.

    Raises `MissingSegment` if there is a hole between them (SEG-2, REC-6), and
    `Corrupt` if they overlap, which no writer does (REC-5).
    """
    if before.end < base:
        raise MissingSegment(
            f"no segment holds offsets {before.end} to {base}: {segment_name(before.base)} ends at "
            f"{before.end} and the next is {segment_name(base)}; restore the missing or shortened "
            "file from a copy"
        )
    if before.end > base:
        raise Corrupt(
            f"{segment_name(before.base)} ends at {before.end}, inside the next segment, "
            f"{segment_name(base)}; nothing was changed: restore the files from a copy"
        )


def removable_segments(segments: Sequence[Segment], cursors: Iterable[int]) -> tuple[Segment, ...]:
    """
    Pick the segments that cleanup may remove, oldest first (SEG-7).

    Those are the sealed ones that end at or below every cursor; without a
    cursor nobody has said that anything is finished with, so there are none.
    """
    lowest = min(cursors, default=0)
    return tuple(segment for segment in segments if segment.sealed and segment.end <= lowest)


def resolve(bases: Sequence[int], end: int, offset: int) -> int:
    """
    Find the segment that holds `offset`, as an index into ascending `bases`.

    `end` is the offset just past the journal's last byte.  Raises `Trimmed`
    below the first segment and `BeyondEnd` at or past the end (SEG-3, SEG-8),
    `Invalid` below zero.
    """
    if offset < 0:
        raise Invalid(f"offset {offset} is negative")
    if not bases or offset >= end:
        raise BeyondEnd(f"offset {offset} is at or beyond the end of the journal, {end}")
    if offset < bases[0]:
        raise Trimmed(f"offset {offset} was removed by cleanup: the first one kept is {bases[0]}")
    return bisect_right(bases, offset) - 1
