"""
dbm.dumb of Python's standard library: one key is one record, with sync() after each.

    dbm_dumb.py [shelve]
"""

import dbm.dumb
import platform
import shelve
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kit import serve


class DumbLog:
    """A database whose keys are consecutive numbers, or a shelf on it."""

    def __init__(self, directory: Path) -> None:
        database: Any = dbm.dumb.open(str(directory / "log"), "c")  # noqa: SIM115
        self.database = shelve.Shelf(database) if "shelve" in sys.argv else database

    def append(self, payload: bytes) -> int:
        """Put the next key and sync."""
        number = len(self.database)
        self.database[str(number)] = payload
        self.database.sync()
        return number

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read all keys."""
        return [(int(key), self.database[key]) for key in sorted(self.database.keys(), key=int)]

    def close(self) -> None:
        """Close it."""
        self.database.close()


if __name__ == "__main__":
    serve(" ".join(["dbm.dumb", *sys.argv[1:]]), platform.python_version(), DumbLog)
