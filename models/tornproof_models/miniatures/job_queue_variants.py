"""
Correct job queues that differ from the small one.

A judge that demands more than the sentences say would condemn them.
"""

from collections.abc import Sequence

from tornproof_models.contract.job_queue import Claim
from tornproof_models.job_queues.calls import Step, Underway
from tornproof_models.job_queues.table import Row, State, Table
from tornproof_models.miniatures.small_job_queue import CLAIMS, SmallJobQueue


class DeliversAtMostOnce(SmallJobQueue):
    """A job that has started is never freed; only a failure that was reported brings it back."""

    name = "delivers-at-most-once"
    claims = (
        CLAIMS - {Claim.AT_LEAST_ONCE, Claim.EXACTLY_ONCE, Claim.LEASES, Claim.POISON, Claim.POWER}
    ) | {Claim.AT_MOST_ONCE}

    def reclaim(self, table: Table, now_ms: int) -> Table:  # noqa: ARG002
        """Free nothing."""
        return table


class WorksBesideTheTable(SmallJobQueue):
    """A handler that works outside the queue's transactions, so a job may be done twice."""

    name = "works-beside-the-table"
    claims = CLAIMS - {Claim.EXACTLY_ONCE}

    def complete(self) -> Sequence[Step]:
        """Work, then mark."""
        return self.work, self.mark_done

    def work(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Work, whether or not the lease still runs: a handler does not know."""
        assert call.held is not None
        return table.with_effect(call.held.job), call

    def mark_done(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Mark the job as done, if it is still this worker's."""
        row = self.own(table, call)
        if row is None:
            return table, call.refuse()
        return table.replace(row, row._replace(state=State.DONE, owner=None)), call


class WaitsForTheOperator(SmallJobQueue):
    """A dead worker's job comes back when somebody runs what the documentation says."""

    name = "waits-for-the-operator"
    claims = (CLAIMS - {Claim.LEASES}) | {Claim.LEASES_TENDED}

    def lease(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Lease the first job that is ready."""
        row = self.first(table)
        return self.begin(table, row, call) if row else (table, call)


class CountsDeathsApart(SmallJobQueue):
    """
    Deaths have a limit of their own, as in BullMQ, where stalls are no attempts.

    A job may then start more often than either limit says.
    """

    name = "counts-deaths-apart"

    def expire(self, table: Table, row: Row) -> Table:
        """Count a death."""
        deaths = row.deaths + 1
        counted = row._replace(deaths=deaths, starts=row.starts - 1)
        table = table.replace(row, counted)
        if deaths >= self.max_attempts:
            return self.bury(table, counted, "stalled more often than is allowed")
        return table.replace(counted, counted._replace(state=State.READY, owner=None))


class PutsFailuresAtTheEnd(SmallJobQueue):
    """What failed waits behind all that is there; first starts keep their order all the same."""

    name = "puts-failures-at-the-end"

    def release(self, table: Table, row: Row, reason: str) -> Table:
        """Put it back behind the last one."""
        number = table.last_number + 1
        behind = row._replace(number=number)
        table = table.replace(row, behind)._replace(last_number=number)
        return super().release(table, behind, reason)


class TakesAnyReady(SmallJobQueue):
    """It promises no order and begins with the newest."""

    name = "takes-any-ready"
    claims = CLAIMS - {Claim.FIFO}

    def first(self, table: Table) -> Row | None:
        """Choose the last."""
        return next(iter(reversed(table.ready())), None)


class ForgetsWhatIsDone(SmallJobQueue):
    """It deletes a row when its job is done, and with it the id by which it would know it."""

    name = "forgets-what-is-done"

    def settle(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Delete the row and write the effect, in one transaction."""
        row = self.own(table, call)
        if row is None:
            return table, call.refuse()
        return table.remove(row).with_effect(row.job), call


class RefusesEveryLateCompletion(SmallJobQueue):
    """It refuses a completion after the lease, also where nobody else has got the job."""

    name = "refuses-every-late-completion"

    def own(self, table: Table, call: Underway) -> Row | None:
        """Look at the clock, too."""
        row = super().own(table, call)
        return row if row and call.now_ms < row.until_ms else None


class FreesItsOwnOnReopening(SmallJobQueue):
    """A worker that begins again frees what the last one of its name left behind."""

    name = "frees-its-own-on-reopening"

    def reopen(self, table: Table, worker: str) -> Table:
        """Free what was leased to that name; whoever had it is dead."""
        for row in table.rows:
            if row.state is State.RUNNING and row.owner == worker:
                table = self.release(table, row, "its worker died")
        return table
