"""Job queues with one bug each in enqueue."""

from collections.abc import Sequence

from tornproof_models.contract.job_queue import Enqueue
from tornproof_models.job_queues.calls import Step, Underway
from tornproof_models.job_queues.table import Table
from tornproof_models.miniatures.small_job_queue import SmallJobQueue


class ChecksThenInserts(SmallJobQueue):
    """
    It looks whether it knows an id, and inserts the job in another transaction.

    Source: cookpad/barbeque#14 (2017), SELECT-then-INSERT deduplication.
    """

    name = "checks-then-inserts"
    breaks = frozenset({"QUE-16"})

    def enqueue(self) -> Sequence[Step]:
        """Look, then insert."""
        return self.check, self.insert_unseen

    def check(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Read the row of that id."""
        assert isinstance(call.call, Enqueue)
        return table, call._replace(row=table.find(call.call.job))

    def insert_unseen(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Insert, if there was none."""
        assert isinstance(call.call, Enqueue)
        job = call.call.job
        if call.row is None:
            table = table.insert(job)
        if call.call.in_transaction:
            table = table.with_business([job])
        return table, call


class FreesTheKey(SmallJobQueue):
    """
    An insertion that ends in an error gives the id free, whether it happened or not.

    Source: milvus-io/milvus#53597 (2026), where an ambiguous append frees the idempotency
    key.
    """

    name = "frees-the-key"
    breaks = frozenset({"QUE-16"})

    def enqueue(self) -> Sequence[Step]:
        """Insert, and remember the id when the answer is there."""
        return self.insert, self.remember

    def remember(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Keep the id of what has been answered."""
        assert isinstance(call.call, Enqueue)
        row = table.find(call.call.job)
        return (table.replace(row, row._replace(reason="known")) if row else table), call

    def knows(self, table: Table, job: str) -> bool:
        """Look among the ids that are kept."""
        row = table.find(job)
        return row is not None and row.reason == "known"


class WritesJobAndRowApart(SmallJobQueue):
    """
    It commits the caller's row and then the job.

    Source: the dual write, for which the outbox pattern is the cure.
    """

    name = "writes-job-and-row-apart"
    breaks = frozenset({"QUE-15"})

    def enqueue(self) -> Sequence[Step]:
        """Commit twice."""
        return self.write_row, self.insert_job

    def write_row(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Commit the row."""
        assert isinstance(call.call, Enqueue)
        job = call.call.job
        if call.call.in_transaction and job not in table.business:
            table = table.with_business([job])
        return table, call

    def insert_job(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Commit the job."""
        assert isinstance(call.call, Enqueue)
        return (table if self.knows(table, call.call.job) else table.insert(call.call.job)), call


class InsertsOnAConnectionOfItsOwn(SmallJobQueue):
    """
    It inserts the job on its own connection, whatever becomes of the caller's transaction.

    Source: a queue on the same database that was not handed the transaction.
    """

    name = "inserts-on-a-connection-of-its-own"
    breaks = frozenset({"QUE-15"})

    def roll_back(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Undo the row alone."""
        assert isinstance(call.call, Enqueue)
        return table.insert(call.call.job), call


class KeepsJobsInMemory(SmallJobQueue):
    """
    It acknowledges a job that its server has in memory alone.

    Source: Redis with `appendonly no`, between two snapshots.
    """

    name = "keeps-jobs-in-memory"
    breaks = frozenset({"QUE-2"})
    unwritten = frozenset({"insert"})


class AcknowledgesBeforeSync(SmallJobQueue):
    """
    It acknowledges a job that no sync has made durable.

    Source: litequeue 0.9 and plainjob 0.0.14, which set `synchronous` to NORMAL in a WAL.
    """

    name = "acknowledges-a-job-before-sync"
    breaks = frozenset({"QUE-17"})
    unsynced = frozenset({"insert"})


class CompletesBeforeSync(SmallJobQueue):
    """
    It acknowledges a completion that no sync has made durable.

    After a loss of power a job starts again whose completion was acknowledged.
    Source: SQLite's `synchronous=NORMAL`, which may roll back commits after a power loss.
    """

    name = "completes-before-sync"
    breaks = frozenset({"QUE-17"})
    unsynced = frozenset({"settle"})
