"""The contracts of readers, cursors and cleanup: each question asked rightly and in vain."""

import pytest
from attrs import evolve
from tornproof_models.contract.cleanup import Held, Position, judge_cleanup
from tornproof_models.contract.journal import History, Record
from tornproof_models.contract.reader import (
    Ended,
    Look,
    Moment,
    judge,
    judge_recovery,
    judge_writes,
)

A, B, C, D = records = ((0, b"a"), (41, b"b"), (82, b"c"), (123, b"d"))
QUIET = Moment(records, first=0, promised=3, allowed=3)
"""Four records have begun; three are durable."""

CLEANED = evolve(QUIET, first=82)


def broken(
    start: int,
    shown: tuple[Record, ...],
    ended: str = Ended.TAIL,
    before: Moment = QUIET,
    after: Moment = QUIET,
) -> str:
    """The requirement that a look violates, if any."""
    return ", ".join(each.requirement for each in judge(Look(start, shown, ended), before, after))


@pytest.mark.parametrize(
    ("start", "shown", "ended", "before", "after"),
    [
        (0, (A, B, C), Ended.TAIL, QUIET, QUIET),
        (41, (B, C), Ended.TAIL, QUIET, QUIET),
        (123, (), Ended.TAIL, QUIET, QUIET),
        (164, (), Ended.TAIL, QUIET, QUIET),
        # between two moments, either is right
        (0, (A, B, C), Ended.TAIL, evolve(QUIET, promised=1), QUIET),
        (0, (A,), Ended.TAIL, evolve(QUIET, promised=1), QUIET),
        (0, (A, B, C, D), Ended.TAIL, QUIET, evolve(QUIET, allowed=4)),
        (0, (), Ended.TRIMMED, QUIET, CLEANED),
        (0, (A,), Ended.TRIMMED, QUIET, CLEANED),
        (0, (A, B, C), Ended.TAIL, QUIET, CLEANED),
        (0, (), Ended.TAIL, QUIET, CLEANED),
    ],
)
def test_what_a_reader_may_do(
    start: int, shown: tuple[Record, ...], ended: str, before: Moment, after: Moment
) -> None:
    """Show what was there, and more if it came meanwhile; stop at what was removed meanwhile."""
    assert broken(start, shown, ended, before, after) == ""


@pytest.mark.parametrize(
    ("requirement", "start", "shown", "ended", "moment"),
    [
        ("RDR-1", 0, (A, B), Ended.TAIL, QUIET),
        ("RDR-3", 0, (A, (41, b"")), Ended.TAIL, QUIET),
        ("RDR-3", 0, (A, (40, b"b")), Ended.TAIL, QUIET),
        ("RDR-3", 164, ((164, b"e"),), Ended.TAIL, QUIET),
        ("RDR-3", 0, (A, B, C), "Corrupt: …", QUIET),
        ("RDR-4", 0, (C,), Ended.TAIL, CLEANED),
        ("RDR-4", 0, (), Ended.TAIL, CLEANED),
        ("RDR-4", 0, (A, B, C), Ended.TRIMMED, QUIET),
        ("RDR-4", 164, (), Ended.TRIMMED, QUIET),
        ("RDR-5", 0, (A, C), Ended.TAIL, QUIET),
        ("RDR-5", 0, (A, A), Ended.TAIL, QUIET),
        ("RDR-5", 41, (A,), Ended.TAIL, QUIET),
        ("RDR-6", 0, (A, B, C, D), Ended.TAIL, QUIET),
    ],
)
def test_what_a_reader_may_not_do(
    requirement: str, start: int, shown: tuple[Record, ...], ended: str, moment: Moment
) -> None:
    """Miss, tear, invent, skip, repeat, hide a removal, or show too early."""
    assert broken(start, shown, ended, moment, moment) == requirement


def test_what_was_shown_stays_or_was_cleaned_up() -> None:
    """After a crash: there, or below the first offset; else lost, or its place taken."""
    shown = (A, B)
    kept = [judge_recovery(shown, each, 0) for each in ((A, B), (A, B, C))]
    assert kept == [[], []]
    assert judge_recovery(shown, (B,), 41) == []
    assert judge_recovery(shown, (), 82) == []
    assert judge_recovery(shown, (A,), 0)[0].requirement == "RDR-6"
    assert judge_recovery(shown, (A, (41, b"x")), 0)[0].requirement == "SEG-9"


def test_a_reader_writes_nothing() -> None:
    """One operation is one too many."""
    assert judge_writes(0) == []
    assert judge_writes(1)[0].requirement == "RDR-2"


# Cursors and cleanup

HISTORY = History(settled=(A, B, C))
HELD = Held({"kitchen": Position(41)})


def left(held: Held, recovered: tuple[Record, ...], **found: int) -> str:
    """The requirements that a recovery violates."""
    return ", ".join(each.requirement for each in held.judge(HISTORY, recovered, found))


def test_a_cursor_is_where_it_was_or_where_it_was_going() -> None:
    """Back is CUR-2, and so is gone; anywhere else is CUR-1."""
    moving = HELD.begin_move("kitchen", 82)
    assert left(HELD, (A, B, C), kitchen=41) == ""
    assert left(moving, (A, B, C), kitchen=41) == ""
    assert left(moving, (A, B, C), kitchen=82) == ""
    assert left(moving.finish_move("kitchen", 82), (A, B, C), kitchen=41) == "CUR-2"
    assert left(HELD, (A, B, C), kitchen=0) == "CUR-2"
    assert left(HELD, (A, B, C)) == "CUR-2"
    assert left(HELD, (A, B, C), kitchen=82) == "CUR-1"
    assert left(Held().begin_move("bar", 0), (A, B, C)) == ""


def test_cleanup_removes_what_no_cursor_needs() -> None:
    """A prefix, once it has begun, up to the lowest cursor as the crash has left it."""
    cleaning = HELD.begin_cleanup()
    assert left(cleaning, (A, B, C), kitchen=41) == ""
    assert left(cleaning, (B, C), kitchen=41) == ""
    assert left(HELD, (B, C), kitchen=41) == "REC-8"
    assert "REC-8" in left(cleaning, (C,), kitchen=41)
    assert "REC-8" in left(cleaning, (A, C), kitchen=41)


def test_cleanup_relies_on_what_no_crash_takes_back() -> None:
    """A cursor that could be seen, and was not durable, is CUR-3."""
    cleaning = HELD.begin_move("kitchen", 82).begin_cleanup()
    assert left(cleaning, (C,), kitchen=82) == ""
    assert left(cleaning, (C,), kitchen=41) == "CUR-3"


def test_cleanup_is_judged_while_the_process_lives() -> None:
    """What it must leave is left, and the active segment is."""
    cleaning = HELD.begin_cleanup()
    assert judge_cleanup(cleaning, HISTORY, (B, C), active=True) == []
    assert judge_cleanup(cleaning, HISTORY, (A, B, C), active=True) == []
    for records_left, active in (((C,), True), ((), True), ((B, C), False)):
        found = judge_cleanup(cleaning, HISTORY, records_left, active=active)
        assert [each.requirement for each in found] == ["SEG-7"]


def test_a_cursor_that_may_not_exist_holds_nothing() -> None:
    """Its consumer died before it was made."""
    held = HELD.begin_move("bar", 0)
    assert held.begin_cleanup().released == 41
    assert held.finish_move("bar", 0).begin_cleanup().released == 0
