"""
A SQLite database that fails on command.

`MemoryDatabase` is a real SQLite database in memory; it survives the processes that use it.
Its connections are real connections that ask their `Plan` before each statement whether
something is to go wrong (`database_faults`).
"""

import itertools
import sqlite3
from typing import Any, TypeVar

from tornproof_models.database_faults import (
    Kind,
    Plan,
    ProcessDied,
    When,
    failure_of,
    point_of,
)

WRITES = frozenset({"insert", "dead letter", "remove", "cursor"})
ENDS = frozenset({"commit", "rollback"})


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
