"""
Every interleaving of a small group commit.

A batcher decides without threads, clocks and files, so everything that can
happen to it can be listed: who hands a record over next, whether time passes,
whether a sync succeeds or fails, who cancels, when the owner closes.  The
exploration takes every one of these steps from every state that can be reached
by the others, and lets the ledger judge each; in each state the power fails once.

Two interleavings that lead to the same state have the same future, so a state
is entered once.  How many interleavings that covers is counted afterwards, from
the graph of states.

The search goes breadth first: what it finds is as short as it can be.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Protocol, Self, TypeAlias

from attrs import define, field, frozen
from tornproof.journal import batching

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
    Ledger,
    Pass,
    Refuse,
    Resolve,
    Succeed,
)
from tornproof_models.contract.journal import Violation


class BatcherUnderTest(Protocol):
    """The part of a group commit that decides."""

    def happen(self, happened: Input, now: int) -> Sequence[Effect]:
        """Note what happened at a time, and return what is to be done about it."""
        ...

    def fork(self) -> Self:
        """Return another one that goes on from here."""
        ...

    def key(self, now: int) -> Hashable:
        """Return everything it remembers, with times counted back from `now`."""
        ...


Writers: TypeAlias = tuple[tuple[int, ...], ...]
"""For each writer the sizes of its records, which it hands over one after another."""

BatcherFactory = Callable[[Bounds], BatcherUnderTest]
"""Makes a batcher under test with bounds."""


@define
class ReferenceBatcher:
    """The reference's batcher, in the words of the contract."""

    batcher: batching.Batcher

    @classmethod
    def of(cls, bounds: Bounds) -> "ReferenceBatcher":
        """Make one with bounds."""
        limits = batching.Limits(bounds.max_records, bounds.max_bytes, bounds.max_delay)
        return cls(batching.Batcher(limits))

    def happen(self, happened: Input, now: int) -> Sequence[Effect]:
        """Ask the reference what to do."""
        match happened:
            case Arrive(number, size):
                effects = self.batcher.arrive(batching.Ticket(number, size), now)
            case Pass():
                effects = self.batcher.pass_time(now)
            case Succeed():
                effects = self.batcher.synced()
            case Break():
                effects = self.batcher.sync_failed()
            case Cancel(number):
                effects = self.batcher.cancel(number)
            case Close():
                effects = self.batcher.close()
        return [_translated(effect) for effect in effects]

    def fork(self) -> "ReferenceBatcher":
        """Copy the state; everything in it but one queue is immutable."""
        known = self.batcher
        return ReferenceBatcher(
            batching.Batcher(
                known.limits,
                known.state,
                deque(known.waiting),
                known.waiting_bytes,
                known.committing,
                known.expected,
                known.oldest,
            )
        )

    def key(self, now: int) -> Hashable:
        """Return the fields, with the time since the oldest arrived."""
        batcher = self.batcher
        waited = min(now - batcher.oldest, batcher.limits.max_delay) if batcher.waiting else None
        return (
            batcher.state,
            tuple(batcher.waiting),
            batcher.waiting_bytes,
            batcher.committing,
            batcher.expected,
            waited,
        )


def _translated(effect: batching.Effect) -> Effect:
    match effect:
        case batching.Commit(tickets):
            return Commit(tuple(ticket.number for ticket in tickets))
        case batching.Resolve(tickets):
            return Resolve(tuple(ticket.number for ticket in tickets))
        case batching.Fail(tickets):
            return Fail(tuple(ticket.number for ticket in tickets))
        case batching.Refuse(ticket):
            return Refuse(ticket.number)


# The situation


@frozen
class Situation:
    """What is explored: who writes what, and what may happen to them."""

    writers: Writers
    bounds: Bounds
    cancellations: int = 1
    closes: int = 1


SITUATIONS: Mapping[str, Situation] = {
    "hasty": Situation(((1, 1), (1, 1)), Bounds(max_records=2, max_bytes=4, max_delay=0)),
    "left": Situation(((1, 1), (1,)), Bounds(2, 4, max_delay=1), cancellations=2, closes=2),
    "slow": Situation(((1, 1), (1,), (1,)), Bounds(max_records=2, max_bytes=4, max_delay=2)),
    "patient": Situation(((1, 1), (1,)), Bounds(max_records=3, max_bytes=4, max_delay=2)),
    "heavy": Situation(((1, 1, 3), (5,)), Bounds(max_records=3, max_bytes=4, max_delay=1)),
    "large": Situation(((1, 1), (1, 3), (5,)), Bounds(max_records=3, max_bytes=4, max_delay=1)),
    "many": Situation(((1, 1, 1),) * 3, Bounds(max_records=3, max_bytes=4, max_delay=1)),
}
"""
What is explored, by name, the small ones first.

In *hasty* there is no delay; in *slow* and *patient* a part of it may pass.  In *left* two
waiters cancel and the owner closes twice.  In *heavy* and *large* some records fill a
batch, and one is larger than that.  *Many* has three writers of three records.
"""


@frozen
class Finding:
    """A violation, and the shortest story that leads to it."""

    violation: Violation
    story: tuple[str, ...]

    def __str__(self) -> str:
        steps = "".join(f"\n    {line}" for line in self.story)
        return f"{self.violation.requirement}: {self.violation.message}{steps}"


@define
class Coverage:
    """What a verdict rests on."""

    states: int = 0
    steps: int = 0
    ends: int = 0
    """States in which nothing more can happen."""

    interleavings: int = 0
    largest_batch: int = 0
    """Records that one sync made durable, at most (GRP-2)."""

    def __str__(self) -> str:
        return (
            f"{self.interleavings:,} interleavings through {self.states:,} states and "
            f"{self.steps:,} steps, a crash in each state"
        )


@define
class Node:
    """A state: the batcher, what the ledger has noted, and what may still happen."""

    batcher: BatcherUnderTest
    ledger: Ledger
    writers: Writers
    """For each writer the sizes of the records that it has yet to hand over."""

    arrived: int

    cancellations: int
    closes: int
    now: int = 0
    parent: "Node | None" = None
    happened: Input | None = None
    wanted: Sequence[Effect] = ()
    following: list[int] = field(factory=list)

    def key(self) -> Hashable:
        """Return what the future depends on."""
        return (
            self.batcher.key(self.now),
            self.ledger.key,
            tuple(sorted(self.writers)),  # who writes what makes no difference
            self.cancellations,
            self.closes,
        )

    @property
    def story(self) -> tuple[str, ...]:
        """What happened up to here, and what the batcher wanted each time."""
        if self.parent is None or self.happened is None:
            return ()
        wanted = f" → {', '.join(map(_told, self.wanted))}" if self.wanted else ""
        return (*self.parent.story, f"{self.happened}{wanted}")


def _told(effect: Effect) -> str:
    numbers = (effect.number,) if isinstance(effect, Refuse) else effect.numbers
    return f"{type(effect).__name__.lower()} {', '.join(map(str, numbers)) or 'nobody'}"


# The exploration


@define
class Exploration:
    """Takes every step from every state."""

    make: BatcherFactory
    situation: Situation
    coverage: Coverage = field(factory=Coverage)

    def run(self) -> list[Finding]:
        """
        Explore; return the shortest story that violates something, or nothing.

        The coverage is complete only if nothing was found.
        """
        situation = self.situation
        first = Node(
            self.make(situation.bounds),
            Ledger(situation.bounds),
            situation.writers,
            0,
            situation.cancellations,
            situation.closes,
        )
        nodes, numbers = [first], {first.key(): 0}
        for node in nodes:
            for happened, writers in self._steps(node):
                following = self._take(node, happened, writers)
                self.coverage.steps += 1
                violations = following.ledger.step(happened, following.wanted)
                violations += following.ledger.crash()
                if violations:
                    return [Finding(each, following.story) for each in violations]
                number = numbers.setdefault(following.key(), len(nodes))
                if number == len(nodes):
                    nodes.append(following)
                    self._measure(following)
                if nodes[number] is not node:
                    node.following.append(number)
        self.coverage.states = len(nodes)
        self.coverage.ends = sum(not node.following for node in nodes)
        self.coverage.interleavings = _paths([node.following for node in nodes])
        if self.coverage.largest_batch < min(2, situation.bounds.max_records):
            message = "in no interleaving does a sync serve more than one record"
            return [Finding(Violation("GRP-2", message), ())]
        return []

    def _steps(self, node: Node) -> Iterator[tuple[Input, Writers]]:
        """List everything that can happen next, and what is left to hand over after it."""
        ledger, writers = node.ledger, node.writers
        for number, sizes in enumerate(writers):
            if sizes:
                rest = (*writers[:number], sizes[1:], *writers[number + 1 :])
                yield Arrive(node.arrived + 1, sizes[0]), rest
        if ledger.waiting:
            yield Pass(1), writers
        if not ledger.idle:
            yield Succeed(), writers
            yield Break(), writers
        if node.cancellations:
            for entry in (*ledger.waiting, *(ledger.committing or ())):
                if entry.awaited:
                    yield Cancel(entry.number), writers
        if node.closes:
            yield Close(), writers

    def _take(self, node: Node, happened: Input, writers: Writers) -> Node:
        """Let something happen in a copy of a state."""
        batcher = node.batcher.fork()
        now = node.now + (happened.time if isinstance(happened, Pass) else 0)
        return Node(
            batcher,
            node.ledger.fork(),
            writers,
            node.arrived + isinstance(happened, Arrive),
            node.cancellations - isinstance(happened, Cancel),
            node.closes - isinstance(happened, Close),
            now,
            node,
            happened,
            batcher.happen(happened, now),
        )

    def _measure(self, node: Node) -> None:
        for effect in node.wanted:
            if isinstance(effect, Resolve):
                size = len(effect.numbers)
                self.coverage.largest_batch = max(self.coverage.largest_batch, size)


def _paths(following: Sequence[Sequence[int]]) -> int:
    """Count the ways from the first state to any end; no step leads back, so they end."""
    ways: dict[int, int] = {}
    pending = [0]
    while pending:
        number = pending[-1]
        missing = [each for each in following[number] if each not in ways]
        if missing:
            pending += missing
        else:
            ways[number] = sum(ways[each] for each in following[number]) or 1
            pending.pop()
    return ways[0]
