"""
Count the situations in which a requirement could have been violated.

A sentence that holds in a thousand histories means little if none of them came near
it.  A sentence nobody put to the test is reported as not covered.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from tornproof_models.contract.job_queue.facts import (
    Claim,
    Done,
    Fact,
    Finish,
    How,
    Promise,
    Refused,
    Rest,
    Seen,
    Took,
    Unknown,
)
from tornproof_models.contract.job_queue.ledger import Ledger


def reached(history: Iterable[Fact], promise: Promise) -> Counter[Claim]:
    """Count the situations of a history in which each sentence could have been contradicted."""
    ledger = Ledger()
    found: Counter[Claim] = Counter()
    for fact in history:
        found.update(set(situations(ledger, fact, promise)))
        ledger = ledger.after(fact)
    return found


def situations(ledger: Ledger, fact: Fact, promise: Promise) -> Iterator[Claim]:
    """Name the sentences that a fact could contradict, after what the ledger knows."""
    match fact:
        case Took(worker, job, at_ms):
            yield from _situations_of_a_take(ledger, worker, job, at_ms, promise)
        case Done(worker) | Refused(worker) | Unknown(worker):
            asking = ledger.worker(worker)
            if asking.call == Finish(How.OK) and asking.lost_then:
                yield Claim.FENCED
        case Seen(rest=rest) if rest is not Rest.NOT_YET:
            yield from _situations_of_an_end(ledger, fact, promise)
        case _:
            pass


def _situations_of_a_take(
    ledger: Ledger, worker: str, job: str | None, at_ms: int, promise: Promise
) -> Iterator[Claim]:
    asking = ledger.worker(worker)
    if asking.completed_then:
        yield Claim.SETTLED
    for other, holder in ledger.workers:
        held = holder.job is not None and not holder.lost
        if other != worker and held and at_ms < holder.since_ms + promise.lease_ms:
            yield Claim.EXCLUSIVE
    if job is not None:
        yield Claim.CORE
        known = ledger.job(job)
        if (
            known
            and not known.starts
            and any(job in later.after for _, later in ledger.jobs if later.acknowledged)
        ):
            yield Claim.FIFO
    if any(each.starts and not each.may_start for _, each in ledger.jobs):
        yield Claim.AT_MOST_ONCE


def _situations_of_an_end(ledger: Ledger, seen: Seen, promise: Promise) -> Iterator[Claim]:
    jobs = [job for _, job in ledger.jobs if job.acknowledged]
    bad = [job for job in jobs if max(job.fails, job.deaths) >= promise.max_attempts]
    if ledger.power_lost:
        if jobs:
            yield Claim.POWER
        return
    if jobs:
        yield Claim.AT_LEAST_ONCE
    if any(job.starts > 1 for job in jobs):
        yield Claim.EXACTLY_ONCE
    if any(job.deaths for job in jobs):
        yield Claim.LEASES_TENDED if ledger.tended else Claim.LEASES
    if any(job.fails >= promise.max_attempts for job in jobs):
        yield Claim.RETRIES
    if any(job.deaths >= promise.max_attempts for job in jobs):
        yield Claim.POISON
    if bad and len(bad) < len(jobs):
        yield Claim.PROGRESS
    if seen.dead:
        yield Claim.REASONS
    if seen.rows is not None and any(job.in_transaction for _, job in ledger.jobs):
        yield Claim.OUTBOX
    if any(job.asked > 1 and not job.reopened for _, job in ledger.jobs):
        yield Claim.DEDUPLICATES
