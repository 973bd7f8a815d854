"""
Contracts on finding offsets and on removing segments.
"""

from itertools import pairwise

from tornproof.errors import BeyondEnd, Corrupt, Invalid, MissingSegment, Trimmed
from tornproof.journal.scanning import INDEX_BYTES, SparseIndex
from tornproof.journal.segments import (
    Segment,
    check_contiguous,
    removable_segments,
    resolve,
    segment_bases,
    segment_name,
)


def ascending(numbers: list[int]) -> bool:
    """Tell whether numbers rise strictly, from zero or more."""
    return all(number >= 0 for number in numbers) and all(a < b for a, b in pairwise(numbers))


def an_offset_lies_in_the_segment_that_is_found(bases: list[int], end: int, offset: int) -> None:
    """Binary search finds what a linear one would (SEG-3)."""
    assert len(bases) <= 4
    assert ascending(bases)
    assert bases
    assert bases[-1] < end
    assert bases[0] <= offset < end

    number = resolve(bases, end, offset)

    assert bases[number] <= offset
    assert number + 1 == len(bases) or offset < bases[number + 1]


def an_offset_outside_is_one_of_three_mistakes(bases: list[int], end: int, offset: int) -> None:
    """Negative, removed and not yet written are told apart (SEG-8)."""
    assert len(bases) <= 4
    assert ascending(bases)
    assert not bases or bases[-1] <= end
    assert not bases or offset < bases[0] or offset >= end

    try:
        resolve(bases, end, offset)
        mistake = None
    except (Invalid, Trimmed, BeyondEnd) as error:
        mistake = type(error)

    if offset < 0:
        assert mistake is Invalid
    elif not bases or offset >= end:
        assert mistake is BeyondEnd
    else:
        assert mistake is Trimmed


def a_name_gives_its_base_back(base: int) -> None:
    """A segment's name and its base say the same (SEG-1)."""
    assert 0 <= base < 1 << 64

    bases = segment_bases([segment_name(base)])

    assert bases == [base]


def neighbours_touch(base: int, size: int, following: int) -> None:
    """A hole and an overlap are told apart, and nothing else is wrong (SEG-2, REC-6)."""
    assert base >= 0
    assert size >= 0
    assert following >= 0

    try:
        check_contiguous(Segment(base, size, sealed=True), following)
        mistake = None
    except Corrupt as error:
        mistake = type(error)

    if following > base + size:
        assert mistake is MissingSegment
    elif following < base + size:
        assert mistake is Corrupt
    else:
        assert mistake is None


def cleanup_takes_what_everybody_has_passed(sizes: list[int], cursors: list[int]) -> None:
    """What is removed is the longest front of the sealed segments below every cursor (SEG-7)."""
    assert 1 <= len(sizes) <= 3
    assert len(cursors) <= 2
    assert all(size > 0 for size in sizes)
    assert all(cursor >= 0 for cursor in cursors)
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    segments = [
        Segment(end - size, size, sealed=end != ends[-1])
        for end, size in zip(ends, sizes, strict=True)
    ]

    removable = removable_segments(segments, cursors)

    count = len(removable)
    assert list(removable) == segments[:count]
    assert count < len(segments), "the active segment stays"
    assert all(segment.end <= cursor for segment in removable for cursor in cursors)
    if cursors and count + 1 < len(segments):
        assert segments[count].end > min(cursors)
    if not cursors:
        assert not removable


def a_walk_begins_at_a_boundary_that_is_near(steps: list[int], position: int) -> None:
    """The boundary from which a walk begins is known, and not beyond its goal (SEG-8)."""
    assert len(steps) <= 3
    assert all(step > 0 for step in steps)
    assert position >= 0
    index, boundary = SparseIndex(), 0
    boundaries = [0]
    for step in steps:
        boundary += step
        boundaries.append(boundary)
        index.note(boundary)

    nearest = index.nearest(position)

    assert nearest in boundaries
    assert nearest <= position
    passed = [each for each in boundaries if each <= position]
    assert passed[-1] - nearest < INDEX_BYTES
