"""
A database file, and a process that dies between any two statements.

A process that is killed loses its connection without a word: what it had not
committed is gone, what it had committed stays.  Dropping the connection does
the same to the file, some thousand times faster.  The interesting moments are
few, one before each statement and one after the last, and a plain integer names
them, which Hypothesis shrinks to the first that still fails.

Power cuts are another matter (`synchronous=FULL` and AUD-13); they are SQLite's
to survive, and no in-process test can tell.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define
from tornproof.kv import SqliteKeyValueStore


class Died(BaseException):
    """The process is dead.  Not an `Exception`: nothing may catch it and carry on."""


@define
class Fuse:
    """Counts statements down to the death of the process."""

    statements: int | None = None
    """How many may still be executed; none: as many as they like."""

    def burn(self) -> None:
        """Count one statement, or raise `Died` in front of it."""
        if self.statements is not None:
            if self.statements == 0:
                raise Died
            self.statements -= 1


class DyingConnection(sqlite3.Connection):
    """A connection that closes, without committing, in front of a given statement."""

    def __init__(self, *arguments: Any, fuse: Fuse, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._fuse = fuse

    def execute(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute a statement, unless the process dies first."""
        try:
            self._fuse.burn()
        except Died:
            self.close()
            raise
        return super().execute(statement, parameters)


class SqliteProcess:
    """One process with one store on one file, which outlives it."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self._directory = TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self._fuse = Fuse()
        self.store = self._open()

    def reopen(self) -> None:
        """Let the process end in an orderly way, and start the next."""
        self.store.close()
        self.store = self._open()

    @contextmanager
    def dying_after(self, statements: int | None) -> Iterator[None]:
        """
        Let the process die after so many statements of what happens inside.

        Raises `Died`, also after the last statement: the effect is there then,
        and the answer is lost.  With more statements than there are, or none
        given, nothing happens.  The next process has started on return.
        """
        self._fuse.statements = statements
        try:
            yield
            if self._fuse.statements == 0:
                raise Died
        except Died:
            self._fuse.statements = None
            self.reopen()
            raise
        finally:
            self._fuse.statements = None

    def close(self) -> None:
        """End the process and throw the file away."""
        self.store.close()
        self._directory.cleanup()

    def _open(self) -> SqliteKeyValueStore:
        factory = partial(DyingConnection, fuse=self._fuse)
        connect = partial(sqlite3.connect, factory=factory)
        return SqliteKeyValueStore(f"{self._directory.name}/audits.db", connect=connect)
