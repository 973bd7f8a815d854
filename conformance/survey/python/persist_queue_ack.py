"""
persist-queue's acknowledged queue on SQLite: one item is one record, never acknowledged.
"""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from kit import serve
from persistqueue import SQLiteAckQueue


class AckQueueLog:
    """A queue from which nothing is ever taken."""

    def __init__(self, directory: Path) -> None:
        self.queue = SQLiteAckQueue(str(directory), auto_commit=True)

    def append(self, payload: bytes) -> int:
        """Put an item."""
        self.queue.put(payload)
        return max(number for number, _ in self.records())

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read all items."""
        return [(int(each["id"]), each["data"]) for each in self.queue.queue()]

    def close(self) -> None:
        """Close its database."""
        self.queue.close()


if __name__ == "__main__":
    serve("persist-queue SQLiteAckQueue", version("persist-queue"), AckQueueLog)
