"""
Group commit for threads: an entrance, a bounded queue, and futures.

`append` may be called from any thread; it hands the record to a queue and
returns a future.  One thread owns the journal and does the rest (see
`committer`).  The future resolves to the record's offset once an fsync covers
it (GRP-1); nobody is told anything before.

The queue is bounded.  When it is full, `append` waits for a place, or raises
`QueueFull` if the caller asked for that (GRP-5): a producer that cannot be
slowed down must at least be told.
"""

import threading
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from tornproof.errors import Closed, Invalid, QueueFull, TornproofError
from tornproof.journal.batching import Batcher, Limits, Ticket
from tornproof.journal.committer import (
    CLOSED,
    Arrival,
    Cancellation,
    Cleanup,
    Closing,
    Committer,
    Message,
)
from tornproof.journal.states import Durability
from tornproof.journal.writer import Journal
from tornproof.record import frame_size

QUEUE_RECORDS = 8192
"""Records that may be on their way at once: sixteen full batches."""


class Acknowledgement(Future[int]):
    """The future of a record's offset; the committer hears of it when the waiter goes."""

    def __init__(self, inbox: "SimpleQueue[Message]") -> None:
        super().__init__()
        self.number = 0
        self._inbox = inbox

    def cancel(self) -> bool:
        """Cancel, unless the record is being written or the waiter has been told."""
        cancelled = super().cancel()
        if cancelled:
            self._inbox.put(Cancellation(self.number))
        return cancelled


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
        self._block = block
        self._places = threading.BoundedSemaphore(queue_records)
        self._committer = Committer(
            journal, Batcher(Limits(max_records, max_bytes, max_delay)), left=self._places.release
        )
        self._inbox = self._committer.inbox
        self._entrance = threading.Lock()
        self._arrived = 0
        self._closing = False
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
        payload = b"".join((payload,))  # refuses text, and copies what could still change
        self._journal.check_payload(payload)
        # a callback runs in the thread that makes places free, and so cannot wait for one
        may_wait = self._block and threading.get_ident() != self._thread.ident
        if not self._places.acquire(blocking=may_wait):
            raise QueueFull("the group commit queue is full: slow down, or make it larger")
        future = Acknowledgement(self._inbox)
        with self._entrance:
            if self._closing:
                self._places.release()
                raise Closed(CLOSED)
            self._arrived += 1
            future.number = self._arrived
            ticket = Ticket(future.number, frame_size(len(payload)))
            self._inbox.put(Arrival(ticket, payload, future))
        return future

    def cleanup(self) -> "Future[int]":
        """
        Clean the journal up between two batches, and return a future of its first offset.

        See `Journal.cleanup`, whose errors the future raises.  Raises `Closed`
        at once.
        """
        future: Future[int] = Future()
        with self._entrance:
            if self._closing:
                raise Closed(CLOSED)
            self._inbox.put(Cleanup(future))
        return future

    def close(self) -> None:
        """
        Commit what was handed over, close the journal, and refuse what comes later (GRP-7).

        Raises `Poisoned` if something handed over may not be durable, and
        `InputOutput` after a defect; the waiters concerned have been told.  Not
        to be called in a callback of a future, which the closing would wait for.
        """
        with self._entrance:
            if not self._closing:
                self._closing = True
                self._inbox.put(Closing())
        self._thread.join()
        try:
            with self._entrance:
                self._journal.close()
        finally:
            if not self._committer.closed and self._committer.failure is not None:
                raise self._committer.failure

    def _run(self) -> None:
        """Work until closed; whatever happens, leave nobody waiting."""
        try:
            while not self._committer.closed:
                self._committer.step()
        except BaseException as error:
            with self._entrance:
                self._closing = True
            self._committer.abandon(error)

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
