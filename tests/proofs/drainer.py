"""
Contracts on the drainer's core: what is in flight, and what a failure makes of it.

Events are numbers here: the core looks at none of them.
"""

from typing import cast

from attrs import evolve
from tornproof.drainer.core import (
    MAX_RACE_RETRIES,
    Core,
    State,
    failed,
    landed,
    take,
)
from tornproof.drainer.failure import Failure
from tornproof.drainer.sink import Admitted

REASON = "because"


def taken(events: list[int]) -> Core:
    """Put numbers in flight as if they were events."""
    return take(Core(), cast("tuple[Admitted, ...]", tuple(events)))


def numbers(events: tuple[Admitted, ...]) -> list[int]:
    """Take what is in flight for the numbers that it is."""
    return list(cast("tuple[int, ...]", events))


def what_is_taken_is_attempted_at_once_and_whole(events: list[int]) -> None:
    """All that is taken is one attempt, in its order (DRN-9)."""
    assert 1 <= len(events) <= 4

    core = taken(events)

    assert numbers(core.attempt) == events
    assert core.state is State.APPENDING


def what_lands_leaves_the_others_in_order(events: list[int], at: int) -> None:
    """Behind a separated attempt come the one that failed and those behind it (DRN-9)."""
    assert 2 <= len(events) <= 4
    assert 0 <= at < len(events)

    core = failed(taken(events), Failure.PERMANENT, REASON, at)

    assert sum(core.parts) == len(events)
    assert 0 not in core.parts
    if at > 0:
        core = landed(core)
    assert numbers(core.attempt) == [events[at]]
    assert numbers(core.in_flight) == events[at:]


def a_permanent_failure_of_one_alone_is_its_end(event: int) -> None:
    """One event in an attempt of its own goes to the dead letters, with the reason (DRN-5)."""
    assert event >= 0

    core = failed(taken([event]), Failure.PERMANENT, REASON)

    assert core.state is State.DEAD_LETTERING
    assert core.reason == REASON


def a_transient_failure_changes_nothing_in_flight(events: list[int], at: int) -> None:
    """What every event would meet is waited for, and nobody is separated (DRN-6)."""
    assert 1 <= len(events) <= 4
    assert 0 <= at < len(events)

    before = taken(events)
    core = failed(before, Failure.TRANSIENT, REASON, at)

    assert core.state is State.WAITING
    assert (core.in_flight, core.parts, core.races) == (
        before.in_flight,
        before.parts,
        before.races,
    )
    assert core.failures == 1


def the_sixth_race_of_one_event_is_the_last(races: int) -> None:
    """Five are tried again, and the next one is the end, for the one that lost them (DRN-4)."""
    assert 0 <= races <= MAX_RACE_RETRIES

    before = evolve(taken([1]), races=(races,))
    core = failed(before, Failure.RACE, REASON)

    if races < MAX_RACE_RETRIES:
        assert (core.state, core.races) == (State.APPENDING, (races + 1,))
    else:
        assert core.state is State.DEAD_LETTERING


def a_lost_race_is_counted_for_its_event_alone(events: list[int], at: int) -> None:
    """The others keep the retries that they have (DRN-4)."""
    assert 1 <= len(events) <= 4
    assert 0 <= at < len(events)

    core = failed(taken(events), Failure.RACE, REASON, at)

    assert list(core.races) == [int(number == at) for number in range(len(events))]


def the_dead_letters_let_nobody_go(event: int, failure: Failure) -> None:
    """Whatever keeps a dead letter out, the event stays in flight, and blocks (DRN-10)."""
    assert event >= 0

    core = failed(failed(taken([event]), Failure.PERMANENT, REASON), failure, "full")

    assert core.state is State.BLOCKED
    assert numbers(core.in_flight) == [event]
    assert core.reason == REASON
