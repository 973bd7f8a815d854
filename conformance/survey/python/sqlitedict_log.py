"""
sqlitedict with its default options: one key is one record, with commit() after each.
"""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from kit import serve
from sqlitedict import SqliteDict


class SqliteDictLog:
    """A dictionary whose keys are consecutive numbers."""

    def __init__(self, directory: Path) -> None:
        self.store = SqliteDict(str(directory / "log.db"))
        self.next = len(self.store)

    def append(self, payload: bytes) -> int:
        """Set the next key and commit."""
        number = self.next
        self.store[number] = payload
        self.store.commit(blocking=True)
        self.next += 1
        return number

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read all keys."""
        return [(int(key), payload) for key, payload in self.store.items()]

    def close(self) -> None:
        """Close the dictionary."""
        self.store.close()


if __name__ == "__main__":
    serve("sqlitedict", version("sqlitedict"), SqliteDictLog)
