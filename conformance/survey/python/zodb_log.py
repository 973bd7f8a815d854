"""
ZODB on FileStorage with its default options: one entry of a tree is one record, a commit each.
"""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import transaction
import ZODB
import ZODB.FileStorage
from BTrees.IOBTree import IOBTree
from kit import serve


class ZodbLog:
    """A tree whose keys are consecutive numbers."""

    def __init__(self, directory: Path) -> None:
        self.database = ZODB.DB(ZODB.FileStorage.FileStorage(str(directory / "log.fs")))
        self.manager = transaction.TransactionManager()
        self.connection = self.database.open(self.manager)
        root = self.connection.root()
        if "log" not in root:
            root["log"] = IOBTree()
            self.manager.commit()
        self.tree = root["log"]

    def append(self, payload: bytes) -> int:
        """Put the next key and commit."""
        number = int(self.tree.maxKey()) + 1 if self.tree else 0
        self.tree[number] = payload
        try:
            self.manager.commit()
        except BaseException:
            self.manager.abort()
            raise
        return number

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read all keys."""
        return list(self.tree.items())

    def close(self) -> None:
        """Close everything."""
        self.manager.abort()
        self.connection.close()
        self.database.close()


if __name__ == "__main__":
    serve("ZODB FileStorage", version("ZODB"), ZodbLog)
