"""
pickleDB: all records are one list in a JSON file, which each append writes as a whole.
"""

import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pickledb
from kit import serve


class PickleLog:
    """A database with one key."""

    def __init__(self, directory: Path) -> None:
        path = str(directory / "log.json")
        with redirect_stdout(sys.stderr):  # some versions print what they do
            self.database: Any = self._load(path)
        self.list: list[str] = list(self.database.get("records") or [])

    def _load(self, path: str) -> Any:
        if hasattr(pickledb, "load"):
            return pickledb.load(path, auto_dump=False)
        return pickledb.PickleDB(path)

    def append(self, payload: bytes) -> int:
        """Set the key to a longer list and write the file."""
        self.list.append(payload.hex())
        self.database.set("records", self.list)
        if hasattr(self.database, "dump"):
            self.database.dump()
        elif not self.database.save():
            raise OSError("pickleDB has not saved")
        return len(self.list) - 1

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Give the list."""
        return [(number, bytes.fromhex(text)) for number, text in enumerate(self.list)]

    def close(self) -> None:
        """Nothing is open."""


if __name__ == "__main__":
    serve("pickleDB", version("pickledb"), PickleLog)
