"""
A journal that can be cleaned up, behind the adapter protocol: each record is a file of its own.

    cleaning_adapter.py [hurries] [counts-anew]

One that hurries leaves it to the disk when the names of the files that it removes are gone; one
that counts anew answers an append with its distance from the first record that is left.
"""

import os
import sys
from pathlib import Path
from typing import Any

from tornproof_conformance.variants.log import Record
from tornproof_conformance.variants.record_forms import FilePerRecord
from tornproof_conformance.variants.server import Server

HURRIES, COUNTS_ANEW = (mistake in sys.argv[1:] for mistake in ("hurries", "counts-anew"))


class Cleaned(FilePerRecord):
    """It begins at the first file that is there, and refuses a hole behind it."""

    claims = ("journal/core", "journal/segments")

    def recover(self) -> None:
        self.file = os.open(self.directory, os.O_RDONLY)
        numbers = sorted(int(path.stem) for path in Path(self.directory).glob("*.record"))
        self.first = min(numbers, default=0)
        self.end = self.first + len(numbers)
        if numbers != list(range(self.first, self.end)):
            raise OSError(5, f"a record is missing among {numbers}")
        os.fsync(self.file)

    def append(self, payload: bytes, *, durable: bool) -> int:
        return super().append(payload, durable=durable) - self.first * COUNTS_ANEW

    def scan(self) -> list[Record]:
        self.check_open()
        paths = (Path(self.directory, f"{each:08}.record") for each in range(self.first, self.end))
        return [(number, path.read_bytes()) for number, path in enumerate(paths, self.first)]

    def clean_up(self, cursor: int) -> int:
        """Remove the records below a cursor, the oldest first."""
        while self.first < cursor:
            Path(self.directory, f"{self.first:08}.record").unlink()
            if not HURRIES:
                os.fsync(self.file)
            self.first += 1
        return self.first


class CleaningServer(Server):
    """Answers `journal.cleanup` as well."""

    def answer(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        """Carry out a request."""
        if op == "journal.cleanup":
            assert isinstance(self.log, Cleaned)
            return {"first": self.log.clean_up(int(args["cursor"]))}
        return super().answer(op, args)


if __name__ == "__main__":
    CleaningServer("cleaned", Cleaned).serve()
