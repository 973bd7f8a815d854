"""
queuelib's FifoDiskQueue: one item is one record.

Nothing but `close` makes it write down what it holds, so `close` is all it promises.
"""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from kit import serve
from queuelib import FifoDiskQueue


class QueuelibLog:
    """A queue from which nothing is ever taken for good."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "queue"
        self.queue = FifoDiskQueue(self.path)

    def append(self, payload: bytes) -> int:
        """Push an item."""
        self.queue.push(payload)
        return len(self.queue) - 1

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Pop all items from a queue that is not closed, and so forgets that they were."""
        self.queue.close()
        reader = FifoDiskQueue(self.path)
        for number in range(len(reader)):
            payload = reader.pop()
            assert payload is not None, f"item {number} of {len(reader)} is missing"
            yield number, payload
        self.queue = FifoDiskQueue(self.path)

    def close(self) -> None:
        """Close the queue, which writes down how much it holds."""
        self.queue.close()


if __name__ == "__main__":
    serve("queuelib", version("queuelib"), QueuelibLog)
