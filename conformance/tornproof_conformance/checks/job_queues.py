"""
Check a job queue behind an adapter: fixed situations, then random ones.

Each program of a few steps is played with two workers, each a process where the library
allows it; then everything that died is started again, both workers drain the queue, and
the contract judges the history.  What is not claimed is not provoked.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from tornproof_models.contract.job_queue import REQUIREMENTS, Claim, judge, reached
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.job_queue_processes import QueueNotOpened
from tornproof_conformance.adapter.opened_job_queue import JobQueueRun
from tornproof_conformance.cases.case import ExerciseCase, Problem, try_case
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.stream.run_events import Progress

SHARE = 0.5
"""Part of the budget's time."""

SHRINKS = 8
"""Programs that are tried in order to shorten one; each may take seconds."""

LONGEST = 10
"""Steps of a random program."""

RACES = 60
"""Of a library that loses one race in two, the first twenty may all be won by one worker."""
MICROSECONDS = (50, 200, 500, 1000, 3000, 10000)
"""How far a call has got when its worker is killed: through its first calls, or nearly done."""

FATES = {Claim.RETRIES: "fails", Claim.POISON: "kills"}
"""What may become of a bad job's starts, where its end was promised."""

SITUATIONS: Sequence[tuple[frozenset[Claim], Sequence[str]]] = tuple(
    (frozenset(claims), tuple(steps.split("; ")))
    for claims, steps in (
        ((), "enqueue j1 A; take A; ok A; take B"),
        ((), "enqueue j1 A; wait; take A; take B; nap; take B; ok A"),
        ((), "enqueue j1 A; take A; die B; take B; ok A"),
        ((), f"race {RACES}"),
        ((), "enqueue j1 A; take A; die A"),
        ((), "enqueue j1 A; enqueue j2 A; take A; take B; ok A; die B; die A"),
        ((), "enqueue j1 A; take A; pause A; ok A; ok B"),
        ((), "enqueue j1 A; enqueue j2 B; enqueue j3 A; take A; take B; ok B; take B; ok A"),
        ((Claim.RETRIES,), "bad j1 fails; enqueue j1 A; enqueue j2 B"),
        ((Claim.POISON,), "bad j1 kills; enqueue j1 A; enqueue j2 B"),
        ((Claim.DEDUPLICATES,), "enqueue j1 A; enqueue j1 B; take A; enqueue j1 B; ok A"),
        ((Claim.OUTBOX,), "enqueue j1 A transaction; enqueue j2 A rollback; enqueue j3 A"),
        (
            (Claim.OUTBOX,),
            "enqueue j1 A transaction; die A; enqueue j2 B transaction; take B",
        ),
    )
)
"""Programs, each for those who claim any of the sentences that it needs, or for all."""


def programs_for(claims: frozenset[Claim]) -> list[Sequence[str]]:
    """Choose the situations that concern what is claimed."""
    return [steps for needed, steps in SITUATIONS if not needed or needed & claims]


def random_program(seed: int, claims: frozenset[Claim]) -> tuple[str, ...]:
    """Make a program up."""
    chance = random.Random(seed)
    steps: list[str] = []
    jobs = 0
    for _ in range(LONGEST):
        odds, worker = chance.random(), chance.choice("AB")
        if odds < 0.3 or not jobs:
            jobs += 1
            fates = [fate for claim, fate in FATES.items() if claim in claims]
            if fates and chance.random() < 0.15:
                steps.append(f"bad j{jobs} {chance.choice(fates)}")
            how = chance.choice([" transaction", " rollback", ""]) if Claim.OUTBOX in claims else ""
            steps.append(f"enqueue j{jobs} {worker}{how}")
        elif odds < 0.55:
            steps.append(f"take {worker}")
        elif odds < 0.75:
            steps.append(f"{chance.choice(['ok', 'ok', 'ok', 'fail'])} {worker}")
        elif odds < 0.9:
            jobs += 1
            call = chance.choice([f"enqueue j{jobs}", "take", "ok"])
            steps.append(f"die {worker} {chance.choice(MICROSECONDS)} {call}")
        else:
            steps.append(chance.choice([f"die {worker}", "wait", "nap", "nap", f"pause {worker}"]))
    return tuple(steps)


@exercise("job-queue")
def put_through(subject: AdapterSubject, steps: Sequence[str]) -> Iterator[Violation]:
    """Play a program, drain the queue, and yield what the history violates."""
    found, _ = play(subject, steps)
    yield from found


def play(subject: AdapterSubject, steps: Sequence[str]) -> tuple[list[Violation], Counter[Claim]]:
    """Play a program; return what it violates, and what it has put to the test."""
    run = JobQueueRun(subject, subject.new_disk())
    try:
        run.play(steps)
        run.drain()
    except QueueNotOpened as failed:
        claim = Claim.AT_LEAST_ONCE if Claim.AT_LEAST_ONCE in run.promise.claims else Claim.CORE
        return [Violation(REQUIREMENTS[claim], str(failed))], Counter()
    finally:
        run.stop()
    found = judge(run.history, run.promise)
    near = reached(run.history, run.promise)
    return [Violation(each.requirement, each.message) for each in found], near


def _job_queues(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    claims = frozenset(each for each in Claim if each.value in subject.claims)
    clock = Clock.start(budget, SHARE)
    known: set[str] = set()
    near: Counter[Claim] = Counter()
    situations = programs_for(claims)
    for number, steps in enumerate(situations):
        yield Progress("job-queues", number, len(situations), steps[-1])
        yield from _try(subject, steps, known, near, clock)
    made_up = 0
    while clock.has_time:
        yield clock.progress("job-queues", f"{made_up} random programs")
        steps = random_program(budget.seed * 1000 + made_up, claims)
        yield from _try(subject, steps, known, near, clock)
        made_up += 1
    at_stake = {REQUIREMENTS[claim]: near[claim] for claim in claims - {Claim.POWER}}
    played = f"{counted(len(situations), 'situation')} and {counted(made_up, 'random program')}"
    words = f"{played} with two workers, killed, paused and raced"
    counts = {"programs": len(situations), "random_programs": made_up}
    return Covered(words, counts, ("process-kill",), at_stake=at_stake)


def _try(
    subject: AdapterSubject,
    steps: Sequence[str],
    known: set[str],
    near: Counter[Claim],
    clock: Clock,
) -> Iterator[Problem]:
    """Play a program, and shorten it for each requirement that it is the first to violate."""
    found, tested = play(subject, steps)
    near.update(tested.keys())
    for violation in found:
        if violation.requirement in known:
            continue
        known.add(violation.requirement)
        shortest = _shorten(subject, steps, violation, clock)
        yield Problem(*shortest)


def _shorten(
    subject: AdapterSubject, steps: Sequence[str], violation: Violation, clock: Clock
) -> tuple[Violation, ExerciseCase]:
    """Leave out what the violation does not need, one step at a time."""
    best, steps = violation, list(steps)
    at, tries = len(steps) - 1, 0
    while at >= 0 and tries < SHRINKS and clock.has_time:
        fewer = [*steps[:at], *steps[at + 1 :]]
        again = [
            problem.violation
            for problem in try_case(ExerciseCase("job-queue", tuple(fewer)), subject)
            if problem.violation.requirement == violation.requirement
        ]
        if again:
            best, steps = again[0], fewer
        at -= 1
        tries += 1
    return best, ExerciseCase("job-queue", tuple(steps))


def _untested(subject: Subject) -> frozenset[str]:
    """Name the sentences that an adapter does not claim; power is another check's."""
    claims: frozenset[str] = getattr(subject, "claims", frozenset())
    return frozenset(
        requirement
        for claim, requirement in REQUIREMENTS.items()
        if claim.value not in claims or claim is Claim.POWER
    )


JOB_QUEUES = Check(
    "job-queues",
    "two workers on a job queue, killed, paused and raced",
    frozenset(REQUIREMENTS.values()) - {REQUIREMENTS[Claim.POWER]},
    _job_queues,
    _untested,
)
