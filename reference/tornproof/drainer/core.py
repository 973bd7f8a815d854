"""
The states of the events in flight, as a table.

The core decides and does no I/O.  It is told how an attempt ended, and returns the next state
of the events in flight; the state alone determines the next attempt.  The diagram in `spec/`
is drawn from the table below.

- *idle*: nothing is in flight; take the next events
- *appending*: append to the chain
- *waiting*: the database was not available; wait, then append
- *dead-lettering*: the first event in flight cannot be appended; dead-letter it
- *blocked*: the dead-letter queue refused too; wait, then dead-letter it

Several events are taken and appended together, since a commit costs the same
for one and for many.  If such a transaction fails because of one event, the events before it
are appended, then that event is tried alone, then the events after it.  A decision about an
event is final: an event that is to be dead-lettered is not appended any more (DRN-4), and no
later event overtakes it (DRN-9, DRN-10).
"""

from collections.abc import Mapping
from enum import StrEnum

from attrs import evolve, frozen

from tornproof.drainer.failure import Failure
from tornproof.drainer.sink import Admitted

MAX_RACE_RETRIES = 5
"""Retries of one event against a lost race (DRN-4)."""

FIRST_DELAY = 0.01
LONGEST_DELAY = 1.0
"""
Seconds to wait after the first failure in a row, doubled for each further one.

A sibling's transaction takes milliseconds; a full disk is watched by people, to
whom a second is no delay.
"""


class State(StrEnum):
    """Where the events in flight are."""

    IDLE = "idle"
    APPENDING = "appending"
    WAITING = "waiting"
    DEAD_LETTERING = "dead-lettering"
    BLOCKED = "blocked"


class Signal(StrEnum):
    """How an attempt ended."""

    TAKEN = "taken"
    LANDED = "landed"
    """The last one in flight is where it belongs."""
    ADVANCED = "advanced"
    """The first one is where it belongs, and others follow."""
    RACE_LOST = "race lost"
    RACES_EXHAUSTED = "races exhausted"
    SEPARATED = "separated"
    """Something is wrong with one of several: try that one alone."""
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    WAITED = "waited"


TRANSITIONS: Mapping[tuple[State, Signal], State] = {
    (State.IDLE, Signal.TAKEN): State.APPENDING,
    (State.APPENDING, Signal.LANDED): State.IDLE,
    (State.APPENDING, Signal.ADVANCED): State.APPENDING,
    (State.APPENDING, Signal.RACE_LOST): State.APPENDING,
    (State.APPENDING, Signal.SEPARATED): State.APPENDING,
    (State.APPENDING, Signal.UNAVAILABLE): State.WAITING,
    (State.APPENDING, Signal.RACES_EXHAUSTED): State.DEAD_LETTERING,
    (State.APPENDING, Signal.REJECTED): State.DEAD_LETTERING,
    (State.WAITING, Signal.WAITED): State.APPENDING,
    (State.DEAD_LETTERING, Signal.LANDED): State.IDLE,
    (State.DEAD_LETTERING, Signal.ADVANCED): State.APPENDING,
    (State.DEAD_LETTERING, Signal.UNAVAILABLE): State.BLOCKED,
    (State.DEAD_LETTERING, Signal.REJECTED): State.BLOCKED,
    (State.BLOCKED, Signal.WAITED): State.DEAD_LETTERING,
}


@frozen
class Core:
    """The state of the drainer between two attempts."""

    state: State = State.IDLE
    in_flight: tuple[Admitted, ...] = ()
    parts: tuple[int, ...] = ()
    """How many of those in flight share a transaction, and how many the next one, and so on."""

    races: tuple[int, ...] = ()
    """Races lost so far, for each in flight."""

    failures: int = 0
    """Failures in a row, which the next delay depends on."""

    reason: str = ""
    """Why the first in flight is to be dead-lettered."""

    @property
    def attempt(self) -> tuple[Admitted, ...]:
        """What the next attempt is about."""
        return self.in_flight[: self.parts[0]]


def take(core: Core, batch: tuple[Admitted, ...]) -> Core:
    """Put events in flight."""
    state = TRANSITIONS[core.state, Signal.TAKEN]
    return Core(state, batch, parts=(len(batch),), races=(0,) * len(batch))


def landed(core: Core) -> Core:
    """Go on behind what the last attempt was about."""
    done, *parts = core.parts
    rest = core.in_flight[done:]
    signal = Signal.ADVANCED if rest else Signal.LANDED
    return Core(TRANSITIONS[core.state, signal], rest, tuple(parts), core.races[done:])


def failed(core: Core, failure: Failure, reason: str, at: int = 0) -> Core:
    """
    Decide what a failure means for the events in flight.

    `at` says which one of the attempt was being written, counted from 0.
    """
    if core.state is State.DEAD_LETTERING:
        transient = failure is Failure.TRANSIENT
        return _wait(core, Signal.UNAVAILABLE if transient else Signal.REJECTED)
    if failure is Failure.TRANSIENT:
        return _wait(core, Signal.UNAVAILABLE)
    if failure is Failure.RACE:
        return _lose_race(core, reason, at)
    if core.parts[0] > 1:
        return _move(evolve(core, parts=_separated(core, at)), Signal.SEPARATED)
    return _move(evolve(core, reason=reason), Signal.REJECTED)


def waited(core: Core) -> Core:
    """Try again after the delay."""
    return _move(core, Signal.WAITED)


def delay(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures - 1, 16)))


def _lose_race(core: Core, reason: str, at: int) -> Core:
    lost = core.races[at]
    if lost == MAX_RACE_RETRIES:
        reason = f"lost the race for a sequence {lost + 1} times: {reason}"
        return _move(evolve(core, reason=reason), Signal.RACES_EXHAUSTED)
    races = (*core.races[:at], lost + 1, *core.races[at + 1 :])
    return _move(evolve(core, parts=_separated(core, at), races=races), Signal.RACE_LOST)


def _separated(core: Core, at: int) -> tuple[int, ...]:
    """Split the attempt around the one that something is wrong with."""
    size, *others = core.parts
    return (*(part for part in (at, 1, size - at - 1) if part), *others)


def _wait(core: Core, signal: Signal) -> Core:
    return _move(evolve(core, failures=core.failures + 1), signal)


def _move(core: Core, signal: Signal) -> Core:
    return evolve(core, state=TRANSITIONS[core.state, signal])
