"""
Group commits with one bug each.

`SmallBatcher` shares no code with the reference and decides differently where it
may: it gathers again after each sync and never guesses how many will come.  Each
subclass gets one of its steps wrong.
"""

from collections.abc import Mapping, Sequence

from tornproof_models.contract.group_commit import (
    Commit,
    Effect,
    Fail,
    Resolve,
)
from tornproof_models.miniatures.small_batcher import SmallBatcher, Waiting

# Promises


class AcknowledgedBeforeFsync(SmallBatcher):
    """
    Whoever gets into a batch is told at once; the sync follows.

    Source: etcd-io/etcd#14370 (2022).
    """

    breaks = frozenset({"GRP-1"})

    def commit_if_due(self, now: int) -> list[Effect]:
        """Tell the batch as it sets out."""
        effects = super().commit_if_due(now)
        return [*effects, Resolve(self.flight)] if effects else []

    def succeed(self) -> list[Effect]:
        """Tell nobody twice."""
        self.flight = ()
        return []


class NextBatchResolvedEarly(SmallBatcher):
    """
    A sync wakes everybody who waits: one condition variable for two batches.

    LevelDB gives each writer a condition and a flag of its own, for this reason.
    """

    breaks = frozenset({"GRP-1"})

    def succeed(self) -> list[Effect]:
        """Tell those as well who came during the sync."""
        effects = [*super().succeed(), Resolve(self.numbers(self.queue))]
        self.queue = ()
        return effects


class JoinsTheBatchUnderWay(SmallBatcher):
    """A record that arrives during a sync is written, and counted in with it."""

    breaks = frozenset({"GRP-1"})

    def arrive(self, record: Waiting) -> list[Effect]:
        """Write behind the batch whose sync is under way."""
        if self.flight and not self.closing and not self.broken:
            self.flight += (record.number,)
            return []
        return super().arrive(record)


class OneSyncEach(SmallBatcher):
    """Everything is right, and every record pays for a sync of its own."""

    breaks = frozenset({"GRP-2"})

    def batch(self) -> Sequence[Waiting]:
        """Take one."""
        return self.queue[:1]


# Failures


class RetriedSyncBelieved(SmallBatcher):
    """
    After a failed sync the batch is synced again, and the second sync succeeds.

    Source: PostgreSQL until November 2018 ("fsyncgate").
    """

    breaks = frozenset({"GRP-3"})

    def fail(self) -> list[Effect]:
        """Try again."""
        return [Commit(self.flight)]


class FailsOnlyTheFirst(SmallBatcher):
    """The one who called fsync gets its error; those who rode along wait for ever."""

    breaks = frozenset({"GRP-3"})

    def fail(self) -> list[Effect]:
        """Tell the leader of the batch."""
        leader = self.flight[:1]
        super().fail()
        return [Fail(leader)]


class FollowersThinkItWorked(SmallBatcher):
    """The one who called fsync gets its error; those who rode along see that it is over."""

    breaks = frozenset({"GRP-1"})

    def fail(self) -> list[Effect]:
        """Tell the leader one thing and the others another."""
        leader, followers = self.flight[:1], self.flight[1:]
        waiting = self.numbers(self.queue)
        super().fail()
        return [Fail(leader + waiting), Resolve(followers)]


class GoesOnAfterAFailure(SmallBatcher):
    """A failed sync costs one batch; the next one may have better luck."""

    breaks = frozenset({"GRP-3"})

    def fail(self) -> list[Effect]:
        """Fail the batch and stay open."""
        told, self.flight = self.flight, ()
        return [Fail(told)]


# Order and bounds


class LastInFirstOut(SmallBatcher):
    """The queue is a stack."""

    breaks = frozenset({"GRP-4"})

    def arrive(self, record: Waiting) -> list[Effect]:
        """Put the newest in front."""
        before = self.queue
        effects = super().arrive(record)
        if self.queue != before:
            self.queue = (record, *before)
        return effects


class SmallOnesFirst(SmallBatcher):
    """A record that does not fit is passed over for one that does."""

    breaks = frozenset({"GRP-4"})

    def batch(self) -> Sequence[Waiting]:
        """Pack the batch well."""
        batch: list[Waiting] = []
        for record in self.queue:
            if not batch or self.fits([*batch, record]):
                batch.append(record)
        return batch


class UnboundedBatch(SmallBatcher):
    """A batch takes everything that waits."""

    breaks = frozenset({"GRP-5"})

    def batch(self) -> Sequence[Waiting]:
        """Take everything."""
        return self.queue


class BoundNoticedTooLate(SmallBatcher):
    """The record that makes a batch too large is in it already."""

    breaks = frozenset({"GRP-5"})

    def fits(self, batch: Sequence[Waiting]) -> bool:
        """Look at what is in, not at what would be."""
        return super().fits(batch[:-1])


class DelayFromTheNewest(SmallBatcher):
    """Every arrival starts the delay anew, so a steady trickle is never committed."""

    breaks = frozenset({"GRP-5"})

    def oldest(self) -> int:
        """Return since when the last one waits."""
        return self.queue[-1].since


# Cancelling and closing


class CancelledTakesANeighbour(SmallBatcher):
    """Cancelling removes by position, and the position has moved."""

    breaks = frozenset({"GRP-6"})

    def cancel(self, number: int) -> list[Effect]:
        """Remove the next one as well."""
        numbers = self.numbers(self.queue)
        if number in numbers:
            place = numbers.index(number)
            self.queue = self.queue[:place] + self.queue[place + 2 :]
        return []


class CancelFailsTheBatch(SmallBatcher):
    """A waiter who goes away during the sync takes the batch's answer along."""

    breaks = frozenset({"GRP-2", "GRP-6"})

    def cancel(self, number: int) -> list[Effect]:
        """Stop watching a batch that one of its waiters has left."""
        if number in self.flight:
            self.flight = (number,)
        return super().cancel(number)


class WaiterLostOnClose(SmallBatcher):
    """Closing waits for the batch under way, and forgets those who queue behind it."""

    breaks = frozenset({"GRP-7"})

    def close(self) -> list[Effect]:
        """Drop the queue."""
        self.queue = ()
        return super().close()


class TakesInAfterClose(SmallBatcher):
    """The door stays open while the last batch is written."""

    breaks = frozenset({"GRP-7"})

    def arrive(self, record: Waiting) -> list[Effect]:
        """Take a record in as long as a batch is under way."""
        if self.closing and self.flight and not self.broken:
            self.queue += (record,)
            return []
        return super().arrive(record)


MINIATURES: Mapping[str, type[SmallBatcher]] = {
    # promises
    "acknowledged-before-fsync": AcknowledgedBeforeFsync,
    "next-batch-resolved-early": NextBatchResolvedEarly,
    "joins-the-batch-under-way": JoinsTheBatchUnderWay,
    "one-sync-each": OneSyncEach,
    # failures
    "retried-sync-believed": RetriedSyncBelieved,
    "fails-only-the-first": FailsOnlyTheFirst,
    "followers-think-it-worked": FollowersThinkItWorked,
    "goes-on-after-a-failure": GoesOnAfterAFailure,
    # order and bounds
    "last-in-first-out": LastInFirstOut,
    "small-ones-first": SmallOnesFirst,
    "unbounded-batch": UnboundedBatch,
    "bound-noticed-too-late": BoundNoticedTooLate,
    "delay-from-the-newest": DelayFromTheNewest,
    # cancelling and closing
    "cancelled-takes-a-neighbour": CancelledTakesANeighbour,
    "cancel-fails-the-batch": CancelFailsTheBatch,
    "waiter-lost-on-close": WaiterLostOnClose,
    "takes-in-after-close": TakesInAfterClose,
}
