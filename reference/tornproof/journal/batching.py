"""
The decisions of a group commit: which records share an fsync, and the answer to each waiter.

An fsync for a thousand records costs about as much as one for a single record, so concurrent
writers share it.  This module decides when a batch is closed, and what happens to its records;
it has no thread, no clock and no file.  `committer` executes the decisions.

Inputs: a record arrives, time passes, a sync succeeds or fails, a waiter cancels, the owner
closes.  Outputs: commit these records with one sync, resolve those, fail those.  The decisions
are a state machine, `TRANSITIONS`, from which the diagram in `spec/` is drawn.

A batch is closed when it is full or when its oldest record has waited long enough.  It is also
*full* when as many records wait as were in the last batch: writers that wait for their
acknowledgement submit again at about the same time, and a single writer, whose last batch had
one record, does not wait at all.
"""

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from attrs import define, field, frozen

from tornproof.errors import Invalid


class State(StrEnum):
    """What the batcher is doing."""

    EMPTY = "empty"
    GATHERING = "gathering"
    COMMITTING = "committing"
    DRAINING = "draining"
    POISONED = "poisoned"
    CLOSED = "closed"


class Event(StrEnum):
    """What happens to it, as far as the state depends on it."""

    ARRIVED = "arrived"
    FILLED = "arrived, now full"
    DELAY_PASSED = "delay passed"
    LAST_CANCELLED = "last one cancelled"
    SYNCED = "synced, none wait"
    SYNCED_MORE = "synced, more wait"
    SYNC_FAILED = "sync failed"
    CLOSE = "close"


class Action(StrEnum):
    """What is to be done on the way."""

    GATHER = "gather"
    REFUSE = "refuse"
    COMMIT = "commit"
    RESOLVE = "resolve"
    FAIL = "fail"


TRANSITIONS: Mapping[tuple[State, Event], tuple[State, tuple[Action, ...]]] = {
    (State.EMPTY, Event.ARRIVED): (State.GATHERING, (Action.GATHER,)),
    (State.EMPTY, Event.FILLED): (State.COMMITTING, (Action.GATHER, Action.COMMIT)),
    (State.EMPTY, Event.CLOSE): (State.CLOSED, ()),
    (State.GATHERING, Event.ARRIVED): (State.GATHERING, (Action.GATHER,)),
    (State.GATHERING, Event.FILLED): (State.COMMITTING, (Action.GATHER, Action.COMMIT)),
    (State.GATHERING, Event.DELAY_PASSED): (State.COMMITTING, (Action.COMMIT,)),
    (State.GATHERING, Event.LAST_CANCELLED): (State.EMPTY, ()),
    (State.GATHERING, Event.CLOSE): (State.DRAINING, (Action.COMMIT,)),
    (State.COMMITTING, Event.ARRIVED): (State.COMMITTING, (Action.GATHER,)),
    (State.COMMITTING, Event.SYNCED): (State.EMPTY, (Action.RESOLVE,)),
    (State.COMMITTING, Event.SYNCED_MORE): (State.COMMITTING, (Action.RESOLVE, Action.COMMIT)),
    (State.COMMITTING, Event.SYNC_FAILED): (State.POISONED, (Action.FAIL,)),
    (State.COMMITTING, Event.CLOSE): (State.DRAINING, ()),
    (State.DRAINING, Event.ARRIVED): (State.DRAINING, (Action.REFUSE,)),
    (State.DRAINING, Event.SYNCED): (State.CLOSED, (Action.RESOLVE,)),
    (State.DRAINING, Event.SYNCED_MORE): (State.DRAINING, (Action.RESOLVE, Action.COMMIT)),
    (State.DRAINING, Event.SYNC_FAILED): (State.CLOSED, (Action.FAIL,)),
    (State.DRAINING, Event.CLOSE): (State.DRAINING, ()),
    (State.POISONED, Event.ARRIVED): (State.POISONED, (Action.REFUSE,)),
    (State.POISONED, Event.CLOSE): (State.CLOSED, ()),
    (State.CLOSED, Event.ARRIVED): (State.CLOSED, (Action.REFUSE,)),
    (State.CLOSED, Event.CLOSE): (State.CLOSED, ()),
}


@frozen
class Limits:
    """
    How large a batch may become, and how long its oldest record waits.

    512 records or 1 MiB keep a batch below what a disk writes in a few
    milliseconds; 2 milliseconds are about one fsync of a solid-state disk, so
    that waiting for company never costs more than having come a little later.
    """

    max_records: int = 512
    max_bytes: int = 1 << 20
    max_delay: float = 0.002
    """Seconds."""

    def __attrs_post_init__(self) -> None:
        if self.max_records < 1 or self.max_bytes < 1 or not 0 <= self.max_delay < 3600:
            raise Invalid(
                f"max_records {self.max_records} and max_bytes {self.max_bytes} must be positive, "
                f"and max_delay {self.max_delay} must lie in 0 … 3600 seconds"
            )


@frozen
class Ticket:
    """One record on its way: a number that rises with arrival, and its size in bytes."""

    number: int
    size: int


# What is to be done


@frozen
class Commit:
    """Write these records in this order, then sync once."""

    tickets: tuple[Ticket, ...]


@frozen
class Resolve:
    """Tell these that they are durable."""

    tickets: tuple[Ticket, ...]


@frozen
class Fail:
    """Tell these that they may not be: a sync failed."""

    tickets: tuple[Ticket, ...]


@frozen
class Refuse:
    """Tell this one that it was never written: the batcher is poisoned or closing."""

    ticket: Ticket
    poisoned: bool


Effect: TypeAlias = Commit | Resolve | Fail | Refuse


def take_batch(waiting: "deque[Ticket]", limits: Limits) -> tuple[Ticket, ...]:
    """
    Take the next batch from the front: as many as the limits allow, at least one.

    First in, first out (GRP-4); a record larger than `max_bytes` goes alone.
    """
    batch: list[Ticket] = []
    size = 0
    while waiting and len(batch) < limits.max_records:
        if batch and size + waiting[0].size > limits.max_bytes:
            break
        size += waiting[0].size
        batch.append(waiting.popleft())
    return tuple(batch)


@define
class Batcher:
    """The state of a group commit.  Each method takes one input and returns what to do."""

    limits: Limits = field(factory=Limits)
    state: State = State.EMPTY
    waiting: deque[Ticket] = field(factory=deque)
    """Arrived and not yet in a batch."""

    waiting_bytes: int = 0
    """The sum of their sizes."""

    committing: tuple[Ticket, ...] = ()
    """The batch that is being written and synced."""

    expected: int = 1
    """How many were in the last batch, and so may come again."""

    oldest: float = 0.0
    """When the first of those that wait arrived, in seconds."""

    @property
    def deadline(self) -> float | None:
        """When `pass_time` will close a batch; none if nothing is being gathered."""
        return self.oldest + self.limits.max_delay if self.state is State.GATHERING else None

    def arrive(self, ticket: Ticket, now: float) -> list[Effect]:
        """Take a record in, or refuse it."""
        if not self.waiting:
            self.oldest = now
        full = self._would_fill(ticket) and self.state in (State.EMPTY, State.GATHERING)
        return self._move(Event.FILLED if full else Event.ARRIVED, ticket)

    def pass_time(self, now: float) -> list[Effect]:
        """Close the batch if its oldest record has waited long enough."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._move(Event.DELAY_PASSED)

    def synced(self) -> list[Effect]:
        """Note that the batch is durable."""
        return self._move(Event.SYNCED_MORE if self.waiting else Event.SYNCED)

    def sync_failed(self) -> list[Effect]:
        """Note that writing or syncing the batch failed: nobody may be told otherwise."""
        return self._move(Event.SYNC_FAILED)

    def cancel(self, number: int) -> list[Effect]:
        """Forget a record that is still waiting; one that is being written stays (GRP-6)."""
        kept = deque(ticket for ticket in self.waiting if ticket.number != number)
        if len(kept) == len(self.waiting):
            return []
        self.waiting = kept
        self.waiting_bytes = sum(ticket.size for ticket in kept)
        if not kept and self.state is State.GATHERING:
            return self._move(Event.LAST_CANCELLED)
        return []

    def close(self) -> list[Effect]:
        """Commit what waits, and refuse everything that comes later (GRP-7)."""
        return self._move(Event.CLOSE)

    def _would_fill(self, ticket: Ticket) -> bool:
        return (
            len(self.waiting) + 1 >= min(self.expected, self.limits.max_records)
            or self.waiting_bytes + ticket.size >= self.limits.max_bytes
            or self.limits.max_delay == 0
        )

    def _move(self, event: Event, ticket: Ticket | None = None) -> list[Effect]:
        before = self.state
        self.state, actions = TRANSITIONS[before, event]
        return [effect for action in actions for effect in self._act(action, before, ticket)]

    def _act(self, action: Action, before: State, ticket: Ticket | None) -> list[Effect]:
        match action:
            case Action.GATHER:
                assert ticket is not None
                self.waiting.append(ticket)
                self.waiting_bytes += ticket.size
                return []
            case Action.REFUSE:
                assert ticket is not None
                return [Refuse(ticket, poisoned=before is State.POISONED)]
            case Action.COMMIT:
                self.committing = take_batch(self.waiting, self.limits)
                self.waiting_bytes -= sum(ticket.size for ticket in self.committing)
                self.expected = len(self.committing)
                return [Commit(self.committing)]
            case Action.RESOLVE:
                resolved, self.committing = self.committing, ()
                return [Resolve(resolved)]
            case Action.FAIL:
                failed = (*self.committing, *self.waiting)
                self.committing = ()
                self.waiting.clear()
                self.waiting_bytes = 0
                return [Fail(failed)]
