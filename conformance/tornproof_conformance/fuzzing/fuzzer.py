"""
Run random searches until the time is up.

A run of the fuzzer is a sequence of *rounds*, in each of which every hunt plays
once.  What a hunt makes up in a round follows from the seed of the run and the
number of the round, so a run can be had again by its seed.  Rounds are dealt to
shards like cards: shard 2 of 3 plays the rounds 1, 4, 7, …, so that machines
which share a seed never do each other's work.

Before the first round each hunt tries what the database holds: what has failed
once is the likeliest to fail again.

Several processes play in *waves*, a task for each.  What a wave has found is
passed over by the next, so that a bug which shows in every second program does
not hide those behind it.

An adapter is searched in the same way, by the hunts of `adapter_hunts`, each of which
starts processes of its own.  One that breaks the protocol ends the run.

The fuzzer emits events and prints nothing.  Ctrl-C ends a run as time does.
"""

import shlex
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from importlib.metadata import version
from itertools import count, islice
from pathlib import Path

from attrs import define, field, frozen
from tornproof_models.campaigns.engine import Engine, Workers
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.adapter.speaking.session import TIMEOUT
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import MachineCase, Problem
from tornproof_conformance.cases.hypothesis_search import Order
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.fuzzing.adapter_hunts import hunting
from tornproof_conformance.fuzzing.examples import DIRECTORY, open_database
from tornproof_conformance.fuzzing.fuzz_events import (
    FuzzEvent,
    FuzzFinished,
    FuzzProgress,
    FuzzStarted,
)
from tornproof_conformance.run.runner import diagnosed
from tornproof_conformance.search.hunts import Catch, Hunt, hunts_of
from tornproof_conformance.story.stories import tell
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.subjects.machines import MachineSubject
from tornproof_conformance.subjects.reference import find_subject


@frozen
class Fuzzing:
    """What is searched, and where; the programs are a function of it."""

    subject: str
    seed: int
    shard: int = 0
    """Which share of the rounds, counted from 0."""

    shards: int = 1
    examples: int = 50
    """Programs that a hunt makes up in a round: a second's work or two."""

    database: str = DIRECTORY
    """Where examples that failed are kept; those of adapters are not, since none comes twice."""

    command: tuple[str, ...] = ()
    """The adapter that is searched; empty for a subject that is built in."""

    timeout: float = TIMEOUT
    """Seconds that an adapter's reply may take."""

    @classmethod
    def of_adapter(cls, command: Sequence[str], seed: int, shard: int, shards: int) -> "Fuzzing":
        """Search an adapter, which goes by its command."""
        return cls(shlex.join(command), seed, shard, shards, command=tuple(command))


# Tasks


@frozen
class FuzzingTask:
    """One play of one hunt."""

    hunt: str
    round: int | None
    """None for trying what the database holds."""

    overlooked: frozenset[str] = frozenset()


def rounds(fuzzing: Fuzzing) -> Iterator[int]:
    """Yield the numbers of the rounds that belong to a shard."""
    return count(fuzzing.shard, fuzzing.shards)


def seed_of(fuzzing: Fuzzing, task: FuzzingTask) -> int | None:
    """Derive the seed of a task; the same whichever shard it falls to."""
    if task.round is None:
        return None
    name = f"{fuzzing.seed} {task.round} {task.hunt}"
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def play(fuzzing: Fuzzing, task: FuzzingTask) -> tuple[FuzzingTask, Catch]:
    """Do a task, in whatever process."""
    if fuzzing.command and task.round is None:
        return task, Catch()
    database = None if fuzzing.command else open_database(fuzzing.database)
    order = Order(seed_of(fuzzing, task), fuzzing.examples, task.overlooked, database)
    with _hunts(fuzzing) as hunts:
        (hunt,) = (hunt for hunt in hunts if hunt.name == task.hunt)
        return task, hunt.play(order)


@contextmanager
def _hunts(fuzzing: Fuzzing) -> Iterator[tuple[Hunt, ...]]:
    """Have the hunts that what is searched can be subjected to, for a while."""
    if fuzzing.command:
        with hunting(fuzzing.command, fuzzing.timeout) as hunts:
            yield hunts
    else:
        yield hunts_of(fuzzing.subject)


# A run


@define
class _Run:
    """What a run has come to so far."""

    hunts: tuple[str, ...]
    total: Catch = field(factory=Catch)
    tasks: int = 0
    """Tasks done, the first of each hunt with the database."""

    known: dict[str, frozenset[str]] = field(factory=dict)
    """For each hunt, the requirements that it has found violated."""

    reproducers: list[str] = field(factory=list)
    gave_up: dict[str, str] = field(factory=dict)
    new_outcomes: int = 0

    @property
    def rounds(self) -> int:
        return max(self.tasks // len(self.hunts) - 1, 0)

    def take(self, task: FuzzingTask, catch: Catch) -> None:
        """Add what a task came back with."""
        before = len(self.total.outcomes)
        self.total.add(catch)
        self.new_outcomes += len(self.total.outcomes) - before
        self.tasks += 1
        if catch.gave_up:
            self.gave_up[task.hunt] = catch.gave_up
        found = {problem.violation.requirement for problem in catch.problems}
        self.known[task.hunt] = self.known.get(task.hunt, frozenset()) | found


def fuzz(
    fuzzing: Fuzzing,
    *,
    minutes: float,
    reproducers: Path,
    engine: Engine | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[FuzzEvent, None, None]:
    """
    Search until the time is up, and yield what happens.

    At least one round is played, however short the time.  Every violation is saved
    below `reproducers`, and told once.  Raises `Invalid` for a subject or database
    that cannot be used, and a `Diagnosis` for an adapter that does not start.
    """
    with _hunts(fuzzing) as playable:
        hunts = tuple(hunt.name for hunt in playable)
    if not fuzzing.command:
        open_database(fuzzing.database)
    running = _Run(hunts)
    began = clock()
    limit = 60 * minutes
    shard = f"{fuzzing.shard + 1}/{fuzzing.shards}"
    yield FuzzStarted(version("tornproof"), fuzzing.subject, fuzzing.seed, shard, hunts)
    interrupted = False
    try:
        with (engine or Engine()).workers() as workers:
            for problems in _waves(fuzzing, running, workers):
                yield from _told(fuzzing, running, problems, reproducers)
                seconds = clock() - began
                yield _progress(running, seconds, limit)
                if seconds >= limit and running.rounds:
                    break
    except KeyboardInterrupt:
        interrupted = True
    except Diagnosis as broken:
        yield diagnosed(broken)
    total = running.total
    yield FuzzFinished(
        clock() - began,
        running.rounds,
        total.programs,
        total.images,
        len(total.outcomes),
        tuple(running.reproducers),
        interrupted,
        running.gave_up,
    )


def _waves(fuzzing: Fuzzing, running: _Run, workers: Workers) -> Iterator[list[Problem]]:
    """Play wave after wave, and yield the problems that each has found."""
    tasks = _tasks(fuzzing, running)
    while True:
        # a wave is drawn up before it is played, so that it knows what the last one found
        wave = list(islice(tasks, workers.number))
        problems = []
        for task, catch in workers.run(partial(play, fuzzing), wave):
            running.take(task, catch)
            problems += catch.problems
        yield problems


def _tasks(fuzzing: Fuzzing, running: _Run) -> Iterator[FuzzingTask]:
    for hunt in running.hunts:
        yield FuzzingTask(hunt, None)
    for number in rounds(fuzzing):
        for hunt in running.hunts:
            yield FuzzingTask(hunt, number, running.known.get(hunt, frozenset()))


def _told(
    fuzzing: Fuzzing, running: _Run, problems: list[Problem], directory: Path
) -> Iterator[ViolationFound]:
    """Save each problem that is not the same as an earlier one, and tell it."""
    for problem in problems:
        path = str(reproducer.save(problem, fuzzing.subject, directory))
        if path not in running.reproducers:
            running.reproducers.append(path)
            with _judged(fuzzing, problem) as subject:
                yield tell(problem, subject, path)


@contextmanager
def _judged(fuzzing: Fuzzing, problem: Problem) -> Iterator[Subject]:
    """Have the subject on which a problem was found, for a while."""
    if fuzzing.command:
        with (
            AdapterSubject.running(fuzzing.command, timeout=fuzzing.timeout) as adapter,
            for_case(adapter, problem.case) as judged,
        ):
            yield judged
    elif isinstance(problem.case, MachineCase):
        yield MachineSubject(fuzzing.subject)
    else:
        yield find_subject(fuzzing.subject)


def _progress(running: _Run, seconds: float, limit: float) -> FuzzProgress:
    new, running.new_outcomes = running.new_outcomes, 0
    return FuzzProgress(
        seconds,
        limit,
        running.rounds,
        running.total.programs,
        running.total.images,
        len(running.total.outcomes),
        new,
        len(running.reproducers),
    )
