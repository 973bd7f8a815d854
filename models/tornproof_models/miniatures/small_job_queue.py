"""
A small correct job queue, of which the miniatures change one step each.

A job is a row.  A take gives the first ready row a lease with a number of its own; a
completion, which writes the effect in the same transaction, names that number, and
is refused if another lease has begun.  Every take first looks for leases that have
run out.  Each step that somebody has got wrong once is a method of its own, so that a
miniature is the one method that is wrong.
"""

from collections.abc import Sequence
from typing import ClassVar

from tornproof_models.contract.job_queue import (
    Call,
    Claim,
    Dead,
    Enqueue,
    Finish,
    How,
    Rest,
    Seen,
    Take,
    Tend,
)
from tornproof_models.job_queues.calls import Held, Step, Underway
from tornproof_models.job_queues.table import Row, State, Table

CLAIMS = frozenset(Claim) - {Claim.AT_MOST_ONCE, Claim.LEASES_TENDED}
"""What one queue can claim together."""


class SmallJobQueue:
    """The correct twin."""

    name = "small-job-queue"
    claims: frozenset[Claim] = CLAIMS
    breaks: ClassVar[frozenset[str]] = frozenset()
    """The requirements that it breaks."""

    lease_ms = 10
    max_attempts = 2
    unsynced: ClassVar[frozenset[str]] = frozenset()
    """The steps that are answered before they are durable."""

    unwritten: ClassVar[frozenset[str]] = frozenset()
    """The steps that are answered while they are in the server's memory alone."""

    # What a call does

    def steps(self, call: Call) -> Sequence[Step]:
        """Return what a call does; here each call is one transaction."""
        match call:
            case Enqueue(rolled_back=True):
                return (self.roll_back,)
            case Enqueue():
                return self.enqueue()
            case Take():
                return self.take()
            case Finish(How.OK):
                return self.complete()
            case Finish():
                return (self.report,)
            case Tend():
                return (self.tend,)

    def enqueue(self) -> Sequence[Step]:
        """Hand a job in."""
        return (self.insert,)

    def take(self) -> Sequence[Step]:
        """Get a job."""
        return (self.lease,)

    def complete(self) -> Sequence[Step]:
        """End a job."""
        return (self.settle,)

    # Transactions

    def roll_back(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Undo all that the transaction did, job and row."""
        return table, call

    def insert(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Insert the job, unless its id is known, and the caller's own row."""
        assert isinstance(call.call, Enqueue)
        job = call.call.job
        if not self.knows(table, job):
            table = table.insert(job)
        if call.call.in_transaction and job not in table.business:
            table = table.with_business([job])
        return table, call

    def lease(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Free what has run out, and lease the first job that is ready."""
        table = self.reclaim(table, call.now_ms)
        row = self.first(table)
        if row is None:
            return table, call
        return self.begin(table, row, call)

    def begin(self, table: Table, row: Row, call: Underway) -> tuple[Table, Underway]:
        """Begin a lease, under a number that no other lease has had."""
        token = table.last_token + 1
        leased = row._replace(
            state=State.RUNNING,
            starts=row.starts + 1,
            owner=call.worker,
            token=token,
            until_ms=call.now_ms + self.lease_ms,
        )
        table = table.replace(row, leased)._replace(last_token=token)
        return table, call._replace(took=Held(row.job, token))

    def settle(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Complete the job and write its effect, if the lease is still this worker's."""
        row = self.own(table, call)
        if row is None:
            return table, call.refuse()
        done = row._replace(state=State.DONE, owner=None)
        return table.replace(row, done).with_effect(row.job), call

    def report(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Put a job that failed back into its place, or among the dead letters."""
        row = self.own(table, call)
        if row is None:
            return table, call.refuse()
        return self.release(table, row, "told to fail"), call

    def tend(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Free what has run out."""
        return self.reclaim(table, call.now_ms), call

    # Decisions

    def knows(self, table: Table, job: str) -> bool:
        """Say whether an id has been handed in before."""
        return table.find(job) is not None

    def first(self, table: Table) -> Row | None:
        """Choose the job to begin next."""
        return next(iter(table.ready()), None)

    def own(self, table: Table, call: Underway) -> Row | None:
        """Find the row that is leased to this worker, under this very lease."""
        assert call.held is not None
        row = table.find(call.held.job)
        is_own = row is not None and row.state is State.RUNNING and row.token == call.held.token
        return row if is_own else None

    def reclaim(self, table: Table, now_ms: int) -> Table:
        """Free every job whose lease has run out."""
        for row in table.rows:
            if row.state is State.RUNNING and row.until_ms <= now_ms:
                table = self.expire(table, row)
        return table

    def expire(self, table: Table, row: Row) -> Table:
        """Free a job whose worker has not been heard of."""
        return self.release(table, row, "its worker died, or was too slow")

    def release(self, table: Table, row: Row, reason: str) -> Table:
        """Put a job back, or among the dead letters after as many starts as may be."""
        if row.starts >= self.max_attempts:
            return self.bury(table, row, reason)
        return table.replace(row, row._replace(state=State.READY, owner=None))

    def bury(self, table: Table, row: Row, reason: str) -> Table:
        """Make a dead letter."""
        return table.replace(row, row._replace(state=State.DEAD, owner=None, reason=reason))

    # What happens to it

    def is_written(self, step: Step) -> bool:
        """Say whether a step survives a restart of the server."""
        return step.__name__ not in self.unwritten

    def is_synced(self, step: Step) -> bool:
        """Say whether a step survives a loss of power."""
        return step.__name__ not in self.unsynced

    def panic(self, table: Table, held: Held) -> Table:  # noqa: ARG002
        """Let the lease run out."""
        return table

    def bounce(self, table: Table) -> Table:
        """Go on: leases are rows."""
        return table

    def reopen(self, table: Table, worker: str) -> Table:  # noqa: ARG002
        """Go on."""
        return table

    def look(self, table: Table) -> Seen:
        """Read the rows."""
        dead = tuple(Dead(row.job, row.reason) for row in table.rows if row.state is State.DEAD)
        return Seen(
            Rest.NOT_YET,
            table.effects,
            table.jobs(State.READY),
            table.jobs(State.RUNNING),
            dead,
            table.business,
        )
