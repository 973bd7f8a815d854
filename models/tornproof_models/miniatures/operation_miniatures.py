"""
Miniatures of batches and truncations, each with one step of `SmallOperations` wrong.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen
from tornproof.filesystem import Filesystem

from tornproof_models.contract.journal import End, Record
from tornproof_models.crash.subject import JournalUnderTest, Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.miniatures.small_operations import MARKS, SmallOperations


class BatchRecordByRecord(SmallOperations):
    """
    Writes and syncs each record of a batch by itself.

    A crash between two of them → a part of the batch is there.
    """

    breaks = frozenset({"JRN-18"})

    def append_batch(self, payloads: Sequence[bytes]) -> list[int]:
        """Append one record after the other."""
        return [self.append(payload) for payload in payloads]


class TruncatedInMemory(SmallOperations):
    """
    Forgets what was dropped when it is closed.

    A restart → records that were dropped are there again.
    """

    breaks = frozenset({"JRN-17"})

    def __init__(self, filesystem: Filesystem, options: Options) -> None:
        super().__init__(filesystem, options)
        self.dropped: set[Record] = set()

    def note(self, end: End, offset: int) -> None:
        """Remember the records instead of writing anything."""
        self.dropped |= {each for each in super().scan() if self.drops(end, offset, each)}

    def scan(self) -> Iterator[Record]:
        """Leave out what this process has dropped."""
        return (record for record in super().scan() if record not in self.dropped)


class TruncatedBeforeSync(SmallOperations):
    """
    Does not sync what a truncation writes.

    A loss of power → records that were dropped are there again.
    """

    breaks = frozenset({"JRN-17"})

    def __init__(self, filesystem: Filesystem, options: Options) -> None:
        super().__init__(filesystem, options)
        self.options = options

    def note(self, end: End, offset: int) -> None:
        """Write the note, and leave it to a later sync."""
        self.journal.options = Options(self.options.segment_bytes, "eventual")
        self.journal.append(MARKS[end] + struct.pack("<Q", offset))
        self.journal.options = self.options


class HeadDropsOneMore(SmallOperations):
    """
    Drops the record at the offset up to which it is to drop.

    Nothing → a record that was to be kept is gone.
    """

    breaks = frozenset({"JRN-15", "JRN-3"})

    def drops(self, end: End, offset: int, record: Record) -> bool:
        """Include the offset itself."""
        return super().drops(end, offset + (end is End.HEAD), record)


OPERATIONS: Mapping[str, type[SmallOperations]] = {
    "batch-record-by-record": BatchRecordByRecord,
    "truncated-in-memory": TruncatedInMemory,
    "truncated-before-sync": TruncatedBeforeSync,
    "head-drops-one-more": HeadDropsOneMore,
}


@frozen
class OperationsSubject:
    """A journal with batches and truncations, as something that can be judged."""

    name: str
    journal: type[SmallOperations] = SmallOperations

    claims: frozenset[str] = frozenset({"journal/core", "journal/batch", "journal/truncate"})

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Open the journal on a simulated disk."""
        return self.journal(filesystem, options)
