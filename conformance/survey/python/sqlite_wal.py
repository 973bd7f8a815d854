"""
SQLite in WAL mode: one row is one record, and one transaction.

    sqlite_wal.py FULL | NORMAL
"""

import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path

from kit import serve

TABLE = "CREATE TABLE IF NOT EXISTS log (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)"


class SqliteLog:
    """A table of records."""

    def __init__(self, directory: Path) -> None:
        self.database = sqlite3.connect(directory / "log.db", isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute(f"PRAGMA synchronous = {sys.argv[1]}")
        self.database.execute(TABLE)

    def append(self, payload: bytes) -> int:
        """Insert a row and commit."""
        statement = "INSERT INTO log (payload) VALUES (?)"
        number = self.database.execute(statement, (payload,)).lastrowid
        assert number is not None
        return number

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Select all rows."""
        return self.database.execute("SELECT number, payload FROM log ORDER BY number")

    def close(self) -> None:
        """Close the database, which checkpoints it."""
        self.database.close()


if __name__ == "__main__":
    serve(f"SQLite WAL {sys.argv[1]}", sqlite3.sqlite_version, SqliteLog)
