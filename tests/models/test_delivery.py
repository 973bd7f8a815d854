"""The contract of the drainer: each question is asked once rightly and once in vain."""

from collections.abc import Sequence

import pytest
from attrs import evolve
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.delivery import (
    Appended,
    ChainRow,
    Counters,
    DeadLetter,
    Died,
    Drain,
    Fact,
    Fault,
    Mode,
    Outcome,
    Replayed,
    Seen,
    State,
    Struck,
    Submitted,
    judge,
    judge_close,
    judge_drain,
    stakes,
)

A = Submitted("a", b"A", Outcome.ADMITTED, 0, 1)
B = Submitted("b", b"B", Outcome.ADMITTED, 2, 3)
GONE = Submitted("c", b"C", Outcome.REFUSED, 4, 5)
UNKNOWN = Submitted("u", b"U", Outcome.UNKNOWN, 4, None)
HISTORY: tuple[Fact, ...] = (A, B)
PERMANENT = Struck(Fault.PERMANENT, "b")
LETTER = DeadLetter("b", b"B", "no such column")


def chain(*ids: str) -> tuple[ChainRow, ...]:
    return tuple(ChainRow(n, each, each.upper().encode()) for n, each in enumerate(ids, start=1))


GOOD = State(chain("a", "b"), (), quiescent=True)


def broken(history: Sequence[Fact], state: State, mode: Mode = Mode.DURABLE) -> list[str]:
    """The requirements that are violated."""
    return [violation.requirement for violation in judge(history, state, mode=mode)]


@requirement("DRN-1")
@pytest.mark.parametrize(
    ("history", "state"),
    [
        ((), State((), (), quiescent=True)),
        (HISTORY, GOOD),
        ((*HISTORY, PERMANENT), State(chain("a"), (LETTER,), quiescent=True)),
        (HISTORY, State(chain("a"), (), quiescent=False)),
        ((*HISTORY, UNKNOWN), GOOD),
        ((*HISTORY, UNKNOWN), State(chain("a", "b", "u"), (), quiescent=True)),
        ((*HISTORY, GONE), GOOD),
        ((A, Appended("x"), B), State(chain("a", "x", "b"), (), quiescent=True)),
        ((A, A, B), GOOD),
    ],
)
def test_what_the_contract_allows(history: tuple[Fact, ...], state: State) -> None:
    """Chained, dead-lettered, still pending, unknown, refused, others' rows, submitted again."""
    assert broken(history, state) == []


@requirement("DRN-1")
@pytest.mark.parametrize(
    ("state", "message"),
    [
        (State(chain("a", "b", "b"), (), quiescent=True), "b is in the chain 2 times"),
        (State(chain("a"), (LETTER, LETTER), quiescent=True), "b is dead-lettered 2 times"),
        (State(chain("a", "b"), (LETTER,), quiescent=True), "and in the dead-letter queue"),
        (State(chain("a"), (), quiescent=True), "b was admitted and is neither"),
        (State(chain("a", "b", "z"), (), quiescent=True), "z is there and was never submitted"),
    ],
)
def test_twice_both_neither_and_something_else(state: State, message: str) -> None:
    """The four ways to break the contract, each named."""
    violations = judge((*HISTORY, PERMANENT), state)

    assert [each.requirement for each in violations] == ["DRN-1"]
    assert message in violations[0].message


@requirement("DRN-2")
def test_what_was_refused_may_not_appear() -> None:
    """A refusal is definite."""
    assert broken((*HISTORY, GONE), State(chain("a", "b", "c"), (), quiescent=True)) == ["DRN-2"]


@requirement("DRN-15")
def test_bytes_may_not_change_or_be_missing_from_a_dead_letter() -> None:
    """The chain may keep a hash alone; a dead letter without its bytes cannot be replayed."""
    changed = (ChainRow(1, "a", b"?"), ChainRow(2, "b", None))
    history = (*HISTORY, PERMANENT)

    assert broken(history, State(changed, (), quiescent=True)) == ["DRN-15"]
    for payload in (None, b"?"):
        letter = evolve(LETTER, payload=payload)
        assert broken(history, State(chain("a"), (letter,), quiescent=True)) == ["DRN-15"]


@requirement("DRN-5")
def test_a_dead_letter_says_why() -> None:
    """An empty reason is none."""
    letter = evolve(LETTER, reason="")
    state = State(chain("a"), (letter,), quiescent=True)
    assert broken((*HISTORY, PERMANENT), state) == ["DRN-5"]


@requirement("CHN-1")
def test_numbers_have_no_gap() -> None:
    """The row after number 1 has number 2."""
    rows = (ChainRow(1, "a", b"A"), ChainRow(3, "b", b"B"))
    assert broken(HISTORY, State(rows, (), quiescent=True)) == ["CHN-1"]


@requirement("DRN-9")
def test_nothing_overtakes() -> None:
    """Submits that do not overlap are in the order of the clock; a replay is exempt."""
    swapped = State(chain("b", "a"), (), quiescent=True)
    overlapping = evolve(A, returned=5)

    assert broken(HISTORY, swapped) == ["DRN-9"]
    assert broken((overlapping, B), swapped) == []
    assert broken((*HISTORY, Replayed(("a",))), swapped) == []


@requirement("DRN-9")
def test_an_overtaking_is_seen_across_others() -> None:
    """The one that was overtaken need not stand next to the one that overtook it."""
    late = Submitted("d", b"D", Outcome.ADMITTED, 10, 11)
    during = Submitted("e", b"E", Outcome.ADMITTED, 0, 12)
    assert broken((A, during, late), State(chain("d", "e", "a"), (), quiescent=True)) == ["DRN-9"]


@requirement("DRN-17")
@pytest.mark.parametrize(
    "state",
    [
        State(chain("b"), (), quiescent=False),
        State(chain("b", "a"), (), quiescent=False),
        State((), (), quiescent=False),
    ],
)
def test_what_was_seen_in_the_chain_stays_where_it_was(state: State) -> None:
    """A row that vanishes, or changes its place, was never durable."""
    assert "DRN-17" in broken((*HISTORY, Seen(("a", "b"), ())), state)


@requirement("DRN-17")
def test_a_dead_letter_stays_or_is_replayed() -> None:
    """It may move to the chain only by a replay."""
    history = (*HISTORY, PERMANENT, Seen(("a",), ("b",)))

    assert broken(history, GOOD) == ["DRN-17"]
    assert broken((*history, Replayed(("b",))), GOOD) == []


@requirement("DRN-17")
def test_the_position_reflects_exactly_what_has_landed() -> None:
    """Neither more nor less."""
    half = State(chain("a"), (), quiescent=False, spool=("a", "b"), position=1)

    assert broken(HISTORY, half) == []
    assert broken(HISTORY, evolve(half, position=0)) == ["DRN-17"]
    assert broken(HISTORY, evolve(half, position=2)) == ["DRN-17"]


@requirement("DRN-4", "DRN-5")
def test_six_lost_races_are_enough_and_seven_are_too_many() -> None:
    """One attempt, five retries, then the dead-letter queue."""
    race = Struck(Fault.RACE, "b")
    dead = State(chain("a"), (LETTER,), quiescent=True)

    assert broken((*HISTORY, *[race] * 6), dead) == []
    assert broken((*HISTORY, *[race] * 7), dead) == ["DRN-4"]
    assert broken((*HISTORY, *[race] * 5), dead) == []  # four retries are at most five
    assert broken((*HISTORY, race), dead) == ["DRN-6"]


@requirement("DRN-4")
def test_retries_are_counted_anew_after_a_restart() -> None:
    """The process that knew of them is gone."""
    races = [Struck(Fault.RACE, "b")] * 4
    died = Died(("a",), ())
    assert broken((*HISTORY, *races, died, *races), GOOD) == []


@requirement("DRN-6")
def test_a_transient_error_is_no_reason_for_a_dead_letter() -> None:
    """Nor is another event's permanent one."""
    dead = State(chain("a"), (LETTER,), quiescent=True)

    assert broken((*HISTORY, Struck(Fault.TRANSIENT, "b")), dead) == ["DRN-6"]
    assert broken((*HISTORY, Struck(Fault.PERMANENT, "a")), dead) == ["DRN-6"]
    assert broken((*HISTORY, Struck(Fault.PERMANENT)), dead) == []


COUNTERS = Counters(submitted=3, refused=1, pending=0, chained=1, dead_lettered=1, lost=0)
COUNTED = State(chain("a"), (LETTER,), quiescent=True, counters=COUNTERS)


@requirement("DRN-13")
def test_counters_partition_and_are_right() -> None:
    """Three submitted: one refused, one chained, one dead-lettered."""
    assert broken((*HISTORY, GONE, PERMANENT), COUNTED) == []


@requirement("DRN-13")
@pytest.mark.parametrize(
    "counters",
    [
        evolve(COUNTERS, submitted=2),
        evolve(COUNTERS, refused=0, pending=1),
        evolve(COUNTERS, chained=2, dead_lettered=0),
        evolve(COUNTERS, chained=0, pending=1),
        evolve(COUNTERS, submitted=4, lost=1),
        evolve(COUNTERS, lost=1),
    ],
)
def test_a_wrong_counter_is_seen(counters: Counters) -> None:
    """One that does not add up, and one that adds up and lies."""
    found = set(broken((*HISTORY, GONE, PERMANENT), evolve(COUNTED, counters=counters)))
    assert found == {"DRN-13"}


@requirement("DRN-13", "DRN-16")
def test_counters_begin_with_what_is_in_the_spool() -> None:
    """After a restart, what was left counts as submitted, and what had landed does not."""
    history = (A, B, Died(("a",), (), ("b",)), GONE)
    counters = Counters(submitted=2, refused=1, pending=0, chained=1, dead_lettered=0, lost=0)

    assert broken(history, evolve(GOOD, counters=counters)) == []


@requirement("DRN-13")
def test_a_replay_moves_no_counter() -> None:
    """A dead letter that was replayed stays counted as the dead letter it became."""
    history = (*HISTORY, GONE, PERMANENT, Replayed(("b",)))
    assert broken(history, evolve(GOOD, counters=COUNTERS)) == []


@requirement("DRN-18")
def test_the_volatile_mode_forgives_what_a_death_or_a_panic_took() -> None:
    """And nothing that was admitted after it, nor anything twice."""
    nothing = State((), (), quiescent=True)
    for fall in (Died((), ()), Struck(Fault.PANIC)):
        assert broken((A, fall), nothing, Mode.VOLATILE) == []
        assert broken((A, fall), nothing) == ["DRN-1"]
        assert broken((A, fall, B), nothing, Mode.VOLATILE) == ["DRN-1"]
    doubled = State(chain("a", "a"), (), quiescent=True)
    assert broken((A, Died((), ())), doubled, Mode.VOLATILE) == ["DRN-1"]


@requirement("DRN-13", "DRN-18")
def test_who_gave_up_in_a_commit_cannot_count_what_came_of_it() -> None:
    """What is counted as lost may have landed, after a panic and not otherwise."""
    panic = Struck(Fault.PANIC)
    counters = evolve(COUNTERS, chained=0, lost=1)
    counted = evolve(COUNTED, counters=counters)
    wrong = evolve(COUNTED, counters=evolve(counters, lost=2, dead_lettered=0, chained=1))

    assert broken((*HISTORY, GONE, PERMANENT, panic), counted, Mode.VOLATILE) == []
    assert set(broken((*HISTORY, GONE, PERMANENT), counted, Mode.VOLATILE)) == {"DRN-13"}
    assert "DRN-13" in broken((*HISTORY, GONE, PERMANENT, panic), wrong, Mode.VOLATILE)


@requirement("DRN-12")
def test_a_drain_says_what_is_the_case() -> None:
    """Drained, or not, with the names of what is left."""
    half = State(chain("a"), (), quiescent=False)
    good = Drain(drained=False, pending=("b",), hopeless=True, at_once=True)

    assert judge_drain(HISTORY, half, good) == ()
    assert judge_drain(HISTORY, GOOD, evolve(good, drained=True, pending=())) == ()
    assert judge_drain(HISTORY, half, evolve(good, pending=(), named=0)) != ()


@requirement("DRN-12")
@pytest.mark.parametrize(
    "drain",
    [
        Drain(drained=True, pending=(), hopeless=False, at_once=True),
        Drain(drained=False, pending=(), hopeless=False, at_once=False),
        Drain(drained=False, pending=("x",), hopeless=False, at_once=False),
        Drain(drained=False, pending=("b",), hopeless=True, at_once=False),
    ],
)
def test_a_drain_that_lies_or_waits_for_nothing(drain: Drain) -> None:
    """Too early, without names, with wrong names, and after the drainer gave up."""
    half = State(chain("a"), (), quiescent=False)
    violations = judge_drain(HISTORY, half, drain)

    assert {each.requirement for each in violations} == {"DRN-12"}


@requirement("DRN-11")
def test_a_close_returns() -> None:
    """Whoever holds on to the queue."""
    assert judge_close(returned=True) == ()
    assert [each.requirement for each in judge_close(returned=False)] == ["DRN-11"]


@requirement("DRN-4", "DRN-5", "DRN-8", "DRN-15", "DRN-17")
def test_what_was_at_stake_is_what_could_have_been_seen() -> None:
    """No race, no dead letter, no panic and no look: nothing is said of what they would show."""
    plain = stakes.at_stake((A, B), GOOD)
    assert {"DRN-1", "DRN-9", "DRN-12", "CHN-1"} >= plain
    assert not {"DRN-4", "DRN-5", "DRN-6", "DRN-8", "DRN-15", "DRN-17"} & plain

    assert {"DRN-4", "DRN-6"} <= stakes.at_stake((A, B), GOOD, races=1)
    assert {"DRN-5", "DRN-6", "DRN-15"} <= stakes.at_stake(HISTORY, COUNTED)
    assert "DRN-8" in stakes.at_stake((A, Struck(Fault.PANIC)), GOOD)
    assert "DRN-8" not in stakes.at_stake((A, Struck(Fault.PANIC)), State((), (), quiescent=True))
    assert "DRN-17" in stakes.at_stake((A, Died(("a",), ())), GOOD)
    assert "DRN-17" not in stakes.at_stake((A, Died((), ())), GOOD)
    assert stakes.at_stake(HISTORY, COUNTED, races=2) <= stakes.JUDGES
