"""
huey's SqliteStorage: one task in the queue is one record, never taken.

    huey_sqlite.py [fsync]
"""

import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from huey.storage import SqliteStorage
from kit import serve

FSYNC = "fsync" in sys.argv


class HueyLog:
    """A queue of tasks."""

    def __init__(self, directory: Path) -> None:
        filename = str(directory / "huey.db")
        self.storage = SqliteStorage(name="log", filename=filename, fsync=FSYNC)
        self.next = self.storage.queue_size()

    def append(self, payload: bytes) -> int:
        """Enqueue a task."""
        self.storage.enqueue(payload)
        self.next += 1
        return int(self.next) - 1

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read all tasks."""
        return [(number, bytes(task)) for number, task in enumerate(self.storage.enqueued_items())]

    def close(self) -> None:
        """Close the storage."""
        self.storage.close()


if __name__ == "__main__":
    serve("huey SqliteStorage" + (", fsync" if FSYNC else ""), version("huey"), HueyLog)
