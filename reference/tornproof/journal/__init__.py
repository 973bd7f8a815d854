"""
The journal: an append-only sequence of durable records.

A journal is a directory of segment files.  Each holds frames without gaps; its name is the
offset of its first byte, counted over all segments from zero, so an offset never changes its
meaning.

    journal/
      writer.lock              held by the one writer
      0000000000000000.wal     sealed: synced, never written again
      0000000000004e20.wal     active: the end of the journal
      watermark                how much of it is known to be durable
      indexer.cursor           how far a consumer has read

The modules, in the order in which to read them:

- `segments`: names and addresses, as pure functions
- `scanning`: walk the frames of a file in bounded memory
- `watermark`: what is known to be durable
- `recovery`: decide what to keep after a crash, then change the disk
- `states`, `writer`: append, acknowledge, rotate, clean up, close
- `access`, `reader`: follow a writer from another process
- `cursor`: how far each consumer has read
- `batching`, `committer`, `group_commit`: many threads, one fsync
- `salvage`: save the readable records of a damaged journal
"""

from tornproof.journal.cursor import Cursor
from tornproof.journal.group_commit import GroupCommitBuffer
from tornproof.journal.reader import JournalReader
from tornproof.journal.recovery import Cut, RecoveryReport, recover
from tornproof.journal.salvage import Hole, SalvageReport, salvage
from tornproof.journal.segments import Segment
from tornproof.journal.states import Durability
from tornproof.journal.writer import Journal

__all__ = [
    "Cursor",
    "Cut",
    "Durability",
    "GroupCommitBuffer",
    "Hole",
    "Journal",
    "JournalReader",
    "RecoveryReport",
    "SalvageReport",
    "Segment",
    "recover",
    "salvage",
]
