"""
A key-value store in one SQLite file.

    CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID

Without a rowid the table *is* the ordered tree of its keys, so a range scan is
a walk and not a join.  The write-ahead log lets readers read while one writer
writes, and `synchronous=FULL` makes each commit durable before it returns;
SQLite's default for a write-ahead log would let a power cut undo it.

Opening checks the header of the file first (`identity`).  A file of another application, or of
a newer version, is refused and not changed.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from tornproof.errors import Closed, Irregular, from_os_error
from tornproof.kv.evidence import at, unchanged
from tornproof.kv.identity import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    examine,
    require_ours,
)
from tornproof.kv.protocol import NOTHING, in_pages
from tornproof.kv.sqlite_errors import from_sqlite_error
from tornproof.process import Owner

BUSY_TIMEOUT = 5.0
"""
Seconds to wait for another connection's write.

A write here takes milliseconds, so whoever waits this long has met a process
that is stuck, and does better to say so than to wait on.
"""

Connect = Callable[..., sqlite3.Connection]
"""What `sqlite3.connect` is; tests put one here that fails on purpose."""


class SqliteKeyValueStore:
    """
    An ordered map in an SQLite file.

    Creates the file if it is missing or empty.  With `read_only` it changes
    nothing and insists that the file is there.  Not for use by several threads
    at once; several processes may share a file.

    Raises `NotADatabase`, `NewerVersion`, `ReadOnly`, `Busy`, `Corrupt`,
    `Invalid` for a path that cannot be opened, and `InputOutput`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        busy_timeout: float = BUSY_TIMEOUT,
        connect: Connect = sqlite3.connect,
    ) -> None:
        self._path = os.fspath(path)
        self._closed = False
        self._owner = Owner()
        examine(self._path, must_exist=read_only)
        connecting = unchanged(self._path) if read_only else at(self._path)
        with self._translated("open"), connecting as address:
            self._connection = connect(
                address, uri=True, timeout=busy_timeout, isolation_level=None
            )
            try:
                self._prepare(read_only)
            except BaseException:
                self.close()
                raise

    # The four methods of a store

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or none."""
        with self._translated("read"):
            return self._lookup(key)

    def write(
        self,
        changes: Mapping[bytes, bytes | None],
        *,
        expected: Mapping[bytes, bytes | None] = NOTHING,
    ) -> bool:
        """
        Make all changes, unless a key does not hold what is expected of it.

        The changes are durable when this returns true.  After an error that is
        not definite they may or may not be there, together.
        """
        with self._translated("write"), self._transaction():
            if any(self._lookup(key) != value for key, value in expected.items()):
                return False
            for key, value in changes.items():
                if value is None:
                    self._execute("DELETE FROM entries WHERE key = ?", (key,))
                else:
                    self._execute("REPLACE INTO entries VALUES (?, ?)", (key, value))
        return True

    def keys(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        """Yield the keys in `[start, end)`, in order."""
        query = (
            "SELECT key FROM entries WHERE key >= ? AND key < ? "
            f"ORDER BY key {'DESC' if reverse else 'ASC'} LIMIT ?"
        )

        def fetch(start: bytes, end: bytes, count: int) -> list[bytes]:
            with self._translated("read"):
                return [key for (key,) in self._execute(query, (start, end, count))]

        return in_pages(fetch, start, end, reverse=reverse)

    def close(self) -> None:
        """Let go of the file; a forked child leaves the connection alone, as SQLite asks."""
        self._closed = True
        if self._owner.is_here:
            self._connection.close()

    # Transactions

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold the one write lock from the first statement on, so that no commit can race."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # the error on its way says more
                self._execute("ROLLBACK")
            raise

    def _lookup(self, key: bytes) -> bytes | None:
        row = self._execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def _execute(self, statement: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        return self._connection.execute(statement, parameters)

    # Opening

    def _prepare(self, read_only: bool) -> None:
        """Ask the file once more whose it is, and give a new one its table."""
        if read_only:
            self._require_ours()
            return
        self._execute("PRAGMA synchronous = FULL")
        with self._transaction():  # fails here, at the latest, if the file cannot be written
            if self._is_new():
                self._execute(
                    "CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
                )
                self._execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._require_ours()
        self._execute("PRAGMA journal_mode = WAL")

    def _is_new(self) -> bool:
        (tables,) = self._execute("SELECT count(*) FROM sqlite_master").fetchone()
        return self._identity() == (0, 0) and tables == 0

    def _require_ours(self) -> None:
        require_ours(*self._identity(), self._path)

    def _identity(self) -> tuple[int, int]:
        (application,) = self._execute("PRAGMA application_id").fetchone()
        (version,) = self._execute("PRAGMA user_version").fetchone()
        return application, version

    # Errors

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        """Put what SQLite says into the hierarchy of this package."""
        self._owner.require(self._path)
        if self._closed:
            raise Closed(f"{self._path} has been closed")
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # a defect of the caller, such as use by two threads
        except sqlite3.Error as error:
            raise from_sqlite_error(error, f"{action} {self._path}") from error
        except Irregular as error:
            raise from_os_error(error, f"{action} {self._path}") from error
