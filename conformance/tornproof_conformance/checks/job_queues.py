"""
Check a job queue behind an adapter: fixed situations, then random ones.

Each program of a few steps is played with two workers, each a process where the library
allows it; then everything that died is started again, both workers drain the queue, and
the contract judges the history.  What is not claimed is not provoked.
"""

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
from tornproof_conformance.checks.job_queue_programs import (
    DEATHS,
    deaths,
    programs_for,
    random_program,
)
from tornproof_conformance.stream.run_events import Progress

SHARE = 0.5
"""Part of the budget's time."""

SHRINKS = 16
"""Programs that are tried in order to shorten one; each may take seconds."""


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
    has_server = bool(subject.server)
    situations = programs_for(claims, has_server)
    for number, steps in enumerate(situations):
        yield Progress("job-queues", number, len(situations), steps[-1])
        yield from _try(subject, steps, known, near, clock)
    deadly = 0
    if clock.has_time:
        yield clock.progress("job-queues", f"{DEATHS} deaths")
        yield from _try(subject, deaths(budget.seed), known, near, clock)
        deadly = DEATHS
    made_up = 0
    while clock.has_time:
        yield clock.progress("job-queues", f"{made_up} random programs")
        steps = random_program(budget.seed * 1000 + made_up, claims, has_server)
        yield from _try(subject, steps, known, near, clock)
        made_up += 1
    at_stake = {REQUIREMENTS[claim]: near[claim] for claim in claims - {Claim.POWER}}
    played = (
        f"{counted(len(situations), 'situation')}, {counted(deadly, 'death')} in a row and "
        f"{counted(made_up, 'random program')}"
    )
    words = f"{played} with two workers, killed, paused and raced"
    words += ", and their server killed" if has_server else ""
    counts = {"programs": len(situations), "deaths": deadly, "random_programs": made_up}
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
    """Leave out what the violation does not need: half of the steps, then fewer at a time."""
    best, steps = violation, list(steps)
    size, tries = max(len(steps) // 2, 1), 0
    while size:
        at = len(steps) - size
        while at >= 0 and tries < SHRINKS and clock.has_time:
            fewer = [*steps[:at], *steps[at + size :]]
            again = [
                problem.violation
                for problem in try_case(ExerciseCase("job-queue", tuple(fewer)), subject)
                if problem.violation.requirement == violation.requirement
            ]
            if again:
                best, steps = again[0], fewer
            at -= size
            tries += 1
        size //= 2
    return best, ExerciseCase("job-queue", tuple(steps))


def unclaimed(subject: Subject) -> frozenset[str]:
    """Name the sentences that an adapter does not claim."""
    claims: frozenset[str] = getattr(subject, "claims", frozenset())
    return frozenset(
        requirement for claim, requirement in REQUIREMENTS.items() if claim.value not in claims
    )


def _untested(subject: Subject) -> frozenset[str]:
    """Name what is not claimed; power is another check's."""
    return unclaimed(subject) | {REQUIREMENTS[Claim.POWER]}


JOB_QUEUES = Check(
    "job-queues",
    "two workers on a job queue, killed, paused and raced",
    frozenset(REQUIREMENTS.values()) - {REQUIREMENTS[Claim.POWER]},
    _job_queues,
    _untested,
)
