"""
Run workers undisturbed until nothing is left to do.

They wait until every lease has run out, ask for work in turn, and end what they get;
one job may be bad, and fail or kill its worker whenever it is started.  After two
rounds in which nobody got anything the queue is quiet.
"""

from collections.abc import Hashable, Iterator
from enum import StrEnum

from attrs import frozen

from tornproof_models.contract.job_queue import Claim, Finish, How, Rest, Take, Tend
from tornproof_models.contract.journal import Violation
from tornproof_models.job_queues.running import Engine, Running

QUIET_ROUNDS = 2
ROUNDS = 12
"""More than any queue needs for a few jobs of a few attempts each."""


class Fate(StrEnum):
    """What becomes of a bad job's every start."""

    FAILS = "fails"
    KILLS = "kills"


@frozen
class Plan:
    """Who drains a queue, and which job is bad."""

    bad: str | None = None
    fate: Fate = Fate.FAILS
    workers: str = "AB"


def drain(engine: Engine, now: Running, plan: Plan) -> Running:
    """Let the workers go on until the queue is quiet, and look at it."""
    *_, (last, _) = _moments(engine, now, plan)
    return last


class Drainer:
    """Drains many states of one queue, and remembers what came of the moments on the way."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[Hashable, tuple[Violation, ...]] = {}

    def violations(self, now: Running, plan: Plan) -> tuple[Violation, ...]:
        """Say what shows if a queue is drained from here."""
        passed: list[Hashable] = []
        found: tuple[Violation, ...] = ()
        for moment, where in _moments(self._engine, now, plan):
            found = moment.violations
            key = (moment, where, plan)
            if found or key in self._known:
                found = self._known.get(key, found)
                break
            passed.append(key)
        self._known.update((key, found) for key in passed)
        self._engine.facts.clear()
        return found


def _moments(engine: Engine, now: Running, plan: Plan) -> Iterator[tuple[Running, Hashable]]:
    """Yield each moment of a drain, and what beside it decides how it goes on."""
    is_tended = Claim.LEASES_TENDED in engine.promise.claims
    for worker in plan.workers:
        now = _end(engine, now, worker, plan)
    idle = 0
    for number in range(ROUNDS):
        yield now, (number, idle)
        now = engine.wait(now)
        if is_tended:
            now = engine.ask(now, plan.workers[0], Tend())
        busy = False
        for worker in plan.workers:
            now = engine.ask(now, worker, Take())
            while now.call_of(worker) is not None:
                now = engine.step(now, worker)
            if now.held_by(worker) is not None:
                busy = True
                now = _end(engine, now, worker, plan)
        idle = 0 if busy else idle + 1
        if idle == QUIET_ROUNDS:
            break
    rest = Rest.QUIET if idle == QUIET_ROUNDS else Rest.RESTLESS
    yield engine.look(now, rest), rest


def _end(engine: Engine, now: Running, worker: str, plan: Plan) -> Running:
    """End the job that a worker has, as its fate is."""
    held = now.held_by(worker)
    if held is None:
        return now
    is_bad = held.job == plan.bad
    if is_bad and plan.fate is Fate.KILLS:
        return engine.die(now, worker)
    now = engine.ask(now, worker, Finish(How.FAIL if is_bad else How.OK))
    while now.call_of(worker) is not None:
        now = engine.step(now, worker)
    return now
