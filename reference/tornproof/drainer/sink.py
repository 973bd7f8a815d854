"""
The sink: one transaction that lands events and moves the spool's cursor.

A transaction has four phases: *residence*, a check whether the event is there already (DRN-7);
*insert*, into the chain or the dead-letter queue; *cursor*, the position of the spool after the
event (DRN-17); and the commit.  It holds the write lock from the beginning, so the check stays
true.

The id and the hash of the bytes identify an event.  Two events with one id and different bytes
are two events, and the chain's primary key refuses the second.

A sink belongs to one drainer and is replaced after a panic.  `failure` classifies the
exceptions that it raises.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from attrs import frozen

from tornproof.chain.append import Signer, insert, read_head
from tornproof.chain.database import immediate
from tornproof.chain.dialect import Connection
from tornproof.chain.row import AttestLevel, Entry
from tornproof.drainer.dead_letter import dead_letter_content
from tornproof.drainer.event import EVENT_TYPE, Encoded
from tornproof.drainer.timestamp import format_timestamp
from tornproof.errors import ForeignSpool


class Residence(StrEnum):
    """Where an event is."""

    CHAIN = "chain"
    DEAD_LETTERS = "dead letters"


@frozen
class Admitted:
    """An admitted event, and the position of the source behind it."""

    event: Encoded
    next: int


class Sink(Protocol):
    """
    Where a drainer lands events; `ChainSink` is one.

    What it raises is classified by `failure`.  A sink that the durable mode
    uses moves the position of the spool in the transaction that lands the event
    (DRN-17), and looks for the event first (DRN-7).
    """

    at: int
    """Which of a batch was being written when an append failed, counted from 0."""

    def append(self, batch: Sequence[Admitted]) -> Sequence[Residence]:
        """Land events in the chain, all or none, and say where each one is now."""
        ...

    def dead_letter(self, admitted: Admitted, reason: str) -> Residence:
        """Land one event in the dead-letter queue, and say where it is now."""
        ...

    def close(self) -> None:
        """Let go of everything; what had not been committed is gone."""
        ...


class ChainSink:
    """
    Lands events in the tables of `tornproof.chain`, through one connection.

    `spool_id` names the cursor to move; the volatile mode has none.  `clock`
    returns nanoseconds since 1970, for the moment of a failure.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        spool_id: str | None = None,
        signer: Signer | None = None,
        clock: Callable[[], int],
    ) -> None:
        self.at = 0
        """Which of a batch was being written when an append failed, counted from 0."""

        self._connection = connection
        self._spool_id = spool_id
        self._signer = signer
        self._clock = clock

    def append(self, batch: Sequence[Admitted]) -> list[Residence]:
        """
        Land events in the chain, all or none, and say where each one is now.

        One that a previous attempt landed is found where it is and left there.
        """
        places, head = [], None
        self.at = 0
        with immediate(self._connection):
            for self.at, each in enumerate(batch):
                place = self._residence(each.event)
                if place is None:
                    head = head or read_head(self._connection)
                    head = insert(self._connection, head, entry_of(each.event), signer=self._signer)
                    place = Residence.CHAIN
                places.append(place)
            self._move_cursor(batch[-1].next)
        return places

    def dead_letter(self, admitted: Admitted, reason: str) -> Residence:
        """Land one event in the dead-letter queue, with its bytes and the reason."""
        event = admitted.event
        with immediate(self._connection):
            place = self._residence(event)
            if place is None:
                self._bury(event, reason)
                place = Residence.DEAD_LETTERS
            self._move_cursor(admitted.next)
        return place

    def close(self) -> None:
        """
        Let go of the connection; what it had not committed is gone.

        The rollback is explicit: closing alone would keep the write lock for as
        long as a cursor of the transaction is referenced, by a traceback say.
        """
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        finally:
            self._connection.close()

    def _residence(self, event: Encoded) -> Residence | None:
        if in_chain(self._connection, event):
            return Residence.CHAIN
        if _is_in(self._connection, "signed_events_dlq", event):
            return Residence.DEAD_LETTERS
        return None

    def _bury(self, event: Encoded, reason: str) -> None:
        """Insert a dead letter, signed if there is a key (DRN-19)."""
        level = self._signer.attest_level if self._signer else AttestLevel.UNSIGNED
        names, failed_at = (event.event_id, event.agent_id), format_timestamp(self._clock())
        content = dead_letter_content(
            *names, EVENT_TYPE, event.payload_hash, level, event.timestamp, reason, failed_at
        )
        self._connection.execute(
            "INSERT INTO signed_events_dlq (id, agent_id, event_type, payload_hash, signature,"
            " attest_level, timestamp, failure_reason, failed_at, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *names,
                EVENT_TYPE,
                event.payload_hash,
                self._signer.sign(content) if self._signer else None,
                level,
                event.timestamp,
                reason,
                failed_at,
                event.payload,
            ),
        )

    def _move_cursor(self, position: int) -> None:
        """Move the spool's position, never backwards (CUR-2)."""
        if self._spool_id is None:
            return
        moved = self._connection.execute(
            "UPDATE signed_events_spools SET position = CASE WHEN position < ? THEN ? ELSE position"
            " END WHERE spool_id = ?",
            (position, position, self._spool_id),
        )
        if moved.rowcount != 1:
            raise ForeignSpool(
                f"the database no longer knows spool {self._spool_id}: it was replaced by another "
                "while events were landing; put the right one back"
            )


def entry_of(event: Encoded) -> Entry:
    """Say what of an event goes into the columns of the chain."""
    return Entry(event.event_id, event.agent_id, EVENT_TYPE, event.timestamp, event.payload)


def in_chain(connection: Connection, event: Encoded) -> bool:
    """Say whether the event, and not another of the same id, is in the chain."""
    return _is_in(connection, "signed_events", event)


def _is_in(connection: Connection, table: str, event: Encoded) -> bool:
    query = f"SELECT 1 FROM {table} WHERE id = ? AND payload_hash = ?"
    return connection.execute(query, (event.event_id, event.payload_hash)).fetchone() is not None
