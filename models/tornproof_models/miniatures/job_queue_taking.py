"""Job queues that go wrong where a worker gets a job."""

from collections.abc import Sequence

from tornproof_models.contract.job_queue import Claim, Enqueue
from tornproof_models.job_queues.calls import Held, Step, Underway
from tornproof_models.job_queues.table import Row, State, Table
from tornproof_models.miniatures.small_job_queue import CLAIMS, SmallJobQueue


class SelectsThenUpdates(SmallJobQueue):
    """
    It reads which job is next, and marks it in a transaction of its own.

    Two workers that ask at the same moment read the same row and both get it.
    Source: backlite 0.6.0 gave one task to two processes in 51 of 100 races.
    """

    name = "selects-then-updates"
    breaks = frozenset({"QUE-4", "QUE-6"})

    def take(self) -> Sequence[Step]:
        """Look, and mark what was seen."""
        return self.select, self.mark

    def select(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Read the first row that is ready."""
        table = self.reclaim(table, call.now_ms)
        return table, call._replace(row=self.first(table))

    def mark(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Mark it, whatever has become of it."""
        row = call.row and table.find(call.row.job)
        return self.begin(table, row, call) if row else (table, call)


class CountsTheLeaseFromTheEnqueue(SmallJobQueue):
    """
    A lease runs out so long after the job was handed in, not after it was taken.

    A job that has waited as long as a lease is up for the next worker at once.
    Source: plainjob 0.0.14.
    """

    name = "counts-the-lease-from-the-enqueue"
    breaks = frozenset({"QUE-6"})

    def insert(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Note when the job came, as if that were when its work begins."""
        assert isinstance(call.call, Enqueue)
        job = call.call.job
        table, call = super().insert(table, call)
        row = table.find(job)
        if row is not None and row.until_ms == 0:
            table = table.replace(row, row._replace(until_ms=call.now_ms + self.lease_ms))
        return table, call

    def begin(self, table: Table, row: Row, call: Underway) -> tuple[Table, Underway]:
        """Leave the end of the lease where it is."""
        table, call = super().begin(table, row, call)
        leased = table.find(row.job)
        assert leased is not None
        return table.replace(leased, leased._replace(until_ms=row.until_ms)), call


class PopsThenMarks(SmallJobQueue):
    """
    It pops a job off a list, and puts it on the list of running ones afterwards.

    A worker that dies in between leaves the job on neither.
    Source: rq/rq#2236 (2025), where a signal comes between dequeue and marking busy.
    """

    name = "pops-then-marks"
    claims = CLAIMS - {Claim.DEDUPLICATES}
    breaks = frozenset({"QUE-2"})

    def take(self) -> Sequence[Step]:
        """Pop, and mark what was popped."""
        return self.pop, self.mark

    def pop(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Take the first ready row off its list."""
        table = self.reclaim(table, call.now_ms)
        row = self.first(table)
        return (table.remove(row) if row else table), call._replace(row=row)

    def mark(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Put it among those that run."""
        if call.row is None:
            return table, call
        table = table._replace(rows=(*table.rows, call.row))
        return self.begin(table, call.row, call)


class RemovesBeforeDelivery(SmallJobQueue):
    """
    It deletes a job when it hands it over.

    Whoever dies with it takes it along.
    Source: nsqio/nsq#1354 (2021), where the file is removed before the delivery.
    """

    name = "removes-before-delivery"
    claims = CLAIMS - {Claim.RETRIES, Claim.POISON}
    breaks = frozenset({"QUE-2"})

    def begin(self, table: Table, row: Row, call: Underway) -> tuple[Table, Underway]:
        """Give the row away."""
        table, call = super().begin(table, row, call)
        leased = table.find(row.job)
        assert leased is not None
        return table.remove(leased), call

    def own(self, table: Table, call: Underway) -> Row | None:  # noqa: ARG002
        """Take the worker's word that the job is its own."""
        return call.held and Row(call.held.job, 0, State.RUNNING, starts=1)

    def settle(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Write the effect; there is no row to mark."""
        assert call.held is not None
        return table.with_effect(call.held.job), call

    def report(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Hand the job in again."""
        assert call.held is not None
        return table.insert(call.held.job), call


class TakesTheNewest(SmallJobQueue):
    """
    It begins with the job that came last.

    Source: an index on a column that sorts the other way; a list that is pushed and
    popped at the same end.
    """

    name = "takes-the-newest"
    breaks = frozenset({"QUE-14"})

    def first(self, table: Table) -> Row | None:
        """Choose the last."""
        return next(iter(reversed(table.ready())), None)


class CutsNamesShort(SmallJobQueue):
    """
    It keeps the first character of what a job is called.

    A worker is given something that nobody handed in.
    Source: MySQL without strict mode cuts a value to the width of its column, with a
    warning that few programs read.
    """

    name = "cuts-names-short"
    breaks = frozenset({"QUE-1"})

    def begin(self, table: Table, row: Row, call: Underway) -> tuple[Table, Underway]:
        """Hand over what is left of the name."""
        table, call = super().begin(table, row, call)
        assert call.took is not None
        return table, call._replace(took=Held(row.job[:1], call.took.token))


class StartsWhatMayHaveRun(SmallJobQueue):
    """
    It promises to start a job once at most, and frees it when its lease runs out.

    Source: celery/celery#6229, a visibility timeout by which a long task starts again
    while it runs.
    """

    name = "starts-what-may-have-run"
    claims = (CLAIMS - {Claim.AT_LEAST_ONCE, Claim.EXACTLY_ONCE, Claim.LEASES}) | {
        Claim.AT_MOST_ONCE
    }
    breaks = frozenset({"QUE-3"})
