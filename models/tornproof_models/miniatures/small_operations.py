"""
A small correct journal with batches and truncations.

It lies on the small journal, whose records are its entries: an entry is a batch, which is there
as a whole or not at all because a frame is, or a note of what a truncation drops.  A scan goes
through all entries and leaves out what later ones have dropped, so that a truncation is one
append, and its sync.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import ClassVar

from tornproof.filesystem import Filesystem

from tornproof_models.contract.journal import End, Record
from tornproof_models.crash.subject import Options
from tornproof_models.miniatures.small_journal import SmallJournal

BATCH = b"B"
MARKS = {End.TAIL: b"T", End.HEAD: b"H"}


class SmallOperations:
    """
    A correct journal whose records are appended in batches, and dropped from either end.

    Steps: `append_batch`, `note`, `drops`.
    """

    breaks: ClassVar[frozenset[str]] = frozenset()
    """The requirements that a miniature violates."""

    def __init__(self, filesystem: Filesystem, options: Options) -> None:
        self.journal = SmallJournal(filesystem, options)
        self.discarded_bytes = self.journal.discarded_bytes
        self.sync = self.journal.sync
        self.rotate = self.journal.rotate
        self.close = self.journal.close

    def append(self, payload: bytes) -> int:
        """Append a record: a batch of one."""
        return self.write_batch([payload])[0]

    def append_batch(self, payloads: Sequence[bytes]) -> list[int]:
        """Append records that are kept all or none, and return their offsets."""
        return self.write_batch(payloads)

    def write_batch(self, payloads: Sequence[bytes]) -> list[int]:
        """Write records as one entry; each has an offset of its own inside that."""
        entry = b"".join(struct.pack("<I", len(payload)) + payload for payload in payloads)
        offset = self.journal.append(BATCH + entry)
        return [offset + number for number in range(len(payloads))]

    def truncate(self, end: End, offset: int) -> None:
        """Drop the records from an offset on (the tail), or those below it (the head)."""
        self.note(end, offset)

    def note(self, end: End, offset: int) -> None:
        """Write down what is dropped, durably."""
        self.journal.append(MARKS[end] + struct.pack("<Q", offset))
        self.journal.sync()

    def drops(self, end: End, offset: int, record: Record) -> bool:
        """Tell whether a truncation drops a record that was there before it."""
        return record[0] >= offset if end is End.TAIL else record[0] < offset

    def scan(self) -> Iterator[Record]:
        """Yield every record that no truncation has dropped."""
        found: list[Record] = []
        for offset, entry in self.journal.scan():
            if entry[:1] == BATCH:
                found += split(offset, entry)
                continue
            end = next(each for each, mark in MARKS.items() if mark == entry[:1])
            (at,) = struct.unpack("<Q", entry[1:])
            found = [record for record in found if not self.drops(end, at, record)]
        yield from found

    def read(self, offset: int) -> bytes:
        """Return the payload at an offset.  Raises `KeyError` if there is none."""
        return dict(self.scan())[offset]


def split(offset: int, entry: bytes) -> Iterator[Record]:
    """Yield the records of a batch that was written at an offset."""
    at = len(BATCH)
    while at < len(entry):
        (size,) = struct.unpack_from("<I", entry, at)
        yield offset, entry[at + 4 : at + 4 + size]
        at, offset = at + 4 + size, offset + 1
