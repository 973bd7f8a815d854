"""Job queues that go wrong where a worker dies, stands still, or loses its server."""

from tornproof_models.contract.job_queue import Claim
from tornproof_models.job_queues.calls import Held, Underway
from tornproof_models.job_queues.table import Row, State, Table
from tornproof_models.miniatures.small_job_queue import CLAIMS, SmallJobQueue

NEVER_MS = 1 << 40


class LocksForEver(SmallJobQueue):
    """
    It locks a job for whoever takes it, and no lock runs out.

    Source: persist-queue and litequeue 0.9 mark a job as taken, without a time.
    """

    name = "locks-for-ever"
    breaks = frozenset({"QUE-8"})

    def reclaim(self, table: Table, now_ms: int) -> Table:  # noqa: ARG002
        """Free nothing."""
        return table


class TendsNothing(SmallJobQueue):
    """
    It tells an operator to run a command for jobs of dead workers, which finds none.

    Source: procrastinate#307, whose search for stalled jobs did not find some.
    """

    name = "tends-nothing"
    claims = (CLAIMS - {Claim.LEASES}) | {Claim.LEASES_TENDED}
    breaks = frozenset({"QUE-9"})

    def reclaim(self, table: Table, now_ms: int) -> Table:  # noqa: ARG002
        """Free nothing."""
        return table


class RenewsForTheDead(SmallJobQueue):
    """
    A thread renews the leases of its process, also when the handler's thread has ended.

    Source: a heartbeat that is sent for a process and not for a job; the process lives,
    and nobody in it works on the job.
    """

    name = "renews-for-the-dead"
    breaks = frozenset({"QUE-8"})

    def panic(self, table: Table, held: Held) -> Table:
        """Go on renewing."""
        row = table.find(held.job)
        if row is None or row.token != held.token or row.state is not State.RUNNING:
            return table
        return table.replace(row, row._replace(until_ms=NEVER_MS))


class FreesEverythingOnOpening(SmallJobQueue):
    """
    Whoever opens the queue frees all that runs, not only what its own kind left behind.

    Source: persist-queue's `SQLiteAckQueue`, which resumes unacknowledged items when it
    is opened, while another process works on them.
    """

    name = "frees-everything-on-opening"
    breaks = frozenset({"QUE-6"})

    def reopen(self, table: Table, worker: str) -> Table:  # noqa: ARG002
        """Free every job that runs."""
        for row in table.rows:
            if row.state is State.RUNNING:
                table = self.release(table, row, "resumed")
        return table


class LocksBySession(SmallJobQueue):
    """
    A lock lasts as long as the session with the server.

    The server is restarted, all sessions end, and a job is given away of which a worker
    has a lease.
    Source: PostgreSQL's session-level advisory locks, which a restart releases.
    """

    name = "locks-by-session"
    breaks = frozenset({"QUE-6"})

    def bounce(self, table: Table) -> Table:
        """Forget every lock."""
        for row in table.rows:
            if row.state is State.RUNNING:
                table = table.replace(row, row._replace(state=State.READY, owner=None))
        return table


class LeasesWithoutCounting(SmallJobQueue):
    """
    A start whose worker died does not count as an attempt.

    A job that kills its worker kills one after the other.
    Source: backlite 0.6.0, plainjob 0.0.14, procrastinate, dramatiq.
    """

    name = "leases-without-counting"
    breaks = frozenset({"QUE-12"})

    def reclaim(self, table: Table, now_ms: int) -> Table:
        """Free what has run out, as if it had never started."""
        for row in table.rows:
            if row.state is State.RUNNING and row.until_ms <= now_ms:
                free = row._replace(state=State.READY, owner=None, starts=row.starts - 1)
                table = table.replace(row, free)
        return table


class StopsSilently(SmallJobQueue):
    """
    It does not hand out a job any more that has been started too often, and says so nowhere.

    Source: goqite v0.4.0, in which a message that was received `MaxReceive` times stays.
    """

    name = "stops-silently"
    breaks = frozenset({"QUE-10", "QUE-12"})

    def reclaim(self, table: Table, now_ms: int) -> Table:
        """Free what has run out, however often that was."""
        for row in table.rows:
            if row.state is State.RUNNING and row.until_ms <= now_ms:
                table = table.replace(row, row._replace(state=State.READY, owner=None))
        return table

    def report(self, table: Table, call: Underway) -> tuple[Table, Underway]:
        """Put back what failed, however often that was."""
        row = self.own(table, call)
        if row is None:
            return table, call.refuse()
        return table.replace(row, row._replace(state=State.READY, owner=None)), call

    def first(self, table: Table) -> Row | None:
        """Pass over what has been started too often."""
        return next((row for row in table.ready() if row.starts < self.max_attempts), None)
