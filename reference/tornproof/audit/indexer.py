"""
Build the audit index from a journal.

The journal acknowledges audits; the index is derived from it.  The indexer stores the
position that it has reached *in the same batch* as the entries (SYS-1).  After a crash the
position says exactly which records were applied, so a restart continues there, and no record
is lost or applied twice.  Since the index depends only on the journal, it can be deleted and
built again (SYS-2).

    journal   ─ record ─ record ─ record ─┊─ record ─ record ─▶
                                          ┊
    index       entries of all of these   position

A batch is applied only if the stored position is the one before it.  If two indexers run on
one store, each batch is applied by one of them, and the other continues after it.

The indexer stops at a record that is no audit, or that gives a stored id other content.  An
index that skips a record looks complete and is not.
"""

from collections.abc import Iterator
from typing import Protocol

from attrs import define, field

from tornproof.audit.encoding import decode
from tornproof.audit.store import entries_of, require_same
from tornproof.errors import BeyondEnd, NotABoundary, TornproofError, Trimmed
from tornproof.keys import POSITION_KEY, big_endian, from_big_endian, record_key
from tornproof.kv import KeyValueStore
from tornproof.record import frame_size

BATCH_RECORDS = 256
BATCH_BYTES = 1 << 20
"""
A batch ends with the record that reaches either bound.

A commit waits for the disk; a few hundred records share the wait.  Beyond that
a larger batch saves little, and holds memory and the write lock for longer.
"""


class RecordSource(Protocol):
    """
    A journal, as far as an indexer reads it: a `JournalReader`, say.

    Offer records that are durable: an index that has seen what the journal then
    loses no longer is a function of it (RDR-6).
    """

    def scan(self, start: int) -> Iterator[tuple[int, bytes]]:
        """
        Yield offset and payload of each record from the one at `start`.

        At the end of the journal, yield nothing; raise `BeyondEnd` past it,
        `Trimmed` below the first record kept, `NotABoundary` inside a record.
        """
        ...


@define
class Batch:
    """What the next few records do to the store, decided before anything is written."""

    position: int
    """Offset just past the last record in the batch."""

    changes: dict[bytes, bytes | None] = field(factory=dict)
    expected: dict[bytes, bytes | None] = field(factory=dict)
    records: int = 0
    bytes: int = 0
    refusal: TornproofError | None = None
    """Why the record at `position` cannot be applied, if it cannot."""

    @property
    def full(self) -> bool:
        """Whether the batch has reached a bound."""
        return self.records >= BATCH_RECORDS or self.bytes >= BATCH_BYTES


class AuditIndexer:
    """
    Applies the records of a journal to an audit index.

    It may be stopped anywhere and started again.  Nothing else may put audits
    into the same store, or building it again will not give the same.
    """

    def __init__(self, store: KeyValueStore, source: RecordSource) -> None:
        self._store = store
        self._source = source

    @property
    def position(self) -> int:
        """Offset just past the last record that the index reflects."""
        return _position_from(self._store.get(POSITION_KEY))

    def catch_up(self) -> int:
        """
        Apply every record up to the journal's end, and return the position reached.

        Raises `Corrupt` or `NewerVersion` for a record that is no audit and
        `Conflict` for one that contradicts another, with its offset; what comes
        before it is applied.  Raises `Trimmed` if records are gone that the
        index has not seen, `BeyondEnd` if it has seen more than there is, and
        `NotABoundary` if it is the index of another journal.
        """
        while True:
            batch = self._next_batch()
            if batch.records and not self._store.write(batch.changes, expected=batch.expected):
                continue  # another indexer was faster: go on behind it
            if batch.refusal is not None:
                raise batch.refusal
            if not batch.full:
                return batch.position

    def _next_batch(self) -> Batch:
        """Read on from where the index stands, and decide; write nothing."""
        stored = self._store.get(POSITION_KEY)
        batch = Batch(position=_position_from(stored))
        for offset, payload in self._records_from(batch.position):
            try:
                self._add(batch, payload)
            except TornproofError as error:
                batch.refusal = type(error)(f"offset {offset}: {error}")
                break
            batch.position = offset + frame_size(len(payload))
            if batch.full:
                break
        batch.changes[POSITION_KEY] = big_endian(batch.position)
        batch.expected[POSITION_KEY] = stored
        return batch

    def _records_from(self, position: int) -> Iterator[tuple[int, bytes]]:
        """Scan the journal, and say what it means if it has no record where the index stands."""
        try:
            yield from self._source.scan(position)
        except (BeyondEnd, NotABoundary, Trimmed) as error:
            raise type(error)(
                f"the index stands at {position}, where this journal has no record: {error}; it is "
                "another journal's index, or the journal has lost records: build the index again "
                "in a new file"
            ) from error

    def _add(self, batch: Batch, payload: bytes) -> None:
        """Take one record into the batch, unless the same audit is there already."""
        audit = decode(payload)
        key = record_key(audit.query_id)
        known = batch.changes.get(key) or self._store.get(key)
        if known is None:
            batch.changes.update(entries_of(audit))
            batch.expected[key] = None
        else:
            require_same(known, payload, audit.query_id)
        batch.records += 1
        batch.bytes += len(payload)


def _position_from(stored: bytes | None) -> int:
    return 0 if stored is None else from_big_endian(stored)
