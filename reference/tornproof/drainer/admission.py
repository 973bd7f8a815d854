"""
Two ways to make a record durable before it is acknowledged.

With threads, group commit: many submits share one fsync.  Without, one record
after another, so that a queue that is stepped by hand needs no thread at all.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Protocol

from tornproof.errors import TornproofError
from tornproof.filesystem import Filesystem
from tornproof.journal import Durability, GroupCommitBuffer, Journal
from tornproof.process import Owner


class Admission(Protocol):
    """Owns a journal, and appends to it."""

    @property
    def poisoned(self) -> bool:
        """Whether the journal takes nothing until it is opened again."""
        ...

    def append(self, payload: bytes) -> "Future[int]":
        """Return a future of the record's offset, which resolves once it is durable."""
        ...

    def cleanup(self) -> "Future[int]":
        """Remove the segments below every cursor, and return a future of the first offset."""
        ...

    def close(self) -> None:
        """Make everything durable and let go of the journal."""
        ...


class OneByOne:
    """Appends with an fsync for each record; its futures are done when they are returned."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = Lock()
        self._owner = Owner()

    @property
    def poisoned(self) -> bool:
        """Whether an earlier failure or interruption makes it refuse."""
        return self._journal.poisoned

    def append(self, payload: bytes) -> "Future[int]":
        """Append one record."""
        self._owner.require("the spool")  # before the lock, which a fork may have copied locked
        with self._lock:
            return _done(lambda: self._journal.append(payload))

    def cleanup(self) -> "Future[int]":
        """Clean up at once."""
        self._owner.require("the spool")
        with self._lock:
            return _done(self._journal.cleanup)

    def close(self) -> None:
        """Close the journal."""
        if not self._owner.is_here:
            self._journal.close()
            return
        with self._lock:
            self._journal.close()


def _done(call: Callable[[], int]) -> "Future[int]":
    future: Future[int] = Future()
    try:
        future.set_result(call())
    except TornproofError as error:
        future.set_exception(error)
    return future


def open_journal(
    directory: str, filesystem: Filesystem, *, segment_bytes: int, threads: bool
) -> tuple[Journal, Admission]:
    """Open a journal for many threads or for one.  Raises what `Journal.open` raises."""
    journal = Journal.open(
        directory,
        segment_bytes=segment_bytes,
        durability=Durability.BATCHED if threads else Durability.IMMEDIATE,
        filesystem=filesystem,
    )
    return journal, GroupCommitBuffer(journal) if threads else OneByOne(journal)
