"""
DuckDB: one row is one record, and one transaction.
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb
from kit import serve


class DuckDbLog:
    """A table of records."""

    def __init__(self, directory: Path) -> None:
        self.database = duckdb.connect(str(directory / "log.duckdb"), config={"threads": 1})
        self.database.execute("CREATE TABLE IF NOT EXISTS log (number BIGINT, payload BLOB)")
        query = "SELECT coalesce(max(number), -1) + 1 FROM log"
        (self.next,) = self.database.execute(query).fetchone()

    def append(self, payload: bytes) -> int:
        """Insert a row."""
        number = self.next
        self.next += 1  # even if it fails: nobody knows whether it is there
        self.database.execute("INSERT INTO log VALUES (?, ?)", [number, payload])
        return int(number)

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Select all rows."""
        query = "SELECT number, payload FROM log ORDER BY number"
        return list(self.database.execute(query).fetchall())

    def close(self) -> None:
        """Close the database."""
        self.database.close()


if __name__ == "__main__":
    serve("DuckDB", duckdb.__version__, DuckDbLog)
