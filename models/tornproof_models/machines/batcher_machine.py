"""
Random programs of a group commit that is too large to enumerate.

`group_commit` tries everything that can happen to a few small records.  Here are
many, of all sizes, with bounds drawn at random: what depends on a sum of sizes
or on the length of a queue shows only there.  The ledger is the same.
"""

from enum import StrEnum
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tornproof_models.contract.group_commit import (
    Arrive,
    Bounds,
    Break,
    Cancel,
    Close,
    Input,
    Ledger,
    Pass,
    Succeed,
)
from tornproof_models.machines.batching_situations import BatcherFactory, BatcherUnderTest
from tornproof_models.machines.violated import Violated

MAX_DELAY = 50

BOUNDS = st.builds(
    Bounds,
    max_records=st.integers(1, 40),
    max_bytes=st.integers(1, 4000),
    max_delay=st.integers(0, MAX_DELAY),
)

ODDS = st.sampled_from([7, 6, 5, 4, 3, 2, 1, 0])
"""Each is one in eight."""

SOME = st.lists(st.integers(40, 200), min_size=4, max_size=6)
"""The sizes of a crowd: the first goes alone, and the others share a batch, mostly."""


class Then(StrEnum):
    """What happens while one waits for company."""

    NOTHING = "nothing"
    TIME_PASSES = "time passes"
    LEAVES = "the one who waits leaves"
    CLOSES = "the owner closes"


class BatcherMachine(RuleBasedStateMachine):
    """Crowds of writers, delays, syncs that succeed and fail, cancellations, and a close."""

    make: ClassVar[BatcherFactory]

    @initialize(bounds=BOUNDS)
    def begin(self, bounds: Bounds) -> None:
        """Begin with nobody there."""
        self.batcher: BatcherUnderTest = type(self).make(bounds)
        self.ledger = Ledger(bounds)
        self.arrived = 0
        self.now = 0

    @rule(sizes=st.lists(st.integers(40, 2000), min_size=1, max_size=60))
    def arrive(self, sizes: list[int]) -> None:
        """Let a crowd of writers hand their records over."""
        for size in sizes:
            self.arrived += 1
            self._let(Arrive(self.arrived, size))

    @rule(time=st.integers(1, 60))
    def pass_time(self, time: int) -> None:
        """Let time pass."""
        self.now += time
        self._let(Pass(time))

    @precondition(lambda self: not self.ledger.idle)
    @rule()
    def succeed(self) -> None:
        """Let the sync under way succeed."""
        self._let(Succeed())

    @rule(sizes=SOME, size=st.integers(40, 200), then=st.sampled_from(Then))
    def come_again(self, sizes: list[int], size: int, then: Then) -> None:
        """Let a crowd have its syncs, and one more come, who waits for as many as came last."""
        self.arrive(sizes)
        while not self.ledger.idle:
            self._let(Succeed())
        self.arrive([size])
        match then:
            case Then.TIME_PASSES:
                self.pass_time(MAX_DELAY)
            case Then.LEAVES:
                self._let(Cancel(self.arrived))
            case Then.CLOSES:
                self._let(Close())
            case Then.NOTHING:
                pass

    @precondition(lambda self: not self.ledger.idle)
    @rule(odds=ODDS)
    def fail(self, odds: int) -> None:
        """Let the sync under way fail, now and then: nothing is taken in afterwards."""
        if odds == 0:
            self._let(Break())

    @precondition(lambda self: self.ledger.waiting)
    @rule(which=st.integers(0, 200))
    def cancel(self, which: int) -> None:
        """Let one of those who wait go away."""
        here = (*self.ledger.waiting, *(self.ledger.committing or ()))
        self._let(Cancel(here[which % len(here)].number))

    @rule(odds=ODDS, crowd=st.booleans(), then=st.sampled_from([Succeed(), Break()]))
    def close(self, odds: int, crowd: bool, then: Input) -> None:
        """Close twice, now and then, perhaps behind a crowd, and let a sync end."""
        if odds < 2:
            if crowd:
                self.arrive([50] * 5)
            self._let(Close())
            self._let(Close())
            if not self.ledger.idle:
                self._let(then)

    def _let(self, happened: Input) -> None:
        violations = self.ledger.step(happened, self.batcher.happen(happened, self.now))
        violations += self.ledger.crash()
        if violations:
            raise Violated(violations)


def batcher_machine(make: BatcherFactory) -> type[BatcherMachine]:
    """Return a machine for a batcher, in the form that Hypothesis runs."""
    return type("BatcherMachine", (BatcherMachine,), {"make": staticmethod(make)})
