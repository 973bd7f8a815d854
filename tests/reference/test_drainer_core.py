"""The core: what becomes of the events in flight, as a table."""

from collections import deque

import pytest
from tornproof.drainer.core import (
    LONGEST_DELAY,
    MAX_RACE_RETRIES,
    TRANSITIONS,
    Core,
    Signal,
    State,
    delay,
    failed,
    landed,
    take,
    waited,
)
from tornproof.drainer.failure import Failure
from tornproof.drainer.supervisor import TRANSITIONS as LIFE
from tornproof.drainer.supervisor import State as Life
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.drainer_world import admitted


def taken(*numbers: int) -> Core:
    return take(Core(), tuple(admitted(*numbers)))


def ids(core: Core) -> list[str]:
    return [each.event.event_id for each in core.attempt]


def test_the_table_is_whole() -> None:
    """Every state is reached from idle, and idle from every state."""
    following: dict[State, set[State]] = {state: set() for state in State}
    for (source, _), target in TRANSITIONS.items():
        following[source].add(target)

    def reached(start: State) -> set[State]:
        seen, pending = {start}, deque([start])
        while pending:
            for state in following[pending.popleft()] - seen:
                seen.add(state)
                pending.append(state)
        return seen

    assert all(reached(state) == set(State) for state in State)


def test_no_signal_is_without_use() -> None:
    """Each occurs in the table, and so does each state of the supervisor."""
    assert {signal for _, signal in TRANSITIONS} == set(Signal)
    assert {state for state, _ in LIFE} | set(LIFE.values()) == set(Life)


@requirement("DRN-9", "DRN-10")
def test_nothing_but_landing_lets_go_of_an_event() -> None:
    """Whatever fails, and however often, the event in flight stays the same."""
    core = taken(1, 2)
    for _ in range(100):
        for failure in (Failure.RACE, Failure.TRANSIENT, Failure.PERMANENT):
            core = failed(core, failure, "why")
            assert [each.event.event_id for each in core.in_flight] == ["e1", "e2"]
            if core.state in (State.WAITING, State.BLOCKED):
                core = waited(core)


def test_what_is_taken_is_tried_together() -> None:
    """One transaction for all, and all are gone once it has landed."""
    core = taken(1, 2, 3)

    assert (core.state, ids(core)) == (State.APPENDING, ["e1", "e2", "e3"])
    assert landed(core) == Core()


@requirement("DRN-9")
def test_after_a_permanent_failure_the_one_concerned_is_tried_alone() -> None:
    """The ones that are well land together; the one that is not is dead-lettered; order stays."""
    core = failed(taken(1, 2, 3, 4, 5), Failure.PERMANENT, "something", at=2)
    assert (core.state, ids(core)) == (State.APPENDING, ["e1", "e2"])

    core = landed(core)
    assert ids(core) == ["e3"]

    core = failed(core, Failure.PERMANENT, "it")
    assert (core.state, ids(core), core.reason) == (State.DEAD_LETTERING, ["e3"], "it")

    core = landed(core)
    assert (core.state, ids(core), core.reason) == (State.APPENDING, ["e4", "e5"], "")
    assert landed(core) == Core()


def test_what_was_separated_may_be_separated_again() -> None:
    """Each attempt is about one part, and the parts stay in order."""
    core = failed(taken(1, 2, 3, 4), Failure.PERMANENT, "the last", at=3)
    core = failed(core, Failure.RACE, "the first", at=0)

    attempts = []
    while core.in_flight:
        attempts.append(ids(core))
        core = landed(core)
    assert attempts == [["e1"], ["e2", "e3"], ["e4"]]


@requirement("DRN-6")
def test_a_transient_failure_waits_and_tries_the_same_again() -> None:
    """Together, if they were together."""
    core = failed(taken(1, 2), Failure.TRANSIENT, "locked")
    assert core.state is State.WAITING

    core = waited(core)
    assert (core.state, ids(core)) == (State.APPENDING, ["e1", "e2"])


@requirement("DRN-4", "DRN-5")
def test_a_sixth_lost_race_is_the_last() -> None:
    """Five retries, and the reason says what happened."""
    core = taken(1)
    for _ in range(MAX_RACE_RETRIES):
        core = failed(core, Failure.RACE, "taken")
        assert core.state is State.APPENDING
    core = failed(core, Failure.RACE, "taken")

    assert core.state is State.DEAD_LETTERING
    assert core.reason == "lost the race for a sequence 6 times: taken"


@requirement("DRN-4")
def test_a_race_lost_together_counts_for_the_event_that_lost_it() -> None:
    """It has five retries in all, and the others have theirs."""
    core = failed(taken(1, 2), Failure.RACE, "taken", at=1)
    core = landed(core)
    losses = 1
    while core.state is State.APPENDING:
        core = failed(core, Failure.RACE, "taken")
        losses += 1

    assert losses == MAX_RACE_RETRIES + 1


@requirement("DRN-4")
def test_waiting_gives_no_new_retries() -> None:
    """The budget is the event's, and a locked database does not refill it."""
    core = taken(1)
    for _ in range(MAX_RACE_RETRIES):
        core = waited(failed(failed(core, Failure.RACE, ""), Failure.TRANSIENT, ""))

    assert failed(core, Failure.RACE, "").state is State.DEAD_LETTERING


@requirement("DRN-10")
@pytest.mark.parametrize("failure", Failure)
def test_a_refused_dead_letter_blocks(failure: Failure) -> None:
    """What was decided stays decided: it is dead-lettered again, and not appended."""
    core = failed(failed(taken(1, 2), Failure.PERMANENT, ""), Failure.PERMANENT, "why")
    core = failed(core, failure, "refused")
    assert core.state is State.BLOCKED

    core = waited(core)
    assert (core.state, core.reason, ids(core)) == (State.DEAD_LETTERING, "why", ["e1"])


@requirement("DRN-6")
def test_delays_double_up_to_a_limit() -> None:
    """Ten milliseconds, twenty, forty; a second at most; and anew after a landing."""
    assert [delay(failures) for failures in (1, 2, 3)] == [0.01, 0.02, 0.04]
    assert delay(1000) == LONGEST_DELAY
    core = failed(waited(failed(taken(1), Failure.TRANSIENT, "")), Failure.TRANSIENT, "")
    assert core.failures == 2
    assert landed(waited(core)).failures == 0
