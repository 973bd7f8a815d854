"""
Group commit for threads: a bounded queue, and futures.

`append` may be called from any thread; it puts the record into a queue and returns a future.
One thread owns the journal and commits (see `committer`).  The future resolves to the record's
offset once an fsync covers it (GRP-1), and not before.

The queue is bounded.  When it is full, `append` waits for a place, or raises `QueueFull` if the
caller asked for that (GRP-5).

Every wait has a time limit, and its error says what is left (GRP-9): a disk that hangs raises
no error of its own.

A buffer belongs to the process that made it (GRP-8): a forked child has no thread that commits,
and a future of the parent's would never be resolved there.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from tornproof.errors import Closed, Invalid, QueueFull, TornproofError, Unfinished
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
from tornproof.process import Owner
from tornproof.record import frame_size

QUEUE_RECORDS = 8192
"""Records that may be on their way at once: sixteen full batches."""

WAIT_SECONDS = 60.0
"""
How long anybody waits who does not say how long.

An fsync takes milliseconds, and seconds on a disk that is in trouble; the kernel
gives a request to a disk up after 30 seconds by default.
"""


_NAME = "the group commit buffer"


class Answer(Future[int]):
    """A future that is waited for with a limit, and only where somebody will resolve it."""

    def __init__(self, pending: Callable[[], int]) -> None:
        super().__init__()
        self._pending = pending
        self._owner = Owner()

    def result(self, timeout: float | None = WAIT_SECONDS) -> int:
        """
        Return the offset, waiting so many seconds; None waits without a limit.

        Raises what became of it instead, `Unfinished` at the limit, `Forked` in
        a forked child.
        """
        with self._limited(timeout):
            return super().result(timeout)

    def exception(self, timeout: float | None = WAIT_SECONDS) -> BaseException | None:
        """Return what went wrong, or none, waiting as `result` does."""
        with self._limited(timeout):
            return super().exception(timeout)

    @contextmanager
    def _limited(self, timeout: float | None) -> Iterator[None]:
        self._owner.require("a group commit's future")
        try:
            yield
        except TimeoutError:
            raise Unfinished(
                f"no answer after {timeout} seconds, and {self._pending()} records are on their "
                "way: the disk may be slow or hang; wait again, or count the record as unknown"
            ) from None


class Acknowledgement(Answer):
    """The future of a record's offset; the committer hears of it when the waiter goes."""

    def __init__(self, pending: Callable[[], int], inbox: "SimpleQueue[Message]") -> None:
        super().__init__(pending)
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
    full queue raises `QueueFull` at once instead of making `append` wait, for
    `wait` seconds at most.
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
        wait: float = WAIT_SECONDS,
    ) -> None:
        if journal.durability is not Durability.BATCHED:
            raise Invalid(f"the journal is {journal.durability}: open it with durability batched")
        if queue_records < 1:
            raise Invalid(f"queue_records {queue_records} must be positive")
        self._owner = Owner()
        self._journal = journal
        self._block = block
        self._wait = wait
        self._places = threading.BoundedSemaphore(queue_records)
        self._committer = Committer(
            journal, Batcher(Limits(max_records, max_bytes, max_delay)), left=self._leave
        )
        self._inbox = self._committer.inbox
        self._entrance = threading.Lock()
        self._arrived = 0
        self._gone = 0
        self._closing = False
        self._letting_go = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def append(self, payload: bytes) -> "Future[int]":
        """
        Hand a record over and return a future of its offset.

        The future resolves once an fsync covers the record.  Cancelling it
        before the record is written drops the record; later it is too late, and
        the record may be durable all the same (GRP-6).  Raises `TooLarge`,
        `Closed` and `Forked` at once, and `QueueFull` where no place becomes free
        in time.
        """
        self._owner.require(_NAME)
        payload = b"".join((payload,))  # refuses text, and copies what could still change
        self._journal.check_payload(payload)
        # a callback runs in the thread that makes places free, and so cannot wait for one
        may_wait = self._block and threading.get_ident() != self._thread.ident
        if not self._places.acquire(may_wait, self._wait if may_wait else None):
            raise QueueFull(
                f"the group commit queue is full, with {self.pending} records on their way: slow "
                "down, or make it larger"
            )
        future = Acknowledgement(self._count, self._inbox)
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
        and `Forked` at once.
        """
        self._owner.require(_NAME)
        future = Answer(self._count)
        with self._entrance:
            if self._closing:
                raise Closed(CLOSED)
            self._inbox.put(Cleanup(future))
        return future

    @property
    def poisoned(self) -> bool:
        """Whether an earlier failure makes it refuse everything (JRN-7)."""
        return self._committer.failure is not None

    @property
    def pending(self) -> int:
        """How many records have been handed over and not answered yet."""
        return max(self._arrived - self._gone, 0)

    def close(self, timeout: float | None = WAIT_SECONDS) -> None:
        """
        Commit what was handed over, close the journal, and refuse what comes later (GRP-7).

        Waits for so many seconds, or without a limit if that is None, and raises
        `Unfinished` then; what was handed over stays on its way, and closing
        again waits again.  Raises `Poisoned` if something handed over may not be
        durable, and `InputOutput` after a defect; the waiters concerned have been
        told.  Not to be called in a callback of a future, which the closing would
        wait for.  In a forked child it only lets go of what the child has
        inherited.
        """
        if not self._owner.is_here:
            self._journal.close()
            return
        with self._entrance:
            if not self._closing:
                self._closing = True
                self._inbox.put(Closing())
        self._thread.join(timeout)
        if self._thread.is_alive() or not self._letting_go.acquire(
            timeout=-1 if timeout is None else timeout
        ):
            raise Unfinished(
                f"the group commit has not ended after {timeout} seconds, and {self.pending} "
                "records are on their way: the disk may be slow or hang; close again to wait again"
            )
        try:
            self._journal.close()
        finally:
            self._letting_go.release()
            if not self._committer.closed and self._committer.failure is not None:
                raise self._committer.failure

    def _count(self) -> int:
        return self.pending

    def _leave(self, records: int) -> None:
        """Give places back."""
        self._gone += records
        self._places.release(records)

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
