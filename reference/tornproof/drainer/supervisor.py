"""
The supervisor: restarts the drainer after a panic.

It owns the source and the events in flight, which a panic must not lose.  After a panic the
sink is replaced; making a new one may fail or panic, too, and is supervised in the same way.
After more than `max_restarts` panics in a row, without an event landed between them, it gives
up: the state *failed* is final, and has the reason.

    starting ── opened ──► running ── panicked ──► restarting ── waited ──► starting

A move is one step, and `step` makes one.  A thread that does nothing but step
and wait is in `queue`; tests and explorers step by hand.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum

from attrs import evolve, frozen

from tornproof.drainer import core
from tornproof.drainer.core import Core
from tornproof.drainer.failure import Failure, classify, describe
from tornproof.drainer.metrics import Counters
from tornproof.drainer.sink import Admitted, Residence, Sink
from tornproof.drainer.source import Source

MAX_RESTARTS = 5
"""Panics in a row that are survived; Erlang's supervisors default to the same order."""

BATCH_EVENTS = 256
"""
Events taken at once.

At this number the commit is a small part of the work, and what one failure
makes the drainer try again one by one is still little.
"""

log = logging.getLogger("tornproof.drainer")


class State(StrEnum):
    """The state of the drainer."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    CLOSED = "closed"
    FAILED = "failed"


class Signal(StrEnum):
    """What changes the state."""

    OPENED = "opened"
    UNAVAILABLE = "unavailable"
    PANICKED = "panicked"
    GAVE_UP = "gave up"
    WAITED = "waited"
    STOPPED = "stopped"


TRANSITIONS: Mapping[tuple[State, Signal], State] = {
    (State.STARTING, Signal.OPENED): State.RUNNING,
    (State.STARTING, Signal.UNAVAILABLE): State.RESTARTING,
    (State.STARTING, Signal.PANICKED): State.RESTARTING,
    (State.STARTING, Signal.GAVE_UP): State.FAILED,
    (State.STARTING, Signal.STOPPED): State.CLOSED,
    (State.RUNNING, Signal.PANICKED): State.RESTARTING,
    (State.RUNNING, Signal.GAVE_UP): State.FAILED,
    (State.RUNNING, Signal.STOPPED): State.CLOSED,
    (State.RESTARTING, Signal.WAITED): State.STARTING,
    (State.RESTARTING, Signal.GAVE_UP): State.FAILED,
    (State.RESTARTING, Signal.STOPPED): State.CLOSED,
    (State.FAILED, Signal.STOPPED): State.FAILED,
    (State.CLOSED, Signal.STOPPED): State.CLOSED,
}

TERMINAL = frozenset({State.CLOSED, State.FAILED})


@frozen
class Life:
    """The supervisor's own state between two steps."""

    state: State = State.STARTING
    panics: int = 0
    """Panics in a row."""

    failures: int = 0
    """Failures in a row to make a sink."""

    reason: str = ""
    """What the last panic was."""


class Supervisor:
    """
    Drains a source into sinks, one step at a time.

    `position` is where the source's first event that has not landed begins.
    `open_sink` makes a sink; it is not called before there is something to land.
    The state of it all is `position`, `life`, `core` and `sink`.
    """

    def __init__(
        self,
        source: Source,
        open_sink: Callable[[], Sink],
        counters: Counters,
        *,
        position: int = 0,
        max_restarts: int = MAX_RESTARTS,
        batch_events: int = BATCH_EVENTS,
    ) -> None:
        self.position = position
        self.life = Life()
        self.core = Core()
        self._source = source
        self._open_sink = open_sink
        self._counters = counters
        self._max_restarts = max_restarts
        self._batch_events = batch_events
        self.sink: Sink | None = None

    def step(self) -> float | None:
        """
        Make one move, and return the seconds to wait before the next.

        None says that there is nothing to do until an event is admitted, or at
        all.  Never raises an `Exception`: a panic is one of the moves.
        """
        try:
            match self.life.state:
                case State.STARTING:
                    return self._start()
                case State.RUNNING:
                    return self._work()
                case State.RESTARTING:
                    self._move(Signal.WAITED)
                    return 0.0
                case State.CLOSED | State.FAILED:
                    return None
        except Exception as error:
            return self._panic(error)

    def stop(self) -> None:
        """Let go of the sink for good; what has not landed stays in the source."""
        self._discard_sink()
        self._move(Signal.STOPPED)

    def give_up(self, reason: str) -> None:
        """Enter the final state for a reason that is not a step's."""
        self._discard_sink()
        if self.life.state not in TERMINAL:
            self.life = evolve(self.life, reason=reason)
            self._move(Signal.GAVE_UP)

    # Steps

    def _start(self) -> float | None:
        """Make a sink, once there is something to land."""
        if not self.core.in_flight and not self._take():
            return None
        try:
            self.sink = self._open_sink()
        except Exception as error:
            if classify(error) is None:
                raise
            failures = self.life.failures + 1
            self.life = evolve(self.life, failures=failures)
            self._counters.add(append_failures=1)
            log.warning("cannot open a sink: %s", describe(error))
            self._move(Signal.UNAVAILABLE)
            return core.delay(failures)
        self._move(Signal.OPENED)
        return 0.0

    def _work(self) -> float | None:
        """Try what the core's state asks for, and tell it how that ended."""
        match self.core.state:
            case core.State.IDLE:
                return 0.0 if self._take() else None
            case core.State.WAITING | core.State.BLOCKED:
                self.core = core.waited(self.core)
                return 0.0
            case core.State.APPENDING | core.State.DEAD_LETTERING:
                return self._attempt()

    def _take(self) -> bool:
        batch = tuple(self._source.read(self.position, self._batch_events))
        if batch:
            self.core = core.take(self.core, batch)
        return bool(batch)

    def _attempt(self) -> float:
        """Land what is to be tried, or classify why not."""
        assert self.sink is not None
        attempt = self.core.attempt
        try:
            if self.core.state is core.State.APPENDING:
                places: Sequence[Residence] = self.sink.append(attempt)
            else:
                places = [self.sink.dead_letter(attempt[0], self.core.reason)]
        except Exception as error:
            failure = classify(error)
            if failure is None:
                raise
            return self._fail(failure, describe(error), self.sink.at)
        self._land(attempt, places)
        return 0.0

    def _land(self, attempt: Sequence[Admitted], places: Sequence[Residence]) -> None:
        chained = places.count(Residence.CHAIN)
        self._counters.add(chained=chained, dead_lettered=len(places) - chained)
        self.core = core.landed(self.core)
        self.life = evolve(self.life, panics=0, failures=0)
        self.position = attempt[-1].next
        self._source.release(self.position)

    def _fail(self, failure: Failure, reason: str, at: int) -> float:
        """Count the failure and let the core decide."""
        before = self.core
        self.core = core.failed(before, failure, reason, at)
        if before.state is core.State.DEAD_LETTERING:
            self._counters.add(dead_letter_failures=1)
        else:
            retry = failure is Failure.RACE and self.core.state is core.State.APPENDING
            self._counters.add(append_failures=1, race_retries=int(retry))
        log.warning("%s: %s (%s)", before.state.value, reason, failure.value)
        waiting = self.core.state in (core.State.WAITING, core.State.BLOCKED)
        return core.delay(self.core.failures) if waiting else 0.0

    def _panic(self, error: Exception) -> float | None:
        """Throw the sink away, keep everything else, and restart or give up."""
        self._discard_sink()
        panics = self.life.panics + 1
        self._counters.add(panics=1)
        self.life = evolve(self.life, panics=panics, reason=describe(error))
        if panics > self._max_restarts:
            log.critical("gave up after %d panics in a row", panics, exc_info=error)
            self._move(Signal.GAVE_UP)
            return None
        log.error("panic %d of %d in a row", panics, self._max_restarts, exc_info=error)
        self._move(Signal.PANICKED)
        return core.delay(panics)

    def _discard_sink(self) -> None:
        sink, self.sink = self.sink, None
        if sink is not None:
            with suppress(Exception):  # it may be what is broken
                sink.close()

    def _move(self, signal: Signal) -> None:
        self.life = evolve(self.life, state=TRANSITIONS[self.life.state, signal])
