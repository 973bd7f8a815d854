"""
The journal: records that stay, in the order in which they came.

A journal is a directory of segment files.  Each holds frames back to back; the
name of each is the offset of its first byte, counted over all segments from
zero, so that an offset names a record for ever, wherever it lies.

    journal/
      writer.lock              held by the one writer
      0000000000000000.wal     sealed: synced, never written again
      0000000000004e20.wal     active: the end of the journal

The modules, in the order in which to read them:

- `segments`: names and addresses, as pure functions
- `scanning`: walk the frames of a file in bounded memory
- `recovery`: what a crash left, decided first and acted on after
- `writer`: append, acknowledge, rotate, close
"""

from tornproof.journal.recovery import Cut, RecoveryReport, recover
from tornproof.journal.segments import Segment
from tornproof.journal.writer import Durability, Journal

__all__ = ["Cut", "Durability", "Journal", "RecoveryReport", "Segment", "recover"]
