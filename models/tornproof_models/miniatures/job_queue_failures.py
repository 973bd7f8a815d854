"""Job queues that go wrong where a job fails."""

from tornproof_models.contract.job_queue import Claim
from tornproof_models.job_queues.table import Row, State, Table
from tornproof_models.miniatures.small_job_queue import CLAIMS, SmallJobQueue


class RetriesForEver(SmallJobQueue):
    """
    It starts a job again however often it has failed.

    Source: RabbitMQ's classic queues, in which a consumer that requeues a message gets it
    again at once; quorum queues have a delivery limit.
    """

    name = "retries-for-ever"
    breaks = frozenset({"QUE-10", "QUE-12"})

    def release(self, table: Table, row: Row, reason: str) -> Table:  # noqa: ARG002
        """Put it back."""
        return table.replace(row, row._replace(state=State.READY, owner=None))


class BuriesTheFirstFailure(SmallJobQueue):
    """
    It makes a dead letter of what failed once, and was to be tried twice.

    Source: a counter of attempts that begins at one, compared with a limit of retries
    that begins at none.
    """

    name = "buries-the-first-failure"
    breaks = frozenset({"QUE-10"})

    def release(self, table: Table, row: Row, reason: str) -> Table:
        """Bury it."""
        return self.bury(table, row, reason)


class BuriesWithoutAReason(SmallJobQueue):
    """
    Its dead letters do not say why.

    Source: litequeue 0.9, whose status FAILED has no column beside it.
    """

    name = "buries-without-a-reason"
    breaks = frozenset({"QUE-11"})

    def bury(self, table: Table, row: Row, reason: str) -> Table:  # noqa: ARG002
        """Keep the job and forget the reason."""
        return table.replace(row, row._replace(state=State.DEAD, owner=None))


class DropsWhatFailed(SmallJobQueue):
    """
    It deletes a job that has failed too often.

    Source: Amazon SQS deletes nothing but has no dead-letter queue unless one is set up;
    RabbitMQ drops what exceeds its delivery limit where no dead-letter exchange is.
    """

    name = "drops-what-failed"
    breaks = frozenset({"QUE-10", "QUE-12"})

    def bury(self, table: Table, row: Row, reason: str) -> Table:  # noqa: ARG002
        """Delete it."""
        return table.remove(row)


class WaitsBehindTheBad(SmallJobQueue):
    """
    It keeps strict order, and a job that never succeeds holds up all behind it.

    It promises no end of retries; but that the others go on, it does.
    Source: Kafka consumers that retry in place; one record that cannot be processed
    stops its partition.
    """

    name = "waits-behind-the-bad"
    claims = CLAIMS - {Claim.RETRIES, Claim.POISON, Claim.REASONS}
    breaks = frozenset({"QUE-13"})

    def release(self, table: Table, row: Row, reason: str) -> Table:  # noqa: ARG002
        """Put it back into its place."""
        return table.replace(row, row._replace(state=State.READY, owner=None))

    def first(self, table: Table) -> Row | None:
        """Choose the first that is not done, if nobody works on it."""
        left = [row for row in table.rows if row.state in (State.READY, State.RUNNING)]
        first = min(left, key=lambda row: row.number, default=None)
        return first if first and first.state is State.READY else None
