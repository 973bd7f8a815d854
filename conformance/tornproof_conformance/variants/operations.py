"""
Variants with operations that a journal need not have.
"""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence

from tornproof_conformance.variants.log import Log, Record, frame, sync_directory, write_all

ENTRY = struct.Struct("<QI")
"""What stands before each payload: its offset, and its length."""


def encode(records: Iterable[Record]) -> bytes:
    """Write records one behind the other, each with its offset."""
    return b"".join(ENTRY.pack(offset, len(payload)) + payload for offset, payload in records)


def decode(data: bytes) -> Iterator[Record]:
    """Read what `encode` has written."""
    at = 0
    while at < len(data):
        offset, length = ENTRY.unpack_from(data, at)
        at += ENTRY.size + length
        yield offset, data[at - length : at]


class RewritesItself(Log):
    """
    A batch is one frame, and a truncation writes what it keeps to a file that replaces the log.

    Offsets are stored with the records, and those of a tail that was dropped are given again.
    Whoever opens it holds all records, and `hello` says so.
    """

    permitted_by = ("JRN-1", "JRN-17", "JRN-18", "REC-9")
    returns_everything = True
    claims = ("journal/core", "journal/empty-records", "journal/batch", "journal/truncate")

    def recover(self) -> None:
        """Write what is whole anew, since a sync that failed has left clean pages behind."""
        self.file = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o644)
        self.discarded = self.size() - self.whole()
        self.replace([each for _, part in self.frames(self.file) for each in decode(part)])

    def append(self, payload: bytes, *, durable: bool) -> int:
        return self.append_batch([payload], durable=durable)[0]

    def append_batch(self, payloads: Sequence[bytes], *, durable: bool) -> list[int]:
        """Write a frame that holds all of the records."""
        self.check()
        first = self.records[-1][0] + 1 if self.records else 0
        batch = list(enumerate(payloads, start=first))
        self.poisoned = True
        self.write(encode(batch))
        if durable:
            self.flush()
        self.poisoned = False
        self.records += batch
        return [offset for offset, _ in batch]

    def truncate(self, end: str, offset: int) -> None:
        """Keep what lies before an offset, or what begins there."""
        self.check()
        kept = [each for each in self.records if (each[0] < offset) == (end == "tail")]
        self.poisoned = True
        self.replace(kept)
        self.poisoned = False

    def replace(self, kept: list[Record]) -> None:
        """Let a new file take the log's place, with these records in one frame."""
        data, path = frame(encode(kept)) if kept else b"", f"{self.path}.new"
        mode = os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_APPEND
        replacement = os.open(path, mode, 0o644)
        try:
            write_all(replacement, data)
            os.fsync(replacement)
            os.rename(path, self.path)
            sync_directory(self.directory)
        except BaseException:
            os.close(replacement)
            raise
        os.close(self.file)
        self.file, self.end, self.records = replacement, len(data), kept

    def scan(self) -> list[Record]:
        self.check_open()
        return list(self.records)
