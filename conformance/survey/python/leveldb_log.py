"""
LevelDB, through plyvel, with synchronous writes: one key is one record.
"""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import plyvel
from kit import serve


class LevelDbLog:
    """A database whose keys are consecutive numbers."""

    def __init__(self, directory: Path) -> None:
        self.database = plyvel.DB(str(directory), create_if_missing=True)
        self.next = max((number for number, _ in self.records()), default=-1) + 1

    def append(self, payload: bytes) -> int:
        """Put the next key."""
        number = self.next
        self.next += 1  # even if it fails: nobody knows whether it is there
        self.database.put(number.to_bytes(8, "big"), payload, sync=True)
        return number

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Walk the keys."""
        for key, payload in self.database:
            yield int.from_bytes(key, "big"), payload

    def close(self) -> None:
        """Close the database."""
        self.database.close()


if __name__ == "__main__":
    serve("LevelDB", version("plyvel"), LevelDbLog)
