"""
When a batch is closed.

That nobody is lost and nobody lied to, whatever happens, is tried in full in
`tests/models/test_group_commit.py`.  Here is the rest: that waiting is worth it.
"""

from collections import deque

import pytest
from tornproof.errors import Invalid
from tornproof.journal.batching import (
    TRANSITIONS,
    Batcher,
    Commit,
    Event,
    Limits,
    State,
    Ticket,
    take_batch,
)
from tornproof_conformance.pytest_support.plugin import requirement

ROOMY = Limits(max_records=100, max_bytes=1000, max_delay=10.0)


def commit(*tickets: Ticket) -> list[Commit]:
    """Return what a batcher wants that begins a batch."""
    return [Commit(tickets)]


def after_a_batch_of(count: int) -> Batcher:
    """Return a batcher whose last batch had so many records, and for which nobody waits."""
    batcher = Batcher(ROOMY, expected=count)
    for number in range(count):
        batcher.arrive(Ticket(-number, 1), now=0.0)
    batcher.synced()
    assert batcher.state is State.EMPTY
    return batcher


@requirement("GRP-5")
def test_a_lone_writer_never_waits() -> None:
    """After a batch of one the next record is committed as it arrives."""
    batcher, ticket = after_a_batch_of(1), Ticket(1, 50)

    assert batcher.arrive(ticket, now=5.0) == commit(ticket)


@requirement("GRP-2")
def test_writers_that_come_back_together_go_together() -> None:
    """After a batch of three the batch is closed by the third record, not before."""
    batcher = after_a_batch_of(3)
    first, second, third = (Ticket(number, 50) for number in (1, 2, 3))

    assert batcher.arrive(first, now=5.0) == []
    assert batcher.arrive(second, now=5.0) == []
    assert batcher.arrive(third, now=5.0) == commit(first, second, third)


@requirement("GRP-5")
def test_the_delay_counts_from_the_oldest() -> None:
    """A record that arrives later does not prolong the wait of the first."""
    batcher = after_a_batch_of(3)
    first, second = Ticket(1, 50), Ticket(2, 50)
    batcher.arrive(first, now=5.0)
    batcher.arrive(second, now=14.0)

    assert batcher.deadline == 15.0
    assert batcher.pass_time(now=14.9) == []
    assert batcher.pass_time(now=15.0) == commit(first, second)


@requirement("GRP-5")
def test_a_batch_that_is_full_of_bytes_does_not_wait() -> None:
    """The record that reaches the bound closes the batch; what has left no longer counts."""
    batcher = after_a_batch_of(3)
    first, second, third = Ticket(1, 600), Ticket(2, 400), Ticket(3, 600)

    assert batcher.arrive(first, now=5.0) == []
    assert batcher.arrive(second, now=5.0) == commit(first, second)
    batcher.synced()
    assert batcher.arrive(third, now=6.0) == []


@requirement("GRP-5", "GRP-6")
def test_a_cancelled_record_no_longer_counts() -> None:
    """Neither its bytes nor its place fill a batch."""
    batcher = after_a_batch_of(2)
    batcher.arrive(Ticket(1, 900), now=5.0)
    batcher.cancel(1)

    assert batcher.arrive(Ticket(2, 900), now=5.0) == []


@requirement("GRP-6")
def test_when_the_last_waiter_cancels_nothing_is_due() -> None:
    """There is no deadline for nobody."""
    batcher = after_a_batch_of(2)
    batcher.arrive(Ticket(1, 50), now=5.0)

    batcher.cancel(1)

    assert batcher.deadline is None


def test_without_a_delay_nobody_waits_for_company() -> None:
    """A delay of zero commits each record as it arrives."""
    batcher, ticket = Batcher(Limits(max_delay=0.0), expected=8), Ticket(1, 50)

    assert batcher.arrive(ticket, now=0.0) == commit(ticket)


@requirement("GRP-4", "GRP-5")
@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        ([], 0),
        ([10, 10, 10, 10], 3),
        ([50, 50, 1], 2),
        ([50, 51, 1], 1),
        ([101, 1], 1),
        ([1, 101, 1], 1),
        ([100, 1], 1),
    ],
    ids=str,
)
def test_a_batch_takes_from_the_front_what_the_bounds_allow(sizes: list[int], taken: int) -> None:
    """Under bounds of 3 records and 100 bytes; one that is too large goes alone."""
    waiting = deque(Ticket(number, size) for number, size in enumerate(sizes))

    batch = take_batch(waiting, Limits(max_records=3, max_bytes=100))

    assert [ticket.number for ticket in batch] == list(range(taken))
    assert [ticket.number for ticket in waiting] == list(range(taken, len(sizes)))


def test_every_state_answers_an_arrival_and_a_close() -> None:
    """These two come from outside, at any moment."""
    for state in State:
        assert (state, Event.ARRIVED) in TRANSITIONS
        assert (state, Event.CLOSE) in TRANSITIONS


@pytest.mark.parametrize(
    "limits",
    [{"max_records": 0}, {"max_bytes": 0}, {"max_delay": -1}, {"max_delay": 3600}],
    ids=str,
)
def test_impossible_limits_are_refused(limits: dict[str, int]) -> None:
    """The message names them."""
    with pytest.raises(Invalid, match=str(next(iter(limits.values())))):
        Limits(**limits)
