"""
Contracts on the bounds of a batch.
"""

from collections import deque

from tornproof.journal.batching import Batcher, Limits, State, Ticket, take_batch


def tickets_of(sizes: list[int]) -> list[Ticket]:
    """Return tickets of so many bytes, in the order of their arrival."""
    return [Ticket(number, size) for number, size in enumerate(sizes)]


def a_batch_keeps_to_its_bounds(sizes: list[int], max_records: int, max_bytes: int) -> None:
    """Never too many, and never too large, except one that is so by itself (GRP-5)."""
    assert len(sizes) <= 4
    assert all(size > 0 for size in sizes)
    assert max_records > 0
    assert max_bytes > 0
    limits = Limits(max_records, max_bytes)

    batch = take_batch(deque(tickets_of(sizes)), limits)

    assert len(batch) <= max_records
    assert len(batch) <= 1 or sum(ticket.size for ticket in batch) <= max_bytes


def a_batch_is_the_front_of_the_queue(sizes: list[int], max_records: int, max_bytes: int) -> None:
    """Nobody is lost, doubled or overtaken (GRP-4)."""
    assert len(sizes) <= 4
    assert all(size > 0 for size in sizes)
    assert max_records > 0
    assert max_bytes > 0
    tickets = tickets_of(sizes)
    waiting = deque(tickets)

    batch = take_batch(waiting, Limits(max_records, max_bytes))

    assert [*batch, *waiting] == tickets
    assert batch or not tickets


def a_batch_is_as_large_as_it_may_be(sizes: list[int], max_records: int, max_bytes: int) -> None:
    """The next in the queue would not have fitted (GRP-2)."""
    assert len(sizes) <= 4
    assert all(size > 0 for size in sizes)
    assert max_records > 0
    assert max_bytes > 0
    waiting = deque(tickets_of(sizes))

    batch = take_batch(waiting, Limits(max_records, max_bytes))

    if waiting and len(batch) < max_records:
        assert sum(ticket.size for ticket in batch) + waiting[0].size > max_bytes


def the_sum_of_what_waits_is_kept(sizes: list[int], cancelled: int, max_bytes: int) -> None:
    """Arriving, cancelling and committing keep the running total of bytes (GRP-5)."""
    assert len(sizes) <= 3
    assert all(size > 0 for size in sizes)
    assert max_bytes > 0
    batcher = Batcher(Limits(max_records=2, max_bytes=max_bytes), expected=2)

    for ticket in tickets_of(sizes):
        batcher.arrive(ticket, now=0)
    batcher.cancel(cancelled)

    assert batcher.waiting_bytes == sum(ticket.size for ticket in batcher.waiting)


def a_batch_that_is_full_does_not_gather(size: int, more: int, max_bytes: int) -> None:
    """What waits while a batch is gathered is below the bound on bytes (GRP-5)."""
    assert size > 0
    assert more > 0
    assert max_bytes > 0
    batcher = Batcher(Limits(max_bytes=max_bytes), expected=10)

    batcher.arrive(Ticket(1, size), now=0)
    batcher.arrive(Ticket(2, more), now=0)

    if batcher.state is State.GATHERING:
        assert batcher.waiting_bytes < max_bytes


def nobody_waits_longer_than_the_delay(arrival: int, later: int, now: int) -> None:
    """A batch is closed exactly when its oldest record has waited for the delay (GRP-5)."""
    assert 0 <= arrival <= later <= now
    batcher = Batcher(Limits(max_delay=5), expected=10)
    batcher.arrive(Ticket(1, 1), now=arrival)
    batcher.arrive(Ticket(2, 1), now=later)

    effects = batcher.pass_time(now)

    assert bool(effects) == (now - arrival >= 5)
