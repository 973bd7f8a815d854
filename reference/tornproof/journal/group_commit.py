"""
Group commit, driven: threads, futures and one journal.

`append` may be called from any thread; it hands the record to a queue and
returns a future.  One thread owns the journal: it feeds what happens to the
`Batcher` and does what that says.  The future resolves to the record's offset
once an fsync covers it (GRP-1); nobody is told anything before.

The queue is bounded.  When it is full, `append` waits for a place, or raises
`QueueFull` if the caller asked for that (GRP-5): a producer that cannot be
slowed down must at least be told.
"""

import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from attrs import frozen

from tornproof.errors import (
    Closed,
    InputOutput,
    Invalid,
    NoSpace,
    Poisoned,
    QueueFull,
    TornproofError,
)
from tornproof.journal.batching import (
    Batcher,
    Commit,
    Effect,
    Fail,
    Limits,
    Refuse,
    Resolve,
    State,
    Ticket,
)
from tornproof.journal.states import Durability
from tornproof.journal.writer import Journal
from tornproof.record import frame_size

QUEUE_RECORDS = 8192
"""Records that may be on their way at once: sixteen full batches."""


@frozen
class _Arrival:
    ticket: Ticket
    payload: bytes
    future: "Future[int]"


@frozen
class _Cancellation:
    number: int


@frozen
class _Closing:
    pass


class GroupCommitBuffer:
    """
    Lets many threads append to one journal and share its fsyncs.

    The journal must have been opened with durability `batched`, and belongs to
    the buffer from then on: closing the buffer closes it.  With `block=False` a
    full queue raises `QueueFull` instead of making `append` wait.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        max_records: int = Limits().max_records,
        max_bytes: int = Limits().max_bytes,
        max_delay: float = Limits().max_delay,
        queue_records: int = QUEUE_RECORDS,
        block: bool = True,
    ) -> None:
        if journal.durability is not Durability.BATCHED:
            raise Invalid(f"the journal is {journal.durability}: open it with durability batched")
        if queue_records < 1:
            raise Invalid(f"queue_records {queue_records} must be positive")
        self._journal = journal
        self._batcher = Batcher(Limits(max_records, max_bytes, max_delay))
        self._block = block
        self._places = threading.BoundedSemaphore(queue_records)
        self._inbox: SimpleQueue[_Arrival | _Cancellation | _Closing] = SimpleQueue()
        self._entrance = threading.Lock()
        self._arrived = 0
        self._closing = False
        self._travellers: dict[int, _Arrival] = {}
        self._offsets: dict[int, int] = {}
        self._failure: TornproofError | None = None
        self._thread = threading.Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def append(self, payload: bytes) -> "Future[int]":
        """
        Hand a record over and return a future of its offset.

        The future resolves once an fsync covers the record.  Cancelling it
        before the record is written drops the record; later it is too late, and
        the record may be durable all the same (GRP-6).  Raises `TooLarge` and
        `Closed` at once, and `QueueFull` where the buffer does not block.
        """
        self._journal.check_payload(payload)
        if not self._places.acquire(blocking=self._block):
            raise QueueFull("the group commit queue is full: slow down, or make it larger")
        with self._entrance:
            if self._closing:
                self._places.release()
                raise Closed("the group commit buffer has been closed")
            self._arrived += 1
            number = self._arrived
            future: Future[int] = Future()
            ticket = Ticket(number, frame_size(len(payload)))
            self._inbox.put(_Arrival(ticket, payload, future))
        future.add_done_callback(lambda done: self._left(number, done))
        return future

    def close(self) -> None:
        """
        Commit what was handed over, close the journal, and refuse what comes later (GRP-7).

        Raises `Poisoned` if something handed over may not be durable; the
        waiters concerned have been told.
        """
        with self._entrance:
            closing, self._closing = self._closing, True
        if not closing:
            self._inbox.put(_Closing())
        self._thread.join()
        self._journal.close()

    # The thread that owns the journal

    def _run(self) -> None:
        try:
            while self._batcher.state is not State.CLOSED:
                self._do(self._wait())
        except BaseException as error:
            self._failure = InputOutput(f"the group commit thread died of {error!r}")
            raise
        finally:
            self._abandon()

    def _wait(self) -> list[Effect]:
        """Wait for the next input, or for the deadline of the batch being gathered."""
        deadline = self._batcher.deadline
        try:
            if deadline is None:
                return self._feed(self._inbox.get())
            return self._feed(self._inbox.get(timeout=max(deadline - time.monotonic(), 0)))
        except Empty:
            return self._batcher.pass_time(time.monotonic())

    def _feed(self, message: _Arrival | _Cancellation | _Closing) -> list[Effect]:
        match message:
            case _Arrival(ticket):
                self._travellers[ticket.number] = message
                return self._batcher.arrive(ticket, time.monotonic())
            case _Cancellation(number):
                self._travellers.pop(number, None)
                return self._batcher.cancel(number)
            case _Closing():
                return self._batcher.close()

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
                        self._fail(ticket.number, self._failure_of(ticket.number))
                case Refuse(ticket, poisoned):
                    self._fail(ticket.number, POISONED if poisoned else CLOSED)

    def _commit(self, tickets: tuple[Ticket, ...]) -> list[Effect]:
        """Write a batch, sync once, and let in those who arrived meanwhile."""
        batch = [
            self._travellers[ticket.number]
            for ticket in tickets
            if ticket.number in self._travellers
            and self._travellers[ticket.number].future.set_running_or_notify_cancel()
        ]
        try:
            offsets = self._journal.append_many([arrival.payload for arrival in batch])
            self._offsets = {
                arrival.ticket.number: offset
                for arrival, offset in zip(batch, offsets, strict=True)
            }
            self._journal.sync()
        except NoSpace as error:
            # the journal has rolled the batch back and goes on
            for arrival in batch:
                self._fail(arrival.ticket.number, error)
            if self._journal.poisoned:
                self._failure = error
                return self._batcher.sync_failed()
        except TornproofError as error:
            self._failure = error
            return self._batcher.sync_failed()
        effects: list[Effect] = []
        while not self._inbox.empty():
            effects += self._feed(self._inbox.get())
        return effects + self._batcher.synced()

    def _resolve(self, number: int) -> None:
        arrival = self._travellers.pop(number, None)
        if arrival is not None and number in self._offsets:
            arrival.future.set_result(self._offsets.pop(number))

    def _fail(self, number: int, error: TornproofError) -> None:
        arrival = self._travellers.pop(number, None)
        if arrival is not None and not arrival.future.cancelled():
            arrival.future.set_exception(error)

    def _failure_of(self, number: int) -> TornproofError:
        """Blame the sync if the record was written, and the poison if it was not."""
        written = number in self._travellers and self._travellers[number].future.running()
        return self._failure if written and self._failure else POISONED

    def _abandon(self) -> None:
        """Let nobody wait for a thread that has ended."""
        for number in list(self._travellers):
            self._fail(number, self._failure or CLOSED)

    def _left(self, number: int, future: "Future[int]") -> None:
        self._places.release()
        if future.cancelled():
            self._inbox.put(_Cancellation(number))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        with suppress(TornproofError):  # the error already on its way says more
            self.close()


POISONED = Poisoned("an earlier sync failed: close the buffer and open the journal again")
CLOSED = Closed("the group commit buffer has been closed")
