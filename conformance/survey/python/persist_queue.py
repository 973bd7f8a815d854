"""
persist-queue's file queue: one item is one record.
"""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from kit import serve
from persistqueue import Queue


class PersistQueueLog:
    """A queue from which nothing is ever taken for good."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory)
        self.queue = self._open()

    def _open(self) -> Queue:
        return Queue(self.path, tempdir=self.path)

    def append(self, payload: bytes) -> int:
        """Put an item."""
        self.queue.put(payload)
        return int(self.queue.qsize()) - 1

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Get all items through a second queue, which forgets that it did."""
        reader = self._open()
        for number in range(reader.qsize()):
            yield number, reader.get_nowait()

    def close(self) -> None:
        """Let go of the files."""
        self.queue.headf.close()
        self.queue.tailf.close()


if __name__ == "__main__":
    serve("persist-queue", version("persist-queue"), PersistQueueLog)
