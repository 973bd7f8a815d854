"""
Judge a history: name the claimed requirements that it violates.

`judge_fact` asks what one fact shows, given the ledger of all that came before;
`judge` asks it of every fact in turn.  Whatever is in doubt is decided for the
queue: a call that was not answered may have had its effect, calls that overlap are
in no order, and a lease begins at the earliest moment at which it can have begun.
"""

from collections.abc import Iterable, Iterator

from tornproof_models.contract.job_queue.ending import Finding, is_one_job, judge_end
from tornproof_models.contract.job_queue.facts import (
    REQUIREMENTS,
    Claim,
    Done,
    Fact,
    Finish,
    How,
    Promise,
    Seen,
    Took,
)
from tornproof_models.contract.job_queue.ledger import Job, Ledger
from tornproof_models.contract.journal import Violation

OTHERWISE = {
    Claim.LEASES_TENDED: (Claim.LEASES, Claim.AT_LEAST_ONCE, Claim.EXACTLY_ONCE),
    Claim.LEASES: (Claim.AT_LEAST_ONCE, Claim.EXACTLY_ONCE),
    Claim.AT_LEAST_ONCE: (Claim.EXACTLY_ONCE,),
}
"""
Which claim a finding contradicts where the queue does not claim the nearest one.

A job that stays with a dead worker is lost, if nothing was said about leases.
"""

WAITS_FOR_THE_OPERATOR = frozenset({Claim.LEASES})
"""What nobody promised where the documentation gives it to the operator to do."""


def judge(history: Iterable[Fact], promise: Promise) -> tuple[Violation, ...]:
    """Name every claimed sentence that a history contradicts, in the order in which it shows."""
    ledger = Ledger()
    found: list[Violation] = []
    for fact in history:
        found += judge_fact(ledger, fact, promise)
        ledger = ledger.after(fact)
    return tuple(found)


def judge_fact(ledger: Ledger, fact: Fact, promise: Promise) -> tuple[Violation, ...]:
    """Name every claimed sentence that a fact contradicts, after what the ledger knows."""
    match fact:
        case Took(_, job) if job is not None:
            findings: Iterator[Finding] = _start(ledger, fact, job, promise)
        case Done():
            findings = _completion(ledger, fact)
        case Seen():
            findings = judge_end(ledger, fact, promise)
        case _:
            return ()
    found = (_claimed(each, ledger, promise) for each in findings)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _claimed(finding: Finding, ledger: Ledger, promise: Promise) -> Violation | None:
    """Say which of the claims a finding contradicts, or none."""
    claims = promise.claims
    nearest = finding.claim
    is_left_to_somebody = Claim.LEASES_TENDED in claims and nearest in WAITS_FOR_THE_OPERATOR
    if is_left_to_somebody and nearest not in claims:
        return None
    contradicted = [each for each in (nearest, *OTHERWISE.get(nearest, ())) if each in claims]
    if not contradicted:
        return None
    requirement = REQUIREMENTS[contradicted[0]]
    if not ledger.power_lost:
        return Violation(requirement, finding.message)
    if Claim.POWER not in claims:
        return None
    message = f"after a loss of power, {finding.message} ({requirement})"
    return Violation(REQUIREMENTS[Claim.POWER], message)


# While it works


def _start(ledger: Ledger, took: Took, name: str, promise: Promise) -> Iterator[Finding]:
    """Ask whether a worker may have got this job."""
    job = ledger.job(name)
    worker = ledger.worker(took.worker)
    if job is not None and job.rolled_back and not job.asked:
        yield Finding(Claim.OUTBOX, f"{name} was taken, and its transaction was rolled back")
        return
    if job is None or not job.asked:
        yield Finding(Claim.CORE, f"{name} was taken and never handed in")
        return
    if job.reopened or not is_one_job(job, promise):
        return
    is_fresh = took.age_ms <= took.at_ms - worker.asked_ms
    """Whether the queue gave the job away after it had been asked, and not before."""

    if name in worker.completed_then and is_fresh:
        message = f"{name} started again after its completion had been acknowledged"
        yield Finding(Claim.SETTLED, message)
    for other, holder in ledger.holders(name).items():
        runs = took.at_ms < holder.since_ms + promise.lease_ms
        if other != took.worker and runs and not holder.lost and not _is_ending(holder.call):
            left = holder.since_ms + promise.lease_ms - took.at_ms
            yield Finding(
                Claim.EXCLUSIVE,
                f"{took.worker} got {name}, of which {other} had a lease for {left} ms more",
            )
    if job.starts and not job.may_start:
        yield Finding(
            Claim.AT_MOST_ONCE,
            f"{name} started {job.starts + 1} times, and no failure was reported in between",
        )
    if job.fails >= promise.max_attempts:
        yield Finding(
            Claim.RETRIES,
            f"{name} started again after {job.fails} failures, "
            f"and {promise.max_attempts} make a dead letter",
        )
    if job.deaths >= promise.max_attempts:
        yield Finding(
            Claim.POISON,
            f"{name} started again after {job.deaths} deaths of its workers, "
            f"and {promise.max_attempts} make a dead letter",
        )
    if not job.starts and not job.slipped and is_fresh:
        yield from _overtaken(ledger, name, job, worker.started_then)


def _overtaken(ledger: Ledger, name: str, job: Job, started: frozenset[str]) -> Iterator[Finding]:
    """Name the jobs that started before this one was asked for, and had come later."""
    for other in sorted(started):
        later = ledger.job(other)
        if job.acknowledged and later is not None and name in later.after:
            message = f"{other} started before {name}, which had been acknowledged before it"
            yield Finding(Claim.FIFO, message)


def _is_ending(call: object) -> bool:
    """Say whether a holder may have given its job back already."""
    return isinstance(call, Finish)


def _completion(ledger: Ledger, done: Done) -> Iterator[Finding]:
    """Ask whether this worker could complete the job that it thinks it has."""
    worker = ledger.worker(done.worker)
    if worker.call == Finish(How.OK) and worker.lost_then:
        message = (
            f"{done.worker} completed {worker.job} after its lease had run out and "
            "another worker had got the job, and the completion was accepted"
        )
        yield Finding(Claim.FENCED, message)
