"""
A running queue: its tables, workers and clock, and what was observed.

A running queue is a value, too.  Every method returns the next one; nothing is
changed in place.
"""

from typing import NamedTuple

from attrs import evolve

from tornproof_models.contract.job_queue import (
    Asked,
    Call,
    Died,
    Done,
    Fact,
    Ledger,
    PowerLost,
    Promise,
    Refused,
    Rest,
    Take,
    Took,
    Unknown,
    judge_fact,
)
from tornproof_models.contract.journal import Violation
from tornproof_models.job_queues.calls import Held, JobQueue, Underway
from tornproof_models.job_queues.strikes import Strike
from tornproof_models.job_queues.table import Store, Table


class Running(NamedTuple):
    """A state of a queue and of everybody who uses it."""

    store: Store = Store()
    calls: tuple[tuple[str, Underway], ...] = ()
    """Calls between two of their steps, by worker."""

    held: tuple[tuple[str, Held], ...] = ()
    """What each worker has."""

    now_ms: int = 0
    ledger: Ledger = Ledger()
    violations: tuple[Violation, ...] = ()

    def call_of(self, worker: str) -> Underway | None:
        """Return the call that a worker has under way."""
        return dict(self.calls).get(worker)

    def held_by(self, worker: str) -> Held | None:
        """Return what a worker has."""
        return dict(self.held).get(worker)

    def without(self, worker: str) -> "Running":
        """Forget what a worker had under way."""
        calls = tuple(each for each in self.calls if each[0] != worker)
        return self._replace(calls=calls)


class Engine:
    """Moves a queue by calls, steps and misfortunes, and lets the contract judge each fact."""

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.promise = Promise(queue.claims, queue.lease_ms, queue.max_attempts)
        self.facts: list[Fact] = []
        """The facts since `begin_story`, for whoever tells what happened."""

    def note(self, now: Running, fact: Fact) -> Running:
        """Write a fact down, and judge it."""
        self.facts.append(fact)
        found = judge_fact(now.ledger, fact, self.promise)
        ledger = now.ledger.after(fact)
        return now._replace(ledger=ledger, violations=(*now.violations, *found))

    # Calls

    def ask(self, now: Running, worker: str, call: Call, strike: Strike | None = None) -> Running:
        """Make a call, and take its first step."""
        now = self.note(now, Asked(worker, call, now.now_ms))
        underway = Underway(worker, call, now.now_ms, now.held_by(worker))
        now = now._replace(calls=tuple(sorted((*now.calls, (worker, underway)), key=_name)))
        return self.step(now, worker, strike)

    def step(self, now: Running, worker: str, strike: Strike | None = None) -> Running:
        """Take the next step of a call; a strike hits it before or after."""
        underway = now.call_of(worker)
        assert underway is not None
        underway = underway._replace(now_ms=now.now_ms)
        if strike is Strike.ERROR:
            is_first = underway.next_step == 0
            return self._answer(now, worker, (Refused if is_first else Unknown)(worker))
        if strike is Strike.DEATH_BEFORE:
            return self.die(now, worker)
        steps = self.queue.steps(underway.call)
        step = steps[underway.next_step]
        table, underway = step(now.store.memory, underway)
        if table != now.store.memory:
            store = now.store.commit(
                table, written=self.queue.is_written(step), durable=self.queue.is_synced(step)
            )
            now = now._replace(store=store)
        if strike is Strike.DEATH_AFTER:
            return self.die(now, worker)
        if strike is Strike.AMBIGUOUS:
            return self._answer(now, worker, Unknown(worker))
        underway = underway._replace(next_step=underway.next_step + 1)
        is_over = underway.refused or underway.next_step == len(steps)
        if not is_over:
            rest = (each for each in now.calls if each[0] != worker)
            return now._replace(calls=tuple(sorted((*rest, (worker, underway)), key=_name)))
        return self._end(now, worker, underway)

    def _end(self, now: Running, worker: str, underway: Underway) -> Running:
        if underway.refused:
            return self._answer(now, worker, Refused(worker))
        if isinstance(underway.call, Take):
            took = underway.took
            now = self._answer(now, worker, Took(worker, took and took.job, now.now_ms))
            return now._replace(held=(*now.held, (worker, took))) if took else now
        return self._answer(now, worker, Done(worker, now.now_ms))

    def _answer(self, now: Running, worker: str, fact: Fact) -> Running:
        """End a call; whoever has ended a job, well or not, does not have it any more."""
        return self._let_go(self.note(now, fact).without(worker), worker)

    def _let_go(self, now: Running, worker: str) -> Running:
        return now._replace(held=tuple(each for each in now.held if each[0] != worker))

    # Misfortunes

    def die(self, now: Running, worker: str) -> Running:
        """End a worker; another of its name begins."""
        now = self._let_go(self.note(now, Died(worker)).without(worker), worker)
        return self._react(now, self.queue.reopen(now.store.memory, worker))

    def panic(self, now: Running, worker: str) -> Running:
        """End a handler by an error that nobody declared; its process goes on."""
        held = now.held_by(worker)
        assert held is not None
        now = self._let_go(self.note(now, Died(worker)).without(worker), worker)
        return self._react(now, self.queue.panic(now.store.memory, held))

    def bounce(self, now: Running) -> Running:
        """Kill the server and start it again; whoever waited for an answer gets an error."""
        now = now._replace(store=now.store.bounced())
        for worker, _ in now.calls:
            now = self._answer(now, worker, Unknown(worker))
        return self._react(now, self.queue.bounce(now.store.memory))

    def cut_power(self, now: Running) -> Running:
        """Lose all that is not durable, and everybody's work with it."""
        now = self.note(now, PowerLost())
        now = now._replace(store=now.store.powered_off(), calls=(), held=())
        table = self.queue.bounce(now.store.memory)
        for worker in "AB":
            table = self.queue.reopen(table, worker)
        return self._react(now, table)

    def wait(self, now: Running) -> Running:
        """Let the time of a lease pass, and a little more."""
        return now._replace(now_ms=now.now_ms + self.queue.lease_ms + 1)

    def look(self, now: Running, rest: Rest) -> Running:
        """Look at what is there."""
        return self.note(now, evolve(self.queue.look(now.store.memory), rest=rest))

    def _react(self, now: Running, table: Table) -> Running:
        if table == now.store.memory:
            return now
        return now._replace(store=now.store.commit(table))


def _name(pair: tuple[str, Underway]) -> str:
    return pair[0]
