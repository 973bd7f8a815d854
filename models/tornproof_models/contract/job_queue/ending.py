"""
Judge the final state of a queue, as an observer sees it.

What is there too much shows at any moment.  What is missing shows only when the
queue is at rest: every lease has run out, and workers that ask again and again get
nothing.
"""

from collections import Counter
from collections.abc import Iterator

from attrs import frozen

from tornproof_models.contract.job_queue.facts import Claim, Promise, Rest, Seen
from tornproof_models.contract.job_queue.ledger import Job, Ledger


@frozen
class Finding:
    """Something that contradicts a sentence, whether it was claimed or not."""

    claim: Claim
    message: str


def judge_end(ledger: Ledger, seen: Seen, promise: Promise) -> Iterator[Finding]:
    """Ask what is there that should not be, and what is missing."""
    yield from _strangers(ledger, seen)
    yield from _too_much(ledger, seen, promise)
    yield from _dead_letters(ledger, seen, promise)
    if seen.rest is not Rest.NOT_YET:
        if seen.rows is not None:
            yield from _rows(ledger, seen, seen.rows)
        for name, job in ledger.jobs:
            if job.acknowledged:
                yield from _missing(ledger, seen, promise, name, job)


def is_one_job(job: Job, promise: Promise) -> bool:
    """Say whether a job that was handed in twice is one job; whoever does not say so has two."""
    return job.asked < 2 or Claim.DEDUPLICATES in promise.claims


def _strangers(ledger: Ledger, seen: Seen) -> Iterator[Finding]:
    """Name what is there and was never handed in."""
    places = {
        "done": seen.effects,
        "pending": seen.pending,
        "running": seen.running,
        "a dead letter": tuple(letter.job for letter in seen.dead),
    }
    for place, names in places.items():
        for name in dict.fromkeys(names):
            job = ledger.job(name)
            if job is None or not (job.asked or job.in_transaction):
                yield Finding(Claim.CORE, f"{name} is {place} and was never handed in")


def _too_much(ledger: Ledger, seen: Seen, promise: Promise) -> Iterator[Finding]:
    """Name what was done twice, or done and put aside as well, or kept twice."""
    effects = Counter(seen.effects)
    dead = Counter(letter.job for letter in seen.dead)
    waiting = Counter((*seen.pending, *seen.running))
    for name, job in ledger.jobs:
        if job.reopened or not is_one_job(job, promise):
            continue
        kept = waiting[name] + dead[name]
        if job.asked > 1 and kept > 1:
            message = f"{name} was handed in {job.asked} times and is there {kept} times"
            yield Finding(Claim.DEDUPLICATES, message)
        if effects[name] > 1:
            yield Finding(Claim.EXACTLY_ONCE, f"{name} was done {effects[name]} times")
        if effects[name] and dead[name]:
            yield Finding(Claim.EXACTLY_ONCE, f"{name} was done and is a dead letter as well")
        if dead[name] > 1:
            yield Finding(Claim.EXACTLY_ONCE, f"{name} is a dead letter {dead[name]} times")


def _dead_letters(ledger: Ledger, seen: Seen, promise: Promise) -> Iterator[Finding]:
    """Ask of each dead letter why it is one."""
    for letter in seen.dead:
        if not letter.reason:
            yield Finding(Claim.REASONS, f"{letter.job} is a dead letter without a reason")
        job = ledger.job(letter.job)
        if job is None or job.slipped or ledger.power_lost:
            continue
        if job.starts == job.fails < promise.max_attempts:
            yield Finding(
                Claim.RETRIES,
                f"{letter.job} is a dead letter after {job.fails} failures, "
                f"and it takes {promise.max_attempts}",
            )


def _rows(ledger: Ledger, seen: Seen, rows: tuple[str, ...]) -> Iterator[Finding]:
    """Compare the business rows with the jobs that were written with them."""
    there = {*seen.effects, *seen.pending, *seen.running}
    there |= {letter.job for letter in seen.dead}
    for name, job in ledger.jobs:
        if not job.in_transaction:
            continue
        has_job = name in there or job.starts > 0
        has_row = name in rows
        if job.rolled_back and (has_job or has_row):
            what = "its job is" if has_job else "its row is"
            yield Finding(
                Claim.OUTBOX, f"the transaction of {name} was rolled back, and {what} there"
            )
        elif has_row and not has_job and not job.slipped:
            yield Finding(Claim.OUTBOX, f"the row of {name} was committed without its job")
        elif has_job and not has_row:
            yield Finding(Claim.OUTBOX, f"the job {name} was committed without its row")


def _missing(
    ledger: Ledger, seen: Seen, promise: Promise, name: str, job: Job
) -> Iterator[Finding]:
    """Ask of an acknowledged job how it ended, and if it did not, why."""
    dead = {letter.job for letter in seen.dead}
    if name in seen.effects or name in dead:
        return
    place = (
        "is pending for ever"
        if name in seen.pending
        else "is running for ever, without a worker"
        if name in seen.running
        else "is neither pending, running, done nor a dead letter"
    )
    story = f"started {job.starts} times, failed {job.fails}, its worker died {job.deaths} times"
    if job.completed:
        message = f"{name} was acknowledged as completed, and was not done"
        yield Finding(Claim.AT_LEAST_ONCE, message)
    elif job.fails >= promise.max_attempts:
        message = f"{name} failed {job.fails} times, {place} and is no dead letter"
        yield Finding(Claim.RETRIES, message)
    elif job.deaths >= promise.max_attempts:
        message = f"{name} killed {job.deaths} workers, {place} and is no dead letter"
        yield Finding(Claim.POISON, message)
    elif not job.starts and name in seen.pending and _has_bad(ledger, promise, name):
        yield Finding(Claim.PROGRESS, f"{name} {place}, behind a job that does not succeed")
    elif seen.rest is Rest.RESTLESS:
        return  # it may still have its turn
    elif (job.deaths or job.slipped) and name in (*seen.pending, *seen.running):
        claim = Claim.LEASES_TENDED if ledger.tended else Claim.LEASES
        yield Finding(claim, f"{name} was acknowledged and {place}: {story}")
    else:
        message = f"{name} was acknowledged, was not done, and {place}: {story}"
        yield Finding(Claim.AT_LEAST_ONCE, message)


def _has_bad(ledger: Ledger, promise: Promise, name: str) -> bool:
    """Say whether another job has failed, or killed its workers, as often as may be."""
    return any(
        max(job.fails, job.deaths) >= promise.max_attempts
        for each, job in ledger.jobs
        if each != name
    )
