"""
TinyDB with its default storage, one file of JSON: one document is one record.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from kit import serve
from tinydb import TinyDB


class TinyDbLog:
    """A table of documents."""

    def __init__(self, directory: Path) -> None:
        self.database = TinyDB(directory / "log.json")

    def append(self, payload: bytes) -> int:
        """Insert a document."""
        return int(self.database.insert({"payload": b64encode(payload).decode()}))

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read all documents."""
        return [(each.doc_id, b64decode(each["payload"])) for each in self.database]

    def close(self) -> None:
        """Close the file."""
        self.database.close()


if __name__ == "__main__":
    serve("TinyDB", version("tinydb"), TinyDbLog)
