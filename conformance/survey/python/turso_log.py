"""
Turso, SQLite written again in Rust: one row is one record, and one transaction.
"""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import turso
from kit import serve

TABLE = "CREATE TABLE IF NOT EXISTS log (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)"


class TursoLog:
    """A table of records."""

    def __init__(self, directory: Path) -> None:
        self.database = turso.connect(str(directory / "log.db"))
        self._run(TABLE)
        ((top,),) = self._all("SELECT max(number) FROM log")
        self.next = 0 if top is None else int(top) + 1

    def append(self, payload: bytes) -> int:
        """Insert a row and commit."""
        number = self.next
        self.next += 1  # even if it fails: nobody knows whether it is there
        self._run("INSERT INTO log (number, payload) VALUES (?, ?)", (number, payload))
        return number

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Select all rows."""
        rows = self._all("SELECT number, payload FROM log ORDER BY number")
        return [(number, bytes(payload)) for number, payload in rows]

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _run(self, text: str, values: Sequence[Any] = ()) -> None:
        self.database.cursor().execute(text, values)
        self.database.commit()

    def _all(self, text: str) -> list[Any]:
        cursor = self.database.cursor()
        cursor.execute(text)
        return list(cursor.fetchall())


if __name__ == "__main__":
    serve("Turso", version("pyturso"), TursoLog)
