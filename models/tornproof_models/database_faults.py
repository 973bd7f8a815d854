"""
A database that fails on command.

`MemoryDatabase` is a real SQLite database that lives in memory and outlasts the
processes that use it.  Its connections are real connections with one
difference: before each statement they ask whether something is to go wrong now.

A `Strike` says what: at which point (the kinds of statement that a drainer
makes have names), at the how-manyth visit to it, and how.  A statement can fail
before it has run, fail after it has run, or fail and take the transaction with
it, as SQLite does when the disk is full.  A COMMIT that fails *after* it has
run is the ambiguous one: reported as failed, and committed.  A panic is an
exception that no sink declares; a death ends the process, and with it whatever
it had not committed.

The numbers are SQLite's own, and one of the faults is not made up at all: a
*race* takes the IMMEDIATE out of a transaction, so that it locks with its first
write, and lets a sibling append between the reading of the head and the
insertion.  The UNIQUE violation is then SQLite's.
"""

import itertools
import sqlite3
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from attrs import define, field, frozen


class Panic(RuntimeError):
    """An exception that no sink declares."""


class ProcessDied(BaseException):
    """The process ends here; nothing catches this but the explorer."""


class Kind(StrEnum):
    """What goes wrong."""

    BUSY = "SQLITE_BUSY"
    LOCKED = "SQLITE_LOCKED"
    FULL = "SQLITE_FULL"
    READ_ONLY = "SQLITE_READONLY"
    IO_ERROR = "SQLITE_IOERR"
    UNIQUE = "SQLITE_CONSTRAINT_UNIQUE"
    NO_SUCH_COLUMN = "SQLITE_ERROR"
    CODE = "SQLite code"
    RACE = "race"
    PANIC = "panic"
    DEATH = "death"


class When(StrEnum):
    """How far the statement has come when it goes wrong."""

    BEFORE = "before"
    AFTER = "after"
    ROLLED_BACK = "rolled back"
    """It has not run, and the transaction is undone as well."""


ORDINALS = ("", "", "second ", "third ", "fourth ", "fifth ", "sixth ", "seventh ", "eighth ")

CODES: Mapping[Kind, tuple[type[sqlite3.Error], int]] = {
    Kind.BUSY: (sqlite3.OperationalError, sqlite3.SQLITE_BUSY),
    Kind.LOCKED: (sqlite3.OperationalError, sqlite3.SQLITE_LOCKED),
    Kind.FULL: (sqlite3.OperationalError, sqlite3.SQLITE_FULL),
    Kind.READ_ONLY: (sqlite3.OperationalError, sqlite3.SQLITE_READONLY),
    Kind.IO_ERROR: (sqlite3.OperationalError, sqlite3.SQLITE_IOERR),
    Kind.UNIQUE: (sqlite3.IntegrityError, sqlite3.SQLITE_CONSTRAINT_UNIQUE),
    Kind.NO_SUCH_COLUMN: (sqlite3.OperationalError, sqlite3.SQLITE_ERROR),
}

POINTS: tuple[tuple[str, str, str], ...] = (
    ("begin", "BEGIN", "BEGIN"),
    ("commit", "COMMIT", "COMMIT"),
    ("rollback", "ROLLBACK", "ROLLBACK"),
    ("dead letter", "INSERT INTO signed_events_dlq", "insertion into the dead-letter queue"),
    ("insert", "INSERT INTO signed_events ", "insertion into the chain"),
    ("remove", "DELETE FROM signed_events_dlq", "removal of the dead letter"),
    ("cursor", "UPDATE", "moving of the cursor"),
    ("head", "SELECT sequence", "reading of the head"),
    ("residence", "SELECT 1 FROM", "residence check"),
)
"""The kinds of statement: a name, how they begin, and what to call them in a story."""

PHRASES = {name: phrase for name, _, phrase in POINTS} | {"open": "opening of the connection"}

WRITES = frozenset({"insert", "dead letter", "remove", "cursor"})
ENDS = frozenset({"commit", "rollback"})


@cache
def point_of(statement: str) -> str:
    """Name the kind of a statement; `other` for those that have no name."""
    return next((name for name, begins, _ in POINTS if statement.startswith(begins)), "other")


@frozen
class Strike:
    """
    Something that is to go wrong.

    `point` names a kind of statement, or none for any; `nth` counts visits to
    it from now on, from 1; `times` is how many visits in a row are struck.
    """

    kind: Kind
    when: When = When.BEFORE
    point: str | None = None
    nth: int = 1
    times: int = 1
    code: int = 0
    """The number, for `Kind.CODE`: any of SQLite's extended result codes."""

    def __str__(self) -> str:
        """Say it the way a story tells it."""
        place = f"the {ORDINALS[self.nth]}{PHRASES.get(self.point or '', 'statement')}"
        often = f" {self.times} times" if self.times > 1 else ""
        match self.when:
            case When.BEFORE:
                return f"{self.kind.value} at {place}{often}"
            case When.AFTER:
                return f"{self.kind.value} at {place}, which had run{often}"
            case When.ROLLED_BACK:
                return f"{self.kind.value} at {place}, and the transaction is undone{often}"


@define
class Plan:
    """What is still to go wrong, and what has."""

    strikes: list[Strike] = field(factory=list)
    visited: list[str] = field(factory=list)
    """The points visited, in order."""

    on_strike: Callable[[Strike, str | None], None] | None = None
    """Told of every strike, with the id of the event that was being written, if any."""

    sibling: Callable[[], object] | None = None
    """Appends a row for somebody else: what a race needs."""

    def due(self, point: str, event_id: str | None = None) -> Strike | None:
        """Note a visit, and return what strikes at it."""
        self.visited.append(point)
        for index, strike in enumerate(self.strikes):
            if strike.point not in (None, point):
                continue
            if strike.nth > 1:
                self.strikes[index] = _sooner(strike)
                continue
            left = _again(strike)
            self.strikes[index : index + 1] = [left] if left else []
            if self.on_strike is not None:
                self.on_strike(strike, event_id)
            return strike
        return None

    def races(self) -> bool:
        """Say whether the next insertion meets a sibling, so the lock has to go."""
        return any(strike.kind is Kind.RACE for strike in self.strikes)


def _sooner(strike: Strike) -> Strike:
    return Strike(strike.kind, strike.when, strike.point, strike.nth - 1, strike.times, strike.code)


def _again(strike: Strike) -> Strike | None:
    if strike.times == 1:
        return None
    return Strike(strike.kind, strike.when, strike.point, 1, strike.times - 1, strike.code)


class FaultyConnection(sqlite3.Connection):
    """A connection that fails as its plan says."""

    plan: Plan
    database: "MemoryDatabase | None" = None
    is_open = True
    _is_dead = False
    _begins_late = False
    _level: int | None = None

    def execute(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement, unless something goes wrong."""
        if self._is_dead or (self.database is not None and not self.database.knows(self)):
            raise ProcessDied
        point = point_of(statement)
        written = parameters[0] if point in ("insert", "dead letter") else None
        strike = self.plan.due(point, written)
        if strike is None:
            return self._run(point, statement, parameters)
        if strike.kind is Kind.RACE:
            if not self.in_transaction and self.plan.sibling is not None:
                self.plan.sibling()
            return self._run(point, statement, parameters)
        if strike.when is When.AFTER:
            self._run(point, statement, parameters)
        elif strike.when is When.ROLLED_BACK and self.in_transaction:
            super().execute("ROLLBACK")
        if strike.kind is Kind.DEATH:
            self._die()
        raise failure_of(strike)

    def drop(self) -> None:
        """
        Go as a process goes that is killed.

        The rollback is explicit because a connection that is closed while some
        cursor is still referenced, by a traceback say, keeps its locks.
        """
        if self.is_open:
            self._die()
            self.close()

    def _die(self) -> None:
        if self.in_transaction:
            super().execute("ROLLBACK")
        self._is_dead = True

    def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        super().close()

    def _run(self, point: str, statement: str, parameters: Any) -> sqlite3.Cursor:
        """Run a statement; where a race is due, the transaction begins with the first write."""
        if point == "begin":
            return self._begin(statement)
        if self._begins_late and point in WRITES:
            self._begins_late = False
            super().execute("BEGIN IMMEDIATE")
        if point in ENDS and not self.in_transaction:
            self._begins_late = False
            return super().execute("SELECT 1 WHERE 0")
        if statement.startswith("PRAGMA synchronous"):
            self._level = None
        cursor = super().execute(statement, parameters)
        if point == "commit" and self.database is not None:
            self.database.note_commit(self._is_synchronous())
        return cursor

    def _begin(self, statement: str) -> sqlite3.Cursor:
        self._begins_late = self.plan.races()
        if self._begins_late:
            return super().execute("SELECT 1 WHERE 0")
        if self.database is not None:
            self.database.note_begin(self._is_synchronous())
        return super().execute(statement)

    def _is_synchronous(self) -> bool:
        if self._level is None:
            (self._level,) = super().execute("PRAGMA synchronous").fetchone()
        return bool(self._level >= SYNCHRONOUS_FULL)


def failure_of(strike: Strike) -> BaseException:
    """Make the exception that a strike raises."""
    if strike.kind is Kind.DEATH:
        return ProcessDied(str(strike))
    if strike.kind is Kind.PANIC:
        return Panic(str(strike))
    kind, code = CODES.get(strike.kind, (sqlite3.OperationalError, strike.code))
    error = kind(f"{strike} (injected)")
    error.sqlite_errorcode = code
    error.sqlite_errorname = f"{strike.kind.value} {strike.code or ''}".strip()
    return error


Connection = TypeVar("Connection", bound=sqlite3.Connection)

SYNCHRONOUS_FULL = 2

_NUMBERS = itertools.count()


class MemoryDatabase:
    """
    An SQLite database in memory that survives the processes that use it.

    Begins empty, or with a state that `save` returned.
    A commit made with less than synchronous=FULL is not durable before the next
    one that is, and a power cut may take it (hole H11).
    """

    def __init__(self, state: bytes | None = None) -> None:
        self.plan = Plan()
        self._uri = f"file:/tornproof-{next(_NUMBERS)}?vfs=memdb"
        self.anchor = self._open(sqlite3.Connection)
        self._copy = sqlite3.connect(":memory:")
        self._connections: list[FaultyConnection] = []
        self._floor: bytes | None = None
        """The last durable state, if the present one is not."""

        if state is not None:
            self.restore(state)

    def connect(self) -> FaultyConnection:
        """Open a connection for the process that lives now."""
        self.reach("open")
        connection = self._open(FaultyConnection)
        connection.plan = self.plan
        connection.database = self
        self._connections.append(connection)
        return connection

    def reach(self, point: str) -> None:
        """Visit a point that is no statement, and fail there if something strikes."""
        strike = self.plan.due(point)
        if strike is not None:
            raise failure_of(strike)

    def knows(self, connection: FaultyConnection) -> bool:
        """Say whether the process that opened the connection is alive."""
        return any(each is connection for each in self._connections)

    def look(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query of an observer's, to whom nothing happens."""
        return self.anchor.execute(query).fetchall()

    def kill(self, *, power: bool = False) -> None:
        """End the process: open transactions are undone; a power cut undoes unsynced commits."""
        for connection in self._connections:
            connection.drop()
        self._connections.clear()
        self.plan.strikes.clear()
        if power and self._floor is not None:
            self.restore(self._floor)
        self._floor = None

    def save(self) -> bytes:
        """Return the committed state, for `restore`."""
        return self.anchor.serialize()

    def restore(self, state: bytes) -> None:
        """Go back to a saved state."""
        self._copy.deserialize(state)
        self._copy.backup(self.anchor)

    def close(self) -> None:
        """Forget everything."""
        self.kill()
        self._copy.close()
        self.anchor.close()

    def _open(self, factory: type[Connection]) -> Connection:
        return sqlite3.connect(
            self._uri,
            uri=True,
            isolation_level=None,
            timeout=0,
            check_same_thread=False,
            factory=factory,
        )

    def note_begin(self, synchronous: bool) -> None:
        """Keep the state before a transaction whose commit will not be durable."""
        if not synchronous and self._floor is None:
            self._floor = self.save()

    def note_commit(self, synchronous: bool) -> None:
        """Know that a synced commit makes all earlier ones durable too."""
        if synchronous:
            self._floor = None
