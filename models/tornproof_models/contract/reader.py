"""
The contract of a reader, given what the writer had done before and after each look.

A look begins at an offset and shows records until it comes to the tail, or to a
reason to stop.  The writer does not wait meanwhile, so a look is judged between
two moments.  What was there at the first *must* be shown, if it is still there;
what was begun by the second *may* be.  Between the two lies all the freedom that
a reader has.

Nothing here knows of files, or of watermarks.  What is durable enough to be
shown, or to have to be shown, is part of a moment, and whoever makes the moment
has to find out by other means than the reader's.
"""

from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen

from tornproof_models.contract.journal import Record, Violation, describe

JUDGES = frozenset({*(f"RDR-{number}" for number in range(1, 7)), "SEG-9"})
"""The requirements that a reader can violate."""


class Ended(StrEnum):
    """Why a look came to its end."""

    TAIL = "not yet"
    """The next record is not there, or not whole, yet."""

    TRIMMED = "trimmed"
    """The next record was removed by cleanup."""


@frozen
class Moment:
    """What is true of a journal at one moment."""

    records: tuple[Record, ...]
    """Every record whose append has begun, in order, the removed ones included."""

    first: int
    """Offset of the first record that cleanup has left."""

    promised: int
    """How many of the records a reader must be able to show."""

    allowed: int
    """How many of them a reader may show."""


@frozen
class Look:
    """One look of a reader: where it began, what it showed, and why it ended."""

    start: int
    records: tuple[Record, ...]
    ended: str
    """A value of `Ended`, or the error that came instead."""


def judge(look: Look, before: Moment, after: Moment) -> list[Violation]:
    """Judge one look, which began not before one moment and ended not after another."""
    position = sum(1 for offset, _ in after.records if offset < look.start)
    for record in look.records:
        if violation := _judge_record(record, position, after):
            return [violation]
        position += 1
    return _judge_end(look.ended, position, before, after)


def judge_recovery(
    shown: Sequence[Record], recovered: Sequence[Record], first: int
) -> list[Violation]:
    """
    Judge what a recovery kept of what a reader of durable records had shown before.

    Cleanup has removed what lies below `first`, the offset at which the journal begins.
    """
    kept = dict(recovered)
    for offset, payload in shown:
        if kept.get(offset) == payload or offset < first:
            continue
        record = describe((offset, payload))
        if offset in kept:
            message = f"a reader showed {record}; now {describe((offset, kept[offset]))} is there"
            return [Violation("SEG-9", message)]
        return [Violation("RDR-6", f"a reader showed {record}, and a crash took it away")]
    return []


def judge_writes(operations: int) -> list[Violation]:
    """Judge the operations with which a reader changed the disk."""
    if operations:
        return [Violation("RDR-2", f"the reader changed the disk {operations} times")]
    return []


def _judge_record(record: Record, position: int, after: Moment) -> Violation | None:
    """Judge a record that was shown as the one with a number."""
    expected = after.records[position] if position < len(after.records) else None
    if record != expected:
        return _judge_wrong_record(record, expected, position, after)
    if position >= after.allowed:
        return Violation("RDR-6", f"{describe(record)} was shown before it was durable")
    return None


def _judge_wrong_record(
    record: Record, expected: Record | None, position: int, after: Moment
) -> Violation:
    """Name what is wrong with a record that is not the next one."""
    if record in after.records[:position]:
        return Violation("RDR-5", f"{describe(record)} was shown again")
    if expected is not None and record in after.records:
        if expected[0] < after.first:
            message = f"{describe(expected)} was removed; instead of an error, {describe(record)}"
            return Violation("RDR-4", message)
        return Violation("RDR-5", f"{describe(expected)} was skipped for {describe(record)}")
    return Violation("RDR-3", f"{describe(record)} was shown and never appended there")


def _judge_end(ended: str, position: int, before: Moment, after: Moment) -> list[Violation]:
    """Judge why a look ended before the record with a number."""
    following = after.records[position] if position < len(after.records) else None
    removed = following is not None and following[0] < after.first
    if ended == Ended.TRIMMED:
        if removed:
            return []
        name = "the tail" if following is None else describe(following)
        return [Violation("RDR-4", f"{name} is called trimmed; the first one kept: {after.first}")]
    if ended != Ended.TAIL:
        return [Violation("RDR-3", f"the look ended with {ended}")]
    if following is None:
        return []
    if following[0] < before.first:
        return [Violation("RDR-4", f"{describe(following)} was removed, and is called 'not yet'")]
    if position < before.promised and not removed:
        message = f"{describe(following)} was there before the look, and is called 'not yet'"
        return [Violation("RDR-1", message)]
    return []
