"""
A small correct drainer, of which the miniatures change one step each.

Some two hundred lines that keep the durable contract, written apart from the
reference and simpler in every way: one event at a time, a list for a spool, a
fresh connection after every error.  Each step that somebody has got wrong once
is a method of its own, so that a miniature is the one method that is wrong.
"""

import sqlite3
from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from typing import Any, ClassVar

import rfc8785
from attrs import frozen

from tornproof_models.contract.delivery import (
    ChainRow,
    Counters,
    DeadLetter,
    Drain,
    Mode,
    Outcome,
    State,
)
from tornproof_models.database_faults import Panic
from tornproof_models.faulty_database import FaultyConnection
from tornproof_models.miniatures.small_events import spell_moment, spell_plainly
from tornproof_models.miniatures.surroundings import Surroundings
from tornproof_models.queues.delivery_run import MAX_MOVES, Look

SCHEMA = """
CREATE TABLE signed_events (id TEXT PRIMARY KEY, payload BLOB, payload_hash BLOB,
                            sequence INTEGER UNIQUE);
CREATE TABLE signed_events_dlq (dlq_id INTEGER PRIMARY KEY, id TEXT, payload BLOB, reason TEXT);
CREATE TABLE signed_events_spools (position INTEGER);
INSERT INTO signed_events_spools VALUES (0);
"""

NAMED = 100

TRANSIENT = frozenset({3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26})
"""Kinds of SQLite's that every event would meet (DRN-6)."""


class Error(Enum):
    """What an error asks for."""

    RACE = "race"
    TRANSIENT = "transient"
    PERMANENT = "permanent"


@frozen
class Queued:
    """An event in the spool."""

    id: str
    payload: bytes


class SmallDrainer(Surroundings):
    """The correct twin; `database` and `spool` outlive its processes."""

    name = "small-drainer"
    mode = Mode.DURABLE
    breaks: ClassVar[frozenset[str]] = frozenset()
    """The requirements that it breaks."""

    synchronous = "FULL"
    blocking = frozenset({"refuse", "escalate"})
    """Decisions that make an event (EVT-1)."""
    max_races = 5
    max_panics = 2
    letters = "SELECT dlq_id, id, payload FROM signed_events_dlq"

    def __init__(self) -> None:
        super().__init__(SCHEMA)
        self.spool: list[Queued] = []

    # A process

    def open(self) -> None:
        """Begin where the database says that the last process ended."""
        self.connection: FaultyConnection | None = None
        self.position = int(self.database.look("SELECT position FROM signed_events_spools")[0][0])
        self.submitted = len(self.spool) - self.position
        self.refused = self.chained = self.dead_lettered = self.lost = 0
        self.races = self.retries = self.panics = self.holders = 0
        self.reason = ""
        self.failed = self.closed = False

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Encode, spool, acknowledge; in that order."""
        if event["decision"]["decision"] not in self.blocking:
            return Outcome.REFUSED
        self.submitted += 1
        try:
            queued = self.encode(event)
        except Exception:
            self.refused += 1
            return Outcome.REFUSED
        if self.failed or self.closed:
            self.refused += 1
            return Outcome.REFUSED
        self.admit(queued)
        return Outcome.ADMITTED

    def encode(self, event: Mapping[str, Any]) -> Queued:
        """Write an event down."""
        spelled = {**event, "timestamp": self.moment(event["timestamp"])}
        return Queued(event["event_id"], self.spell(spelled))

    def spell(self, event: Mapping[str, Any]) -> bytes:
        """Write it as RFC 8785 says; the library is slow, and needed for custom actions alone."""
        if event["action"]["kind"] == "custom":
            return rfc8785.dumps(dict(event))
        return spell_plainly(event)

    moment = staticmethod(spell_moment)

    def admit(self, queued: Queued) -> None:
        """Make it survive."""
        self.spool.append(queued)

    # The drainer

    def move(self) -> bool:
        """Try to land the next event."""
        if self.failed or self.closed or self.position >= len(self.spool):
            return False
        event = self.spool[self.position]
        try:
            if self.reason:
                self.bury(event)
            else:
                self.land(event)
        except sqlite3.Error as error:
            self.drop_connection()
            self.on_error(error)
        except Panic:
            self.drop_connection()
            self.on_panic()
        return True

    def land(self, event: Queued) -> None:
        """Append to the chain and move the cursor, in one transaction."""
        self.begin()
        place = self.residence(event)
        if place is None:
            self.insert(event)
            place = "chain"
        self.move_cursor()
        self.commit()
        self.on_landed(place)

    def bury(self, event: Queued) -> None:
        """Put it into the dead-letter queue and move the cursor, in one transaction."""
        self.begin()
        place = self.residence(event)
        if place is None:
            self.insert_dead_letter(event)
            place = "dead letters"
        self.move_cursor()
        self.commit()
        self.on_landed(place)

    def on_landed(self, place: str) -> None:
        """Count, and go on with the next."""
        if place == "chain":
            self.chained += 1
        else:
            self.dead_lettered += 1
        self.position += 1
        self.races = self.panics = 0
        self.reason = ""

    def on_error(self, error: sqlite3.Error) -> None:
        """Retry, wait, or decide that it is to be dead-lettered."""
        if self.reason:
            self.on_dead_letter_refused()
            return
        match self.classify(error):
            case Error.RACE if self.races < self.max_races:
                self.races += 1
                self.on_retry()
            case Error.RACE | Error.PERMANENT:
                self.reason = str(error)
            case Error.TRANSIENT:
                self.on_transient()

    def on_retry(self) -> None:
        """Count it."""
        self.retries += 1

    def on_transient(self) -> None:
        """Stay with the event."""

    def on_dead_letter_refused(self) -> None:
        """Stay with the event."""

    def on_panic(self) -> None:
        """Begin again with the same event, unless that has been tried too often."""
        self.panics += 1
        if self.panics > self.max_panics:
            self.failed = True

    def classify(self, error: sqlite3.Error) -> Error:
        """Go by the number."""
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            return Error.RACE
        return Error.TRANSIENT if error.sqlite_errorcode & 0xFF in TRANSIENT else Error.PERMANENT

    # Statements

    def begin(self) -> None:
        """Take the write lock."""
        if self.connection is None:
            self.connection = self.database.connect()
            self.connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        self.connection.execute("BEGIN IMMEDIATE")

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        """Run a statement of the transaction."""
        assert self.connection is not None
        return self.connection.execute(statement, parameters)

    def commit(self) -> None:
        """Make it so."""
        self.execute("COMMIT")

    def residence(self, event: Queued) -> str | None:
        """Say where the event is already."""
        for table, place in (("signed_events", "chain"), ("signed_events_dlq", "dead letters")):
            query = f"SELECT 1 FROM {table} WHERE id = ? AND payload = ?"
            if self.execute(query, event.id, event.payload).fetchone():
                return place
        return None

    def head(self) -> int:
        """Read the last number."""
        (last,) = self.execute(
            "SELECT sequence FROM signed_events ORDER BY sequence DESC"
        ).fetchone() or (0,)
        return int(last)

    def insert(self, event: Queued) -> None:
        """Append a row behind the head."""
        number = self.head() + 1
        digest = self.hash(event.payload)
        statement = "INSERT INTO signed_events VALUES (?, ?, ?, ?)"
        self.execute(statement, event.id, event.payload, digest, number)

    def hash(self, payload: bytes) -> bytes:
        """Name the payload by the SHA-256 of its bytes."""
        return sha256(payload).digest()

    def insert_dead_letter(self, event: Queued) -> None:
        """Keep the event, its bytes and the reason."""
        self.execute(
            "INSERT INTO signed_events_dlq (id, payload, reason) VALUES (?, ?, ?)",
            event.id,
            event.payload,
            self.reason,
        )

    def move_cursor(self) -> None:
        """Say how far the spool is done."""
        self.execute("UPDATE signed_events_spools SET position = ?", self.position + 1)

    def drop_connection(self) -> None:
        """Let go of a connection that may be broken."""
        if self.connection is not None:
            self.connection.drop()
            self.connection = None

    # Waiting, ending, replaying

    def drain(self) -> Drain:
        """Move until nothing is left or nothing helps."""
        hopeless = self.failed
        for _ in range(MAX_MOVES):
            if not self.move():
                break
        left = self.spool[self.position :]
        return Drain(not left, tuple(each.id for each in left[:NAMED]), hopeless, at_once=True)

    def close(self) -> bool:
        """Flush, and take nothing more."""
        self.drain()
        self.closed = True
        return True

    def hold(self) -> None:
        """Let a producer keep a handle."""
        self.holders += 1

    def replay(self) -> None:
        """Move each dead letter to the chain, in a transaction of its own."""
        for dlq_id, event_id, payload in self.database.look(self.letters):
            self.drop_connection()
            try:
                self.begin()
                self.replay_one(dlq_id, Queued(event_id, payload))
                self.commit()
            except (sqlite3.Error, Panic):
                self.drop_connection()

    def replay_one(self, dlq_id: int, event: Queued) -> None:
        """Append and remove."""
        self.remove_dead_letter(dlq_id)
        query = "SELECT 1 FROM signed_events WHERE id = ? AND payload = ?"
        if not self.execute(query, event.id, event.payload).fetchone():
            self.insert(event)

    def remove_dead_letter(self, dlq_id: int) -> None:
        """Take it out of the queue."""
        self.execute("DELETE FROM signed_events_dlq WHERE dlq_id = ?", dlq_id)

    # Looking

    def count_dead_letters(self) -> int:
        """Ask the table."""
        return int(self.database.look("SELECT count(*) FROM signed_events_dlq")[0][0])

    def count_retries(self) -> int:
        """Read the counter."""
        return self.retries

    def look(self) -> Look:
        """Read the tables and the counters."""
        chain = self.database.look("SELECT sequence, id, payload FROM signed_events ORDER BY 1")
        letters = self.database.look("SELECT id, payload, reason FROM signed_events_dlq")
        position = self.database.look("SELECT position FROM signed_events_spools")[0][0]
        landed = self.chained + self.dead_lettered
        pending = self.submitted - self.refused - landed - self.lost
        state = State(
            chain=tuple(ChainRow(*row) for row in chain),
            dead_letters=tuple(DeadLetter(*row) for row in letters),
            quiescent=False,
            counters=Counters(
                self.submitted, self.refused, pending, self.chained, self.dead_lettered, self.lost
            ),
            spool=tuple(each.id for each in self.spool),
            position=position,
        )
        return Look(state, hopeless=self.failed)
