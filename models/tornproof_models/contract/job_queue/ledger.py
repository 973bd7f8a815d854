"""
What is known of every job and every worker after the facts so far.

A ledger is a value: `after` returns the next one.  Two histories with equal ledgers
cannot be told apart by anything that follows, which is what lets a search forget
how it came to where it is.
"""

from typing import NamedTuple, TypeVar

from tornproof_models.contract.job_queue.facts import (
    Asked,
    Call,
    Died,
    Done,
    Enqueue,
    Fact,
    Finish,
    How,
    PowerLost,
    Refused,
    Seen,
    Take,
    Tend,
    Took,
    Unknown,
)

Known = TypeVar("Known")


class Job(NamedTuple):
    """What is known of a job."""

    asked: int = 0
    """How often it was handed in, with an effect that was not ruled out."""

    acknowledged: bool = False
    in_transaction: bool = False
    rolled_back: bool = False
    after: frozenset[str] = frozenset()
    """The jobs that were acknowledged before this one was handed in."""

    starts: int = 0
    fails: int = 0
    """Failures that were reported, and the report acknowledged."""

    deaths: int = 0
    """Workers that died while they held it and before they reported anything."""

    may_start: bool = True
    """Whether a failure has been reported since its last start, or there was none."""

    completed: bool = False
    """A completion was acknowledged."""

    completing: bool = False
    """A completion was asked for, at least."""

    reopened: bool = False
    """It was handed in again when somebody had asked for its completion, or while."""

    slipped: bool = False
    """A take was never answered, and may have got it."""


class Worker(NamedTuple):
    """What is known of a worker: its call, and the job that it holds."""

    call: Call | None = None
    asked_ms: int = 0
    completed_then: frozenset[str] = frozenset()
    """The jobs that were completed before the call was made."""

    started_then: frozenset[str] = frozenset()
    lost_then: bool = False
    """Whether somebody else had got its job before the call was made."""

    job: str | None = None
    since_ms: int = 0
    """The earliest moment at which its lease may have begun."""

    lost: bool = False
    """Somebody else got the job meanwhile."""


class Ledger(NamedTuple):
    """Every job and every worker, and what has happened to all of them."""

    jobs: tuple[tuple[str, Job], ...] = ()
    workers: tuple[tuple[str, Worker], ...] = ()
    now_ms: int = 0
    tended: bool = False
    """Somebody tended the queue after a worker had died."""

    power_lost: bool = False

    def job(self, name: str) -> Job | None:
        """Look a job up; none if it was never handed in."""
        return next((job for each, job in self.jobs if each == name), None)

    def worker(self, name: str) -> Worker:
        """Look a worker up."""
        return next((worker for each, worker in self.workers if each == name), Worker())

    def holders(self, job: str) -> dict[str, Worker]:
        """Say who holds a job, as far as anybody knows."""
        return {name: worker for name, worker in self.workers if worker.job == job}

    def after(self, fact: Fact) -> "Ledger":
        """Return the ledger after one more fact."""
        match fact:
            case Asked(worker, call, at_ms):
                return self._at(at_ms)._ask(worker, call)
            case Done(worker, at_ms):
                return self._at(at_ms)._done(worker)
            case Took(worker, job, at_ms, age_ms):
                return self._at(at_ms)._took(worker, job, age_ms)
            case Refused(worker):
                return self._refused(worker)
            case Unknown(worker):
                return self._slip(worker)._with_worker(worker, _dropped(self.worker(worker)))
            case Died(worker):
                return self._died(worker)
            case PowerLost():
                fallen = self
                for worker, _ in self.workers:
                    fallen = fallen._slip(worker)._with_worker(worker, Worker())
                return fallen._replace(power_lost=True)
            case Seen():
                return self

    # Calls

    def _ask(self, name: str, call: Call) -> "Ledger":
        worker = self.worker(name)
        asking = worker._replace(call=call, asked_ms=self.now_ms)
        match call:
            case Enqueue(job, in_transaction, rolled_back):
                before = self.job(job) or Job()
                acknowledged = frozenset(each for each, known in self.jobs if known.acknowledged)
                known = before._replace(
                    asked=before.asked + (not rolled_back),
                    in_transaction=in_transaction,
                    rolled_back=rolled_back,
                    after=before.after if before.asked else acknowledged,
                    reopened=before.reopened or before.completing,
                )
                return self._with_job(job, known)._with_worker(name, asking)
            case Take():
                asking = asking._replace(
                    completed_then=frozenset(each for each, job in self.jobs if job.completed),
                    started_then=frozenset(each for each, job in self.jobs if job.starts),
                )
            case Finish(how) if worker.job is not None:
                asking = asking._replace(lost_then=worker.lost)
                known = self.job(worker.job) or Job()
                if how is How.OK:
                    again = any(
                        isinstance(each.call, Enqueue) and each.call.job == worker.job
                        for _, each in self.workers
                    )
                    known = known._replace(completing=True, reopened=known.reopened or again)
                else:
                    known = known._replace(may_start=True)
                return self._with_job(worker.job, known)._with_worker(name, asking)
            case Finish():
                pass
            case Tend():
                died = any(job.deaths for _, job in self.jobs)
                asked = self._with_worker(name, asking)
                return asked._replace(tended=self.tended or died)
        return self._with_worker(name, asking)

    def _done(self, name: str) -> "Ledger":
        worker = self.worker(name)
        ledger = self._with_worker(name, _dropped(worker))
        match worker.call:
            case Enqueue(job, rolled_back=False):
                known = self.job(job) or Job()
                return ledger._with_job(job, known._replace(acknowledged=True))
            case Finish(how) if worker.job is not None:
                known = self.job(worker.job) or Job()
                if how is How.OK:
                    known = known._replace(completed=True)
                elif not worker.lost_then:
                    known = known._replace(fails=known.fails + 1)
                return ledger._with_job(worker.job, known)
            case _:
                return ledger

    def _refused(self, name: str) -> "Ledger":
        worker = self.worker(name)
        ledger = self._with_worker(name, _dropped(worker))
        if isinstance(worker.call, Enqueue) and not worker.call.rolled_back:
            known = self.job(worker.call.job) or Job()
            return ledger._with_job(worker.call.job, known._replace(asked=known.asked - 1))
        return ledger

    def _took(self, name: str, job: str | None, age_ms: int) -> "Ledger":
        worker = self.worker(name)
        ledger = self._with_worker(name, _dropped(worker))
        if job is None:
            return ledger
        for other, holder in self.holders(job).items():
            if other != name:
                ledger = ledger._with_worker(other, holder._replace(lost=True))
        known = self.job(job) or Job()
        ledger = ledger._with_job(job, known._replace(starts=known.starts + 1, may_start=False))
        return ledger._with_worker(name, Worker(job=job, since_ms=worker.asked_ms - age_ms))

    def _died(self, name: str) -> "Ledger":
        worker = self.worker(name)
        ledger = self._slip(name)._with_worker(name, Worker())
        if worker.job is None or worker.lost or isinstance(worker.call, Finish):
            return ledger
        known = self.job(worker.job) or Job()
        return ledger._with_job(worker.job, known._replace(deaths=known.deaths + 1))

    # Values

    def _at(self, at_ms: int) -> "Ledger":
        return self._replace(now_ms=at_ms)

    def _slip(self, name: str) -> "Ledger":
        """Note what a take may have got that is never going to be answered."""
        if not isinstance(self.worker(name).call, Take):
            return self
        jobs = tuple(
            (each, job._replace(slipped=True) if not job.completed else job)
            for each, job in self.jobs
        )
        return self._replace(jobs=jobs)

    def _with_job(self, name: str, job: Job) -> "Ledger":
        return self._replace(jobs=_replaced(self.jobs, name, job))

    def _with_worker(self, name: str, worker: Worker) -> "Ledger":
        return self._replace(workers=_replaced(self.workers, name, worker))


def _dropped(worker: Worker) -> Worker:
    """Return a worker whose call has ended; whoever has finished holds nothing."""
    if isinstance(worker.call, Finish | Take):
        return Worker()
    return worker._replace(call=None)


def _replaced(
    pairs: tuple[tuple[str, Known], ...], name: str, value: Known
) -> tuple[tuple[str, Known], ...]:
    found = {**dict(pairs), name: value}
    return tuple((each, found[each]) for each in sorted(found))
