"""
litequeue with its default options: one message is one record, never taken.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from kit import serve
from litequeue import LiteQueue


class LiteQueueLog:
    """A queue of messages."""

    def __init__(self, directory: Path) -> None:
        self.queue = LiteQueue(str(directory / "queue.db"))
        self.next = len(list(self.records()))

    def append(self, payload: bytes) -> int:
        """Put a message."""
        self.queue.put(b64encode(payload).decode())
        self.next += 1
        return self.next - 1

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read all messages."""
        rows = self.queue.conn.execute("SELECT data FROM Queue ORDER BY rowid").fetchall()
        return [(number, b64decode(row["data"])) for number, row in enumerate(rows)]

    def close(self) -> None:
        """Close its database."""
        self.queue.conn.close()


if __name__ == "__main__":
    serve("litequeue", version("litequeue"), LiteQueueLog)
