"""
The v0.7 design of a deferred audit queue, in a few lines.

A channel in memory, one drainer, a sink that retries a lost race five times and
sends everything else to the dead-letter queue.  Nothing here is a slip of the
pen: each of its holes follows from a decision that looks reasonable where it
was made, and `machines/holes` lets the machine find what follows.
"""

import json
import sqlite3
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

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
from tornproof_models.miniatures.surroundings import Surroundings
from tornproof_models.queues.delivery_run import MAX_MOVES, Look

SCHEMA = """
CREATE TABLE signed_events (id TEXT PRIMARY KEY, payload_hash BLOB, sequence INTEGER UNIQUE);
CREATE TABLE signed_events_dlq (dlq_id INTEGER PRIMARY KEY, id TEXT, payload_hash BLOB,
                                failure_reason TEXT);
"""
RETRIES = 5


class DeferredAuditV07(Surroundings):
    """The v0.7 queue; only `database` outlives its processes."""

    name = "deferred-audit-v07"
    mode = Mode.VOLATILE

    def __init__(self) -> None:
        super().__init__(SCHEMA)

    # Producers

    def open(self) -> None:
        """Make a channel, and a drainer at its other end."""
        self.channel: list[Mapping[str, Any]] = []
        self.connection: FaultyConnection | None = None
        self.receiver_gone = False
        self.producers = 1
        self.submitted = self.appended = self.send_failures = 0
        self.append_failures = self.dlq_landed = 0

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Send the event into the channel; false if the receiver is gone."""
        self.submitted += 1
        if self.receiver_gone:
            self.send_failures += 1
            return Outcome.REFUSED
        self.channel.append(event)
        return Outcome.ADMITTED

    # Drainer

    def move(self) -> bool:
        """Receive an event and append it; a panic takes the receiver, and the channel with it."""
        if not self.channel:
            return False
        event = self.channel.pop(0)
        try:
            self.append(event)
        except (Panic, UnicodeEncodeError):
            self.end()
            self.receiver_gone = True
            self.channel.clear()
        return True

    def append(self, event: Mapping[str, Any]) -> None:
        """Append with retries, else dead-letter, else give up; and count."""
        payload_hash = sha256(
            json.dumps(event, sort_keys=True, ensure_ascii=False).encode()
        ).digest()
        try:
            self.append_to_chain(event["event_id"], payload_hash)
        except sqlite3.Error as error:
            self.append_failures += 1
            self.dead_letter(event["event_id"], payload_hash, str(error))
        else:
            self.appended += 1

    def append_to_chain(self, event_id: str, payload_hash: bytes) -> None:
        """Read the head and insert; again after a UNIQUE violation, five times at most."""
        for attempt in range(RETRIES + 1):
            try:
                self.begin()
                query = "SELECT sequence FROM signed_events ORDER BY sequence DESC LIMIT 1"
                (head,) = self.execute(query).fetchone() or (0,)
                values = (event_id, payload_hash, head + 1)
                self.execute("INSERT INTO signed_events VALUES (?, ?, ?)", *values)
                self.execute("COMMIT")
                return
            except sqlite3.Error as error:
                self.end()
                race = error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE
                if not race or attempt == RETRIES:
                    raise

    def dead_letter(self, event_id: str, payload_hash: bytes, reason: str) -> None:
        """Insert into the dead-letter queue; if that fails too, say so in the log."""
        try:
            self.begin()
            self.execute(
                "INSERT INTO signed_events_dlq (id, payload_hash, failure_reason) VALUES (?, ?, ?)",
                event_id,
                payload_hash,
                reason,
            )
            self.execute("COMMIT")
            self.dlq_landed += 1
        except sqlite3.Error:
            self.end()

    def begin(self) -> None:
        """Open the connection if there is none, and begin."""
        if self.connection is None:
            self.connection = self.database.connect()
            self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("BEGIN IMMEDIATE")

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        """Run a statement."""
        assert self.connection is not None
        return self.connection.execute(statement, parameters)

    def end(self) -> None:
        """Undo what is open."""
        if self.connection is not None:
            self.connection.drop()
            self.connection = None

    # Waiting and ending

    def drain(self) -> Drain:
        """Wait until appends and failures add up to what was submitted, or the time is up."""
        hopeless = self.receiver_gone
        for _ in range(MAX_MOVES):
            accounted = self.appended + self.append_failures + self.send_failures
            if accounted >= self.submitted:
                return Drain(drained=True, pending=(), hopeless=hopeless, at_once=True)
            self.move()
        waiting = tuple(str(event["event_id"]) for event in self.channel)
        return Drain(drained=False, pending=waiting, hopeless=hopeless, at_once=False)

    def close(self) -> bool:
        """Drop a handle; the channel closes, and the drainer ends, with the last one."""
        self.producers -= 1
        while self.move():
            pass
        return self.producers <= 0

    def hold(self) -> None:
        """Clone the handle."""
        self.producers += 1

    def replay(self) -> None:
        """Do nothing: there is nothing that could be replayed."""

    # Looking

    def look(self) -> Look:
        """Read the tables and the counters."""
        chain = self.database.look("SELECT sequence, id FROM signed_events ORDER BY sequence")
        letters = self.database.look("SELECT id, failure_reason FROM signed_events_dlq")
        state = State(
            chain=tuple(ChainRow(sequence, event_id, None) for sequence, event_id in chain),
            dead_letters=tuple(DeadLetter(event_id, None, reason) for event_id, reason in letters),
            quiescent=False,
            counters=Counters(
                submitted=self.submitted,
                refused=self.send_failures,
                pending=len(self.channel),
                chained=self.appended,
                dead_lettered=self.dlq_landed,
                lost=self.append_failures,
            ),
        )
        return Look(state, hopeless=self.receiver_gone)
