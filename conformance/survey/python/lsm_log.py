"""
SQLite4's LSM with full safety: one insert is one record.

    lsm_log.py [nommap]
"""

import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import lsm
from kit import serve

MMAP = 0 if "nommap" in sys.argv else 1


class LsmLog:
    """A database whose keys are consecutive numbers."""

    def __init__(self, directory: Path) -> None:
        path = str(directory / "log.lsm")
        self.database = lsm.LSM(path, write_safety=lsm.SAFETY_FULL, mmap=MMAP)
        self.next = max((number for number, _ in self.records()), default=-1) + 1

    def append(self, payload: bytes) -> int:
        """Insert the next key."""
        number = self.next
        self.next += 1  # even if it fails: nobody knows whether it is there
        self.database[f"{number:08d}"] = payload
        return number

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Walk the keys."""
        return [(int(key), payload) for key, payload in self.database]

    def close(self) -> None:
        """Close the database."""
        self.database.close()


if __name__ == "__main__":
    serve("lsm1", version("lsm-db"), LsmLog)
