"""
LMDB with its default options: one key is one record, and one transaction.
"""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import lmdb
from kit import serve


class LmdbLog:
    """An environment whose keys are consecutive numbers."""

    def __init__(self, directory: Path) -> None:
        self.environment = lmdb.open(str(directory))

    def append(self, payload: bytes) -> int:
        """Put the next key and commit."""
        with self.environment.begin(write=True) as transaction:
            number = int(transaction.stat()["entries"])
            transaction.put(number.to_bytes(8, "big"), payload)
        return number

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Walk the keys."""
        with self.environment.begin() as transaction:
            for key, payload in transaction.cursor():
                yield int.from_bytes(key, "big"), payload

    def close(self) -> None:
        """Close the environment."""
        self.environment.close()


if __name__ == "__main__":
    serve("LMDB", version("lmdb"), LmdbLog)
