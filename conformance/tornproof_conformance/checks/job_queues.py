"""
Check a job queue behind an adapter: fixed situations, then random ones.

Each program of a few steps is played with two workers, each a process where the library
allows it; then everything that died is started again, both workers drain the queue, and
the contract judges the history.  What is not claimed is not provoked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from tornproof_models.contract.job_queue import REQUIREMENTS, Claim, judge, reached
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.job_queue_processes import QueueNotOpened
from tornproof_conformance.adapter.opened_job_queue import JobQueueRun
from tornproof_conformance.adapter.waiting import Waiting, side_by_side, wait_out
from tornproof_conformance.cases.case import ExerciseCase, Problem
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.checks.job_queue_programs import (
    DEATHS,
    deaths,
    programs_for,
    random_program,
)

SHARE = 0.5
"""Part of the budget's time."""

LONG_LEASE_MS = 5000
"""A lease so long that a worker which is busy with other programs has time within it."""

SIDE_BY_SIDE = 5
"""Programs that are played at once where leases are long: nearly all that they do is wait."""

Played: TypeAlias = tuple[Sequence[str], list[Violation], Counter[Claim]]
"""A program, what it violates, and what it has put to the test."""


@exercise("job-queue", stepped=True)
def put_through(subject: AdapterSubject, steps: Sequence[str]) -> Iterator[Violation]:
    """Play a program, drain the queue, and yield what the history violates."""
    _, found, _ = wait_out(playing(subject, steps))
    yield from found


def playing(subject: AdapterSubject, steps: Sequence[str]) -> Waiting[Played]:
    """Play a program, drain the queue, and judge the history."""
    run = JobQueueRun(subject, subject.new_disk())
    try:
        yield from run.playing(steps)
        yield from run.draining()
    except QueueNotOpened as failed:
        claim = Claim.AT_LEAST_ONCE if Claim.AT_LEAST_ONCE in run.promise.claims else Claim.CORE
        return steps, [Violation(REQUIREMENTS[claim], str(failed))], Counter()
    finally:
        run.stop()
    found = judge(run.history, run.promise)
    near = reached(run.history, run.promise)
    return steps, [Violation(each.requirement, each.message) for each in found], near


def _job_queues(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    claims = frozenset(each for each in Claim if each.value in subject.claims)
    clock = Clock.start(budget, SHARE)
    near: Counter[Claim] = Counter()
    situations = programs_for(claims, bool(subject.server))

    def programs() -> Iterator[Sequence[str]]:
        yield from situations
        if clock.has_time:
            yield deaths(budget.seed)
        number = budget.seed * 1000
        while clock.has_time:
            yield random_program(number, claims, bool(subject.server))
            number += 1

    lease = subject.hello.get("queue", {}).get("lease_ms", 0)
    works = (playing(subject, steps) for steps in programs())
    done: list[Sequence[str]] = []
    yield clock.progress("job-queues", f"{len(situations)} situations")
    for steps, found, tested in side_by_side(works, SIDE_BY_SIDE if lease >= LONG_LEASE_MS else 1):
        done.append(steps)
        near.update(tested.keys())
        for violation in found:
            yield Problem(violation, ExerciseCase("job-queue", tuple(steps)))
        yield clock.progress("job-queues", f"{len(done)} programs")
        if not clock.has_time and all(each in done for each in situations):
            break
    deadly = DEATHS * (deaths(budget.seed) in done)
    made_up = len(done) - len(situations) - bool(deadly)
    at_stake = {REQUIREMENTS[claim]: near[claim] for claim in claims - {Claim.POWER}}
    played = (
        f"{counted(len(situations), 'situation')}, {counted(deadly, 'death')} in a row and "
        f"{counted(made_up, 'random program')}"
    )
    words = f"{played} with two workers, killed, paused and raced"
    words += ", and their server killed" if subject.server else ""
    counts = {"programs": len(situations), "deaths": deadly, "random_programs": made_up}
    return Covered(words, counts, ("process-kill",), at_stake=at_stake)


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
