"""
diskcache's Deque with its default options: one item is one record.
"""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from diskcache import Deque
from kit import serve


class DequeLog:
    """A deque from which nothing is ever taken."""

    def __init__(self, directory: Path) -> None:
        self.deque = Deque(directory=str(directory))

    def append(self, payload: bytes) -> int:
        """Append an item."""
        self.deque.append(payload)
        return len(self.deque) - 1

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read all items."""
        return list(enumerate(self.deque))

    def close(self) -> None:
        """Close the cache that holds them."""
        self.deque.cache.close()


if __name__ == "__main__":
    serve("diskcache Deque", version("diskcache"), DequeLog)
