"""
A small group commit, correct.

The miniatures of group commit each change one step of it.
"""

from collections.abc import Hashable, Sequence
from typing import ClassVar, NamedTuple, Self

from tornproof_models.contract.group_commit import (
    Arrive,
    Bounds,
    Break,
    Cancel,
    Close,
    Commit,
    Effect,
    Fail,
    Input,
    Pass,
    Refuse,
    Resolve,
    Succeed,
)


class Waiting(NamedTuple):
    """A record that waits for a batch."""

    number: int
    size: int
    since: int


class SmallBatcher:
    """Right in every step."""

    breaks: ClassVar[frozenset[str]] = frozenset()
    """Requirements, one of which the judge names when it convicts."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.queue: tuple[Waiting, ...] = ()
        self.flight: tuple[int, ...] = ()
        """The batch that is being written."""
        self.broken = False
        self.closing = False

    def fork(self) -> Self:
        """Return another one that goes on from here."""
        other = type(self)(self.bounds)
        other.__dict__.update(self.__dict__)
        return other

    def key(self, now: int) -> Hashable:
        """Return everything it remembers, with waits instead of times."""
        longest = self.bounds.max_delay
        queue = tuple((each.number, min(now - each.since, longest)) for each in self.queue)
        return queue, self.flight, self.broken, self.closing

    def happen(self, happened: Input, now: int) -> Sequence[Effect]:
        """Note what happened, and see whether a batch is due."""
        match happened:
            case Arrive(number, size):
                effects = self.arrive(Waiting(number, size, now))
            case Pass():
                effects = []
            case Succeed():
                effects = self.succeed()
            case Break():
                effects = self.fail()
            case Cancel(number):
                effects = self.cancel(number)
            case Close():
                effects = self.close()
        return effects + self.commit_if_due(now)

    # Steps: what happens

    def arrive(self, record: Waiting) -> list[Effect]:
        """Take a record in while open."""
        if self.broken or self.closing:
            return [Refuse(record.number)]
        self.queue += (record,)
        return []

    def succeed(self) -> list[Effect]:
        """Tell the batch."""
        told, self.flight = self.flight, ()
        return [Resolve(told)]

    def fail(self) -> list[Effect]:
        """Tell everybody, and go no further."""
        told = (*self.flight, *self.numbers(self.queue))
        self.flight, self.queue, self.broken = (), (), True
        return [Fail(told)]

    def cancel(self, number: int) -> list[Effect]:
        """Forget a record that still waits."""
        self.queue = tuple(each for each in self.queue if each.number != number)
        return []

    def close(self) -> list[Effect]:
        """Take nothing more in; what waits is due from now on."""
        self.closing = True
        return []

    # Steps: batches

    def commit_if_due(self, now: int) -> list[Effect]:
        """Begin a batch if none is under way and one is due."""
        if self.flight or not self.queue or not self.due(now):
            return []
        batch = self.batch()
        self.flight = self.numbers(batch)
        self.queue = tuple(each for each in self.queue if each not in batch)
        return [Commit(self.flight)]

    def due(self, now: int) -> bool:
        """Say whether a batch is full, has waited long enough, or is the last."""
        full = len(self.queue) >= self.bounds.max_records
        large = sum(each.size for each in self.queue) >= self.bounds.max_bytes
        return full or large or self.closing or now - self.oldest() >= self.bounds.max_delay

    def oldest(self) -> int:
        """Return since when the first one waits."""
        return self.queue[0].since

    def batch(self) -> Sequence[Waiting]:
        """Take from the front what fits, and at least one."""
        count = 1
        while count < len(self.queue) and self.fits(self.queue[: count + 1]):
            count += 1
        return self.queue[:count]

    def fits(self, batch: Sequence[Waiting]) -> bool:
        """Say whether these may go together."""
        size = sum(each.size for each in batch)
        return len(batch) <= self.bounds.max_records and size <= self.bounds.max_bytes

    @staticmethod
    def numbers(records: Sequence[Waiting]) -> tuple[int, ...]:
        """Return the numbers of some records."""
        return tuple(each.number for each in records)
