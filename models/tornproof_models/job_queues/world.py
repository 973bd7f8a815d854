"""
Two producers, two workers and all faults, as the states of a search.

Each producer hands in one job, and asks again where it got no answer.  Workers take,
complete, fail, and stop at any step.  A search takes every choice in every state; at
each state in which everybody has been answered, it also lets the workers drain the
queue, once as it is and once for each way in which a job can be bad.
"""

from collections.abc import Hashable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from attrs import frozen

from tornproof_models.contract.job_queue import Call, Claim, Enqueue, Finish, How, Rest, Take, Tend
from tornproof_models.contract.journal import Violation
from tornproof_models.job_queues.calls import JobQueue
from tornproof_models.job_queues.draining import Drainer, Fate, Plan
from tornproof_models.job_queues.running import Engine, Running
from tornproof_models.job_queues.strikes import Strike
from tornproof_models.queues.schedules import Exploration, explore

WORKERS = "AB"
PRODUCERS = "PQ"


class Kind(StrEnum):
    """What a schedule has so many of."""

    CRASH = "crash"
    PANIC = "panic"
    ERROR = "error"
    AMBIGUOUS = "ambiguous commit"
    PAUSE = "pause"
    BOUNCE = "bounce"
    POWER = "power loss"


KINDS = {
    Strike.ERROR: Kind.ERROR,
    Strike.AMBIGUOUS: Kind.AMBIGUOUS,
    Strike.DEATH_BEFORE: Kind.CRASH,
    Strike.DEATH_AFTER: Kind.CRASH,
}

# Choices


@frozen(cache_hash=True)
class Ask:
    """Somebody makes a call, and takes its first step."""

    worker: str
    call: Call
    strike: Strike | None = None

    def __str__(self) -> str:
        strike = f": {self.strike}" if self.strike else ""
        return f"{self.worker} {_WORDS(self.call)}{strike}"


@frozen(cache_hash=True)
class Go:
    """Somebody takes the next step of a call."""

    worker: str
    strike: Strike | None = None

    def __str__(self) -> str:
        return f"{self.worker} goes on" + (f": {self.strike}" if self.strike else "")


@frozen(cache_hash=True)
class Fall:
    """A worker dies while it has a job, or its handler panics."""

    worker: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.worker}: {self.kind}"


@frozen(cache_hash=True)
class Strikes:
    """Something happens to everybody."""

    what: Kind

    def __str__(self) -> str:
        return str(self.what)


def _WORDS(call: Call) -> str:  # noqa: N802
    match call:
        case Enqueue(job, in_transaction, rolled_back):
            how = " in a transaction" if in_transaction else ""
            return f"hands in {job}{how}{', rolled back' if rolled_back else ''}"
        case Take():
            return "takes"
        case Finish(how):
            return "completes" if how is How.OK else "fails"
        case Tend():
            return "tends"


Choice = Ask | Go | Fall | Strikes


class Past(NamedTuple):
    """What has been used up, and what is going on."""

    running: Running = Running()
    spent: frozenset[Kind] = frozenset()
    produced: tuple[tuple[str, int], ...] = ()
    """How often each producer has asked."""

    takes: tuple[tuple[str, int], ...] = ()
    tends: int = 0


class QueueWorld:
    """A queue, with at most one of each misfortune and so many takes of each worker."""

    def __init__(
        self,
        queue: JobQueue,
        *,
        kinds: frozenset[Kind] = frozenset(Kind),
        misfortunes: int = 2,
        takes: int = 2,
        jobs: int = 2,
        same_id: bool = False,
    ) -> None:
        self.queue = queue
        self.engine = Engine(queue)
        self.now = Past()
        self._kinds = kinds if Claim.POWER in queue.claims else kinds - {Kind.POWER}
        self._misfortunes = misfortunes
        self._takes = takes
        self._producers = PRODUCERS[:jobs]
        self._same_id = same_id
        self._drainer = Drainer(self.engine)

    # A world

    def key(self) -> Hashable:
        """All of it."""
        return self.now

    def save(self) -> Past:
        """All of it."""
        return self.now

    def restore(self, saved: Past) -> None:
        """Go back."""
        self.now = saved

    def choices(self) -> Sequence[Choice]:
        """Calls, steps, deaths, panics, pauses, restarts of the server, losses of power."""
        if self.now.running.violations:
            return ()
        return list(self._choices())

    def _choices(self) -> Iterator[Choice]:
        running = self.now.running
        for producer in self._producers:
            if running.call_of(producer) is not None:
                yield from self._struck(producer)
                continue
            for call in self._handed_in(producer):
                yield Ask(producer, call)
                yield from (Ask(producer, call, each) for each in self._strikes())
        for worker in WORKERS:
            if running.call_of(worker) is not None:
                yield from self._struck(worker)
                continue
            for call in self._calls(worker):
                yield Ask(worker, call)
                yield from (Ask(worker, call, each) for each in self._strikes())
            if running.held_by(worker) is not None:
                yield from (Fall(worker, kind) for kind in self._left(Kind.CRASH, Kind.PANIC))
        yield from map(Strikes, self._left(Kind.PAUSE, Kind.BOUNCE, Kind.POWER))

    def take(self, choice: Choice) -> None:
        """Let it happen."""
        past, engine = self.now, self.engine
        running = past.running
        match choice:
            case Ask(worker, call, strike):
                past = self._spend(past, KINDS.get(strike) if strike else None)
                past = _counted(past, worker, call)
                running = engine.ask(running, worker, call, strike)
            case Go(worker, strike):
                past = self._spend(past, KINDS.get(strike) if strike else None)
                running = engine.step(running, worker, strike)
            case Fall(worker, kind):
                past = self._spend(past, kind)
                fall = engine.die if kind is Kind.CRASH else engine.panic
                running = fall(running, worker)
            case Strikes(what):
                past = self._spend(past, what)
                happen = {
                    Kind.PAUSE: engine.wait,
                    Kind.BOUNCE: engine.bounce,
                    Kind.POWER: engine.cut_power,
                }
                running = happen[what](running)
        engine.facts.clear()
        self.now = past._replace(running=running)

    def may_end(self) -> bool:
        """Say whether everybody has been answered, and everything was handed in."""
        asked = len(self.now.produced) == len(self._producers)
        return asked and not self.now.running.calls

    def violations(self) -> tuple[Violation, ...]:
        """Ask the contract what has shown so far, and what shows when the queue is drained."""
        running = self.engine.look(self.now.running, Rest.NOT_YET)
        if running.violations or not self.may_end():
            return running.violations
        plans = [Plan()]
        seen = self.queue.look(running.store.memory)
        if "j1" in (*seen.pending, *seen.running):
            plans += [Plan("j1", fate) for fate in Fate]
        for plan in plans:
            found = self._drainer.violations(running, plan)
            if found:
                return found
        return ()

    # What may happen

    def _left(self, *kinds: Kind) -> Iterator[Kind]:
        if len(self.now.spent) < self._misfortunes:
            yield from (each for each in kinds if each in self._kinds - self.now.spent)

    def _strikes(self) -> Iterator[Strike]:
        left = set(self._left(*Kind))
        for strike, kind in KINDS.items():
            if kind in left:
                yield strike

    def _struck(self, worker: str) -> Iterator[Choice]:
        yield Go(worker)
        yield from (Go(worker, each) for each in self._strikes())

    def _handed_in(self, producer: str) -> Iterator[Call]:
        """A job each, once more after an answer that did not come; the second with a row."""
        number = 1 if self._same_id else self._producers.index(producer) + 1
        job = f"j{number}"
        asked = dict(self.now.produced).get(producer, 0)
        known = self.now.running.ledger.job(job)
        with_row = number == 2 and Claim.OUTBOX in self.queue.claims
        if not asked:
            yield Enqueue(job, with_row)
            if with_row:
                yield Enqueue(job, with_row, rolled_back=True)
        elif asked == 1 and Claim.DEDUPLICATES in self.queue.claims:
            is_in_doubt = known is not None and known.asked and not known.acknowledged
            yield from [Enqueue(job, with_row)] if is_in_doubt else []

    def _calls(self, worker: str) -> Iterator[Call]:
        if self.now.running.held_by(worker) is not None:
            yield Finish(How.OK)
            yield Finish(How.FAIL)
            return
        if dict(self.now.takes).get(worker, 0) < self._takes:
            yield Take()
        if Claim.LEASES_TENDED in self.queue.claims and not self.now.tends:
            yield Tend()

    def _spend(self, past: Past, kind: Kind | None) -> Past:
        return past if kind is None else past._replace(spent=past.spent | {kind})


def _counted(past: Past, worker: str, call: Call) -> Past:
    match call:
        case Enqueue():
            return past._replace(produced=_one_more(past.produced, worker))
        case Take():
            return past._replace(takes=_one_more(past.takes, worker))
        case Tend():
            return past._replace(tends=past.tends + 1)
        case Finish():
            return past


def _one_more(counts: tuple[tuple[str, int], ...], name: str) -> tuple[tuple[str, int], ...]:
    found = dict(counts)
    found[name] = found.get(name, 0) + 1
    return tuple(sorted(found.items()))


def explore_queue(
    queue: JobQueue,
    *,
    kinds: frozenset[Kind] = frozenset(Kind),
    misfortunes: int = 2,
    takes: int = 2,
    jobs: int = 2,
    same_id: bool = False,
) -> Exploration:
    """
    Walk every schedule of so many jobs, takes of each worker, and misfortunes.

    With `same_id`, both producers hand in one and the same job.
    """
    world = QueueWorld(
        queue, kinds=kinds, misfortunes=misfortunes, takes=takes, jobs=jobs, same_id=same_id
    )
    return explore(world)
