"""Job queues that go wrong where a worker ends its work."""

from collections.abc import Sequence

from tornproof_models.contract.job_queue import Call, Finish, How
from tornproof_models.job_queues.calls import Held, Step, Underway
from tornproof_models.job_queues.table import Row, State, Table
from tornproof_models.miniatures.small_job_queue import SmallJobQueue


class CompletesWithoutLooking(SmallJobQueue):
    """
    It completes a job by its id, whoever has it now.

    A worker that was paused beyond its lease completes what another one is working on,
    and is told that all is well.
    Source: River 0.51.2 on SQLite, goqite v0.4.0; of those looked at, BullMQ alone
    refused.
    """

    name = "completes-without-looking"
    breaks = frozenset({"QUE-7"})

    def own(self, table: Table, call: Underway) -> Row | None:
        """Find the row by its id alone."""
        assert call.held is not None
        row = table.find(call.held.job)
        return row if row and row.state is State.RUNNING else None


class WritesTheEffectApart(SmallJobQueue):
    """
    It writes the effect in one transaction and completes the job in the next.

    A worker that dies in between has done the job, and another does it again.
    Source: every queue whose handler works outside the queue's own transaction, which is
    why those promise at least once; the fault is to promise more.
    """

    name = "writes-the-effect-apart"
    breaks = frozenset({"QUE-4"})

    def complete(self) -> Sequence[Step]:
        """Work, then mark."""
        return self.work, self.mark_done

    def work(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Write the effect."""
        row = self.own(table, call)
        return (table.with_effect(row.job), call) if row else (table, call.refuse())

    def mark_done(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Mark the job as done."""
        row = self.own(table, call)
        if row is None:
            return table, call.refuse()
        return table.replace(row, row._replace(state=State.DONE, owner=None)), call


class CompletesForTheDead(SmallJobQueue):
    """
    It acknowledges what a dead worker held.

    Source: celery/celery#1628 (2013), an acks-late message that is acknowledged though
    the worker died.
    """

    name = "completes-for-the-dead"
    breaks = frozenset({"QUE-2"})

    def reopen(self, table: Table, worker: str) -> Table:
        """Clean up after the worker of that name."""
        for row in table.rows:
            if row.owner == worker:
                table = table.replace(row, row._replace(state=State.DONE, owner=None))
        return table


class KeepsCompletionsInMemory(SmallJobQueue):
    """
    It answers a completion before anything of it is written.

    The server is restarted, and the job starts again.
    Source: Redis with `appendonly no`, between two snapshots.
    """

    name = "keeps-completions-in-memory"
    breaks = frozenset({"QUE-5"})
    unwritten = frozenset({"settle"})


class RetriesAndRequeues(SmallJobQueue):
    """
    A worker that is shut down puts its job back, and its handler, interrupted, does so too.

    Source: sidekiq/sidekiq#897 (2013).
    """

    name = "retries-and-requeues"
    breaks = frozenset({"QUE-4", "QUE-5", "QUE-6", "QUE-16"})

    def panic(self, table: Table, held: Held) -> Table:
        """Put it back twice."""
        row = table.find(held.job)
        if row is None or row.state is not State.RUNNING:
            return table
        table = table.replace(row, row._replace(state=State.READY, owner=None))
        return table.insert(held.job)


class BuriesWithoutReading(SmallJobQueue):
    """
    It writes the dead letter of a job that has failed, whatever has become of the job.

    A worker that lost its lease reports a failure, and the job, which another has
    completed, is a dead letter as well.
    Source: hole H3 of the v0.7 queue, which wrote a dead letter without looking.
    """

    name = "buries-without-reading"
    breaks = frozenset({"QUE-4", "QUE-16"})

    def steps(self, call: Call) -> Sequence[Step]:
        """Bury what fails."""
        return (self.bury_it,) if call == Finish(How.FAIL) else super().steps(call)

    def bury_it(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Write a row among the dead letters, beside the other if need be."""
        assert call.held is not None
        row = table.find(call.held.job)
        if row is None or row.starts < self.max_attempts:
            return super().report(table, call)
        if row.state is State.RUNNING:
            return self.bury(table, row, "told to fail"), call
        letter = Row(row.job, row.number, State.DEAD, row.starts, reason="told to fail")
        return table._replace(rows=(*table.rows, letter)), call
