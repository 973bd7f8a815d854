"""
The executor of a group commit: writes, syncs, and answers every waiter.

The `Committer` executes the decisions of the `Batcher`.  It takes messages from an inbox,
commits each batch with one fsync, then takes the records that arrived meanwhile, and answers
every waiter.

It starts no thread and gets its clock from the caller, so the same code runs in the thread of a
`GroupCommitBuffer` and, step by step, on a simulated disk that fails and crashes.

Three rules make sure that every waiter is answered:

- A record is counted from its arrival until it is answered; one function begins and one ends
  this, and only the latter frees its place in the queue.
- A failure that the journal rolls back (a full disk) fails the records that it hit.  A failure
  that poisons the journal fails all.
- A defect of this package or of a filesystem ends with `abandon`, which answers all.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from copy import copy
from itertools import accumulate
from queue import Empty, SimpleQueue
from typing import TypeAlias

from attrs import define, field, frozen

from tornproof.errors import Closed, InputOutput, Poisoned, TornproofError
from tornproof.journal.batching import (
    Batcher,
    Commit,
    Effect,
    Fail,
    Refuse,
    Resolve,
    State,
    Ticket,
)
from tornproof.journal.writer import Journal

POISONED = "an earlier sync failed: close the buffer and open the journal again"
CLOSED = "the group commit buffer has been closed"


@frozen
class Arrival:
    """A record, and the future of its offset."""

    ticket: Ticket
    payload: bytes
    future: "Future[int]"


@frozen
class Cancellation:
    """The waiter of this record has gone."""

    number: int


@frozen
class Cleanup:
    """Somebody wants the journal cleaned up, and the future of its first offset."""

    future: "Future[int]"


@frozen
class Closing:
    """The last message."""


Message: TypeAlias = Arrival | Cancellation | Cleanup | Closing


@define
class Committer:
    """Carries out a group commit.  For use by one thread, which owns the journal."""

    journal: Journal
    batcher: Batcher
    clock: Callable[[], float] = time.monotonic
    left: Callable[[int], None] = field(default=lambda _: None)
    """Called when so many records have left: their places in the queue are free."""

    inbox: "SimpleQueue[Message]" = field(factory=SimpleQueue)
    failure: TornproofError | None = None
    """What ended it, or poisoned the journal; none while all is well."""

    _aboard: dict[int, Arrival] = field(factory=dict)
    _gone: int = 0
    """Records that have left, and whose places have not been given back."""

    _offsets: dict[int, int] = field(factory=dict)
    """Where the records of the batch under way were written."""

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to do."""
        return self.batcher.state is State.CLOSED

    def step(self) -> None:
        """Wait for a message, or for the deadline of the batch being gathered, and act."""
        deadline = self.batcher.deadline
        timeout = None if deadline is None else max(deadline - self.clock(), 0)
        try:
            effects = self._receive(self.inbox.get(timeout=timeout))
        except Empty:
            effects = []
        # a stream of messages must not keep a batch waiting
        self._do(effects + self.batcher.pass_time(self.clock()))
        self._give_back()

    def abandon(self, error: BaseException) -> None:
        """
        Let nobody wait for a committer that has ended by a defect.

        The caller sees to it that nothing more gets into the inbox.
        """
        self.failure = InputOutput(f"group commit ended in a defect: {error!r}")
        self.failure.__cause__ = error
        while not self.inbox.empty():
            match self.inbox.get():
                case Arrival() as arrival:
                    self._aboard[arrival.ticket.number] = arrival
                case Cleanup(future):
                    _tell(future, self.failure)
        for number in list(self._aboard):
            self._fail(number, self.failure)
        self._give_back()

    # Receiving

    def _receive(self, message: Message) -> list[Effect]:
        match message:
            case Arrival(ticket):
                self._aboard[ticket.number] = message
                return self.batcher.arrive(ticket, self.clock())
            case Cancellation(number):
                if (arrival := self._leave(number)) is not None:
                    arrival.future.set_running_or_notify_cancel()  # for `concurrent.futures.wait`
                return self.batcher.cancel(number)
            case Cleanup(future):
                self._clean_up(future)
                return []
            case Closing():
                return self.batcher.close()

    def _clean_up(self, future: "Future[int]") -> None:
        """Clean the journal up between two batches; an error is for whoever asked."""
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self.journal.cleanup())
        except Exception as error:
            future.set_exception(error)

    # Acting

    def _do(self, effects: list[Effect]) -> None:
        pending = deque(effects)
        while pending:
            match pending.popleft():
                case Commit(tickets):
                    pending += self._commit(tickets)
                case Resolve(tickets):
                    for ticket in tickets:
                        self._resolve(ticket.number)
                case Fail(tickets):
                    for ticket in tickets:
                        self._fail(ticket.number, self._reason(ticket.number))
                case Refuse(ticket, poisoned):
                    error = Poisoned(POISONED) if poisoned else Closed(CLOSED)
                    self._fail(ticket.number, error)
            self._give_back()

    def _commit(self, tickets: Sequence[Ticket]) -> list[Effect]:
        """Write a batch, sync once, and let in those who arrived meanwhile."""
        batch = [arrival for ticket in tickets if (arrival := self._hold(ticket.number))]
        try:
            self._write(batch)
            self.journal.sync()
        except TornproofError as error:
            self.failure = error
            return self.batcher.sync_failed()
        effects: list[Effect] = []
        while not self.inbox.empty():
            effects += self._receive(self.inbox.get())
        return effects + self.batcher.synced()

    def _write(self, batch: Sequence[Arrival]) -> None:
        """
        Write what the disk takes of a batch, and tell the others at once.

        The journal has rolled the others back (JRN-8), and those before them stay.
        """
        ends = accumulate((each.ticket.size for each in batch), initial=self.journal.end)
        self._offsets = dict(zip((each.ticket.number for each in batch), ends, strict=False))
        try:
            self.journal.append_many([each.payload for each in batch], sync=False)
        except TornproofError as error:
            if self.journal.poisoned:
                raise
            for each in batch:
                if self._offsets[each.ticket.number] >= self.journal.end:
                    self._fail(each.ticket.number, error)

    def _reason(self, number: int) -> TornproofError:
        """Blame the failure for a record that was being written, and the poison otherwise."""
        written = number in self._aboard and self._aboard[number].future.running()
        return self.failure if written and self.failure else Poisoned(POISONED)

    # Leaving

    def _hold(self, number: int) -> Arrival | None:
        """Make it too late to cancel a record; none if it has been cancelled already."""
        arrival = self._aboard[number]
        if arrival.future.set_running_or_notify_cancel():
            return arrival
        self._leave(number)
        return None

    def _resolve(self, number: int) -> None:
        if (arrival := self._leave(number)) is not None:
            arrival.future.set_result(self._offsets[number])

    def _fail(self, number: int, error: TornproofError) -> None:
        if (arrival := self._leave(number)) is not None:
            _tell(arrival.future, error)

    def _leave(self, number: int) -> Arrival | None:
        """Let a record go; none if it has left already."""
        arrival = self._aboard.pop(number, None)
        self._gone += arrival is not None
        return arrival

    def _give_back(self) -> None:
        """Give the places of those who have left back, many at a time."""
        if self._gone:
            gone, self._gone = self._gone, 0
            self.left(gone)


def _tell(future: "Future[int]", error: TornproofError) -> None:
    """Give a waiter, unless it has cancelled, a copy of an error: raising one changes it."""
    if future.running() or future.set_running_or_notify_cancel():
        own = copy(error)
        own.__cause__ = error.__cause__
        future.set_exception(own)
