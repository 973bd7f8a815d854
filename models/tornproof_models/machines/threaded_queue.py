"""
The reference's queue with its own thread, moved by a scheduler.

Two producers, one who drains and one who closes share a queue without a spool, on a
database in memory that fails now and then; which thread moves next follows from a seed.
With a spool the threads of group commit take part too, and those `batching_situations`
moves one by one.
"""

import random
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from attrs import Factory, define, evolve
from tornproof.drainer import buffer, driver, gate, metrics
from tornproof.drainer.queue import DeferredAuditQueue
from tornproof.drainer.supervisor import State as Life

from tornproof_models.contract.delivery import (
    Drain,
    Fact,
    Fault,
    Mode,
    Outcome,
    State,
    Struck,
    Submitted,
    judge,
    judge_drain,
)
from tornproof_models.contract.journal import Violation
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.machines.chosen_threads import Killed, Scheduler
from tornproof_models.machines.reference_queue import ReferenceQueue
from tornproof_models.queues.delivery_program import event_id, event_of, payload_of
from tornproof_models.queues.delivery_run import FAULTS

TROUBLE: tuple[tuple[Strike, ...], ...] = (
    (),
    (Strike(Kind.BUSY, point="begin", times=2),),
    (Strike(Kind.NO_SUCH_COLUMN, point="insert"),),
    (Strike(Kind.PANIC, point="begin"),),
    (Strike(Kind.PANIC, point="begin", times=9),),
    (Strike(Kind.PANIC, point="open", times=2),),
)
"""
What goes wrong: nothing, or something at a statement; the last but one ends the drainer.

With the last its thread is killed as well, at one of its first locks.
"""

LOCKS = 16
"""How many locks the drainer's thread takes until its events have landed, about."""

LATE = 9
"""The number of the event that is submitted when the queue has been closed."""


class ThreadedQueue(ReferenceQueue):
    """The reference without a spool, and with its thread."""

    def __init__(self) -> None:
        super().__init__(Mode.VOLATILE)

    def open(self) -> None:
        """Open the queue, which starts its thread."""
        self._queue = DeferredAuditQueue.open(
            "memory",
            spool=None,
            max_restarts=2,
            filesystem=self.disk,
            connect=self.connect,
            clock=lambda: 0,
        )


@define
class _Play:
    """One run of all threads."""

    scheduler: Scheduler
    queue: ThreadedQueue = Factory(ThreadedQueue)
    history: list[Fact] = Factory(list)
    violations: list[Violation] = Factory(list)
    moment: int = 0

    def tick(self) -> int:
        """Return the next moment."""
        self.moment += 1
        return self.moment

    def submit(self, *numbers: int) -> None:
        """Submit events, one after the other."""
        for number in numbers:
            invoked = self.tick()
            outcome = self.queue.submit(event_of(number))
            if number == LATE and outcome is Outcome.ADMITTED:
                self.say("DRN-11", "a queue that was closed admits an event")
            fact = event_id(number), payload_of(number), outcome, invoked, self.tick()
            self.history.append(Submitted(*fact))
            self.scheduler.pause()

    def drain(self) -> None:
        """Drain, and judge the answer by what had been admitted before."""
        for _ in range(2):
            known = list(self.history)
            answer = self.queue.queue.drain_pending(5.0)
            told = Drain(bool(answer), answer.pending, hopeless=False, at_once=True)
            if answer:
                self.violations += judge_drain(known, self.state, told, mode=Mode.VOLATILE)
            self.scheduler.pause()

    def close(self) -> None:
        """Close, whoever still submits, and submit once more."""
        closed = self.queue.queue.close_and_flush(None)
        if not closed and self.queue.queue.state is not Life.FAILED:
            self.say("DRN-11", f"closing, with no limit on time, is not done: {closed.reason}")
        self.submit(LATE)

    @property
    def state(self) -> State:
        """What one sees now."""
        return self.queue.look().state

    def note(self, strike: Strike, event: str | None) -> None:
        """Note what has gone wrong."""
        self.history.append(Struck(FAULTS[strike.kind], event))

    def say(self, requirement: str, message: str) -> None:
        """Note a violation."""
        self.violations.append(Violation(requirement, message))


def play_threads(seed: int) -> list[Violation]:
    """Let the threads of a queue move in an order that follows from a seed; judge the end."""
    chance = random.Random(seed)
    scheduler = Scheduler(chance.randrange(1 << 16) for _ in repeat(None))
    with scheduler.rules(driver, gate, buffer, metrics):
        play = _Play(scheduler)
        try:
            play.queue.open()
            play.queue.database.plan.strikes += TROUBLE[seed % len(TROUBLE)]
            play.queue.database.plan.on_strike = play.note
            if seed % len(TROUBLE) == len(TROUBLE) - 1:
                scheduler.doomed = ("tornproof-drainer", chance.randint(1, LOCKS))
            parts: dict[str, Any] = {
                "the first producer": lambda: play.submit(1, 2),
                "the second producer": lambda: play.submit(3),
                "who drains": play.drain,
                "who closes": play.close,
            }
            for name, part in parts.items():
                scheduler.spawn(name, part)
            scheduler.play()
            return [*play.violations, *_judged(play)]
        finally:
            play.queue.database.close()


def _judged(play: _Play) -> Iterator[Violation]:
    """Judge what is there when all threads have ended, or cannot."""
    if stuck := play.scheduler.stuck:
        requirement = "DRN-11" if "who closes" in stuck else "DRN-12"
        yield Violation(requirement, f"nothing moves any more, and there wait: {', '.join(stuck)}")
        return
    killed = False
    for error in play.scheduler.failures:
        if isinstance(error, Killed):
            killed = True  # between a commit and its counting, perhaps
            continue
        if not isinstance(error, Exception):
            raise error
        yield Violation("DRN-2", f"a thread ended by {type(error).__name__}: {error}")
    if play.queue.queue.state is Life.FAILED:
        # a submit may end between the last panic and the end, and be lost by it as well
        play.history.append(Struck(Fault.PANIC))
    yield from judge(play.history, evolve(play.state, quiescent=not killed), mode=Mode.VOLATILE)
