"""
What goes wrong in a database, and when.

A `Strike` says at which kind of statement (`POINTS` has their names), at the how-manyth visit to
it, and how.  A statement can fail before it has run, fail after it has run, or fail and take
the transaction with it, as SQLite does when the disk is full.  A COMMIT that fails *after* it
has run is ambiguous: SQLite reports an error, and the transaction is committed.  A panic is an
exception that no sink declares.  A death ends the process, and its uncommitted work is lost.

The error codes are SQLite's.  In a *race* even the error is SQLite's own: the transaction takes
its lock at its first write and not at BEGIN, a sibling appends between the read of the head
and the insertion, and SQLite reports the UNIQUE violation.

`faulty_database` has the connections that fail so.
"""

import sqlite3
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache

from attrs import define, field, frozen


class Panic(RuntimeError):
    """An exception that no sink declares."""


class ProcessDied(BaseException):
    """The process ends here; only the explorer catches this."""


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

MISLEADING = "UNIQUE constraint failed: signed_events.sequence; database is locked"
"""The text of an error whose code decides (DRN-6): whoever goes by the text is misled."""

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
        place = PHRASES.get(self.point or "", "statement")
        is_named = self.nth < len(ORDINALS)
        place = f"the {ORDINALS[self.nth]}{place}" if is_named else f"{place} number {self.nth}"
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


def failure_of(strike: Strike) -> BaseException:
    """Make the exception that a strike raises."""
    if strike.kind is Kind.DEATH:
        return ProcessDied(str(strike))
    if strike.kind is Kind.PANIC:
        return Panic(str(strike))
    kind, code = CODES.get(strike.kind, (sqlite3.OperationalError, strike.code))
    error = kind(MISLEADING if strike.kind is Kind.CODE else f"{strike} (injected)")
    error.sqlite_errorcode = code
    error.sqlite_errorname = f"{strike.kind.value} {strike.code or ''}".strip()
    return error
