"""
A chain in another process, in a database that this process can open too.

An adapter that names its database lets others do to it what they do to any file of
SQLite: read the rows, tamper with them, append one of their own.  Rows are
appended through the drainer, as events; signed ones are written from here, since
whose key a drainer has is nobody's business.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.contract.hash_chain import COLUMNS, Row, content_of, row_after, sealed
from tornproof_models.queues.delivery_program import event_of

from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.lender import Lender
from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.adapter.speaking.session import Session

PATIENCE_MS = 3000
"""How long everything may take to land that nothing keeps from landing."""

DRAINS = 5
"""How often to ask for that."""

LOCK_SECONDS = 2.0
"""How long to wait for an adapter that holds the write lock."""


@frozen
class BreakSeen:
    """A break as an adapter names it."""

    sequence: int | None
    words: str

    def __str__(self) -> str:
        return self.words

    @classmethod
    def read(cls, said: str | Mapping[str, Any]) -> "BreakSeen":
        """Read one from a reply: words, or an object with the number of the row."""
        if isinstance(said, str):
            return cls(None, said)
        return cls(said.get("sequence"), str(said.get("detail", said)))


def open_queue(
    session: Session, disk: DirectoryDisk, mode: Mode, *, max_restarts: int = 3
) -> Path | None:
    """Open a paused queue, and return its database if the adapter says where it is."""
    answer = session.call(
        "drainer.open",
        dir=str(disk.directory),
        durable=mode is Mode.DURABLE,
        max_restarts=max_restarts,
        paused=True,
    )
    named = answer.get("database")
    return None if named is None else disk.directory / named


def submit(session: Session, event: Mapping[str, Any]) -> Outcome:
    """Submit an event, and translate the answer."""
    try:
        admitted = session.call("drainer.submit", **event)["admitted"]
    except Refusal as error:
        return Outcome.REFUSED if error.definite else Outcome.UNKNOWN
    return Outcome.ADMITTED if admitted else Outcome.REFUSED


def land_all(session: Session) -> None:
    """
    Drain until nothing is pending, several times if the machine is busy.

    What is still pending then shows in the rows, and that is where it is judged.
    """
    for _ in range(DRAINS):
        if session.call("drainer.drain", timeout_ms=PATIENCE_MS)["drained"]:
            return


def columns_of(database: Path) -> frozenset[str]:
    """Name the columns of the table of events; none where there is no such table."""
    with closing(_connect(database)) as connection:
        rows = connection.execute("PRAGMA table_info(signed_events)")
        return frozenset(row[1] for row in rows)


@define(eq=False)
class AdapterChain:
    """The chain of a drainer that is open and paused."""

    subject: Lender
    session: Session
    disk: DirectoryDisk
    path: Path
    connection: sqlite3.Connection
    _key: Ed25519PrivateKey = field(factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes(32)))
    _appended: int = 0

    @classmethod
    def open(cls, subject: Lender) -> "AdapterChain":
        """Open an empty one, in a directory of its own."""
        disk, session = subject.new_disk(), subject.take_session()
        path = open_queue(session, disk, subject.best_drainer)
        assert path is not None, "a chain whose database is not named is not judged by its rows"
        return cls(subject, session, disk, path, _connect(path))

    def connect(self) -> sqlite3.Connection:
        """Open another connection."""
        return _connect(self.path)

    def append(self, agent_id: str, event_type: str = "type", *, signed: bool = False) -> None:
        """Append a row; what type it has is for the drainer to say."""
        if signed:
            self._sign(agent_id, event_type)
        else:
            self.submit(agent_id)
            land_all(self.session)

    def submit(self, agent_id: str) -> None:
        """Submit an event."""
        self._appended += 1
        event = {**event_of(self._appended), "agent_id": agent_id}
        self.session.call("drainer.submit", **event)

    def land(self, *, cycles: int, hold_seconds: float) -> int:
        """
        Let the drainer land what was submitted, while another process appends as well.

        That other one takes the write lock, appends, keeps the lock for so long and
        commits, so many times.  Returns how many rows it has appended.
        """
        request = self.session.begin("drainer.drain", timeout_ms=PATIENCE_MS)
        try:
            for number in range(cycles):
                self.connection.execute("BEGIN IMMEDIATE")
                self._insert(row_after(self._last(), f"sibling-{number}", "sibling", b"sibling"))
                time.sleep(hold_seconds)
                self.connection.execute("COMMIT")
        finally:  # its reply would otherwise be taken for that of the next request
            self.session.finish("drainer.drain", request)
        return cycles

    def dead_letters(self) -> Sequence[Mapping[str, Any]]:
        """Ask for the dead letters."""
        rows: Sequence[Mapping[str, Any]] = self.session.call("drainer.dlq")["rows"]
        return rows

    def races(self) -> int | None:
        """Ask how many insertions were tried again; none if the adapter does not say."""
        retries: int | None = self.session.call("drainer.metrics").get("race_retries")
        return retries

    def head(self) -> bytes:
        """Read the hash of the last row."""
        last = self._last()
        return last.row_hash if last else bytes(32)

    def verify(self, *, head: bytes | None = None, with_key: bool = False) -> Sequence[BreakSeen]:
        """Let the adapter verify it."""
        keys = [self._key.public_key().public_bytes_raw()] if with_key else None
        answer = self.session.call("drainer.verify", head=head, keys=keys)
        return [BreakSeen.read(each) for each in answer["breaks"]]

    def close(self) -> None:
        """Close the drainer, and leave the process to the next one."""
        self.connection.close()
        if self.session.process.is_released:
            return
        try:
            self.session.call("drainer.close", timeout_ms=PATIENCE_MS)
        except Refusal:
            self.session.kill()
        else:
            self.subject.give_back(self.session)

    def _sign(self, agent_id: str, event_type: str) -> None:
        self._appended += 1
        row = row_after(self._last(), f"signed-{self._appended}", agent_id, b"{}")
        public_key = self._key.public_key().public_bytes_raw()
        row = evolve(row, event_type=event_type, attest_level="self_signed", public_key=public_key)
        self._insert(sealed(evolve(row, signature=self._key.sign(content_of(row)))))

    def _insert(self, row: Row) -> None:
        columns, values = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
        self.connection.execute(
            f"INSERT INTO signed_events ({columns}) VALUES ({values})",
            [getattr(row, name) for name in COLUMNS],
        )

    def _last(self) -> Row | None:
        query = f"SELECT {', '.join(COLUMNS)} FROM signed_events ORDER BY sequence DESC LIMIT 1"
        found = self.connection.execute(query).fetchone()
        return Row(*found) if found else None


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=LOCK_SECONDS)
