"""
Miniatures that recover a torn tail wrong.

A torn tail is nothing special: it is what every crash leaves.  These refuse it,
read past it, append behind it, cut too much of it, or do not make the cut and
what stays before it durable.
"""

from collections.abc import Iterator
from contextlib import closing, suppress

from tornproof.errors import Corrupt
from tornproof.filesystem import File

from tornproof_models.contract.journal import Record
from tornproof_models.miniatures.small_frames import HEADER_BYTES, Damage
from tornproof_models.miniatures.small_journal import SmallJournal
from tornproof_models.miniatures.small_recovery import Examined

# Refused, or passed over


class TornTailRefused(SmallJournal):
    """
    Tolerates a record that ends early, and takes one torn in the middle for corruption.

    Torn write → does not open.
    Source: etcd-io/etcd#5230 (2016).
    """

    breaks = frozenset({"REC-1"})

    def examine(self, base: int) -> Examined:
        """Refuse what a truncation alone does not explain."""
        found = super().examine(base)
        if found.damage is Damage.CRC:
            raise Corrupt(f"{self.path(base)}: {found.damage} at byte {found.kept}")
        return found


class ReadsPastTheEnd(SmallJournal):
    """
    Expects the bytes that a header promises, and fails when they are not there.

    Torn write → does not open.
    Source: influxdata/influxdb#5476 (2016).
    """

    breaks = frozenset({"REC-1"})

    def read_frame(self, file: File, position: int, remaining: int) -> bytes | Damage:
        """Read on where nothing is left."""
        found = super().read_frame(file, position, remaining)
        if found is Damage.CUT_SHORT:
            raise EOFError(f"unexpected end of file behind byte {position}")
        return found


class DamageSkipped(SmallJournal):
    """
    Goes on with the next record that looks right.

    Torn write, bit flip → a hole in the middle, and nobody is told.
    Source: cockroachdb/pebble#453 (2020), spacejam/sled#255 (2018).
    """

    breaks = frozenset({"JRN-4", "REC-1", "REC-5"})

    def walk(self, file: File, size: int) -> Iterator[tuple[int, bytes | Damage]]:
        """Try every byte until one begins a record."""
        position = 0
        while position < size:
            found = self.read_frame(file, position, size - position)
            if isinstance(found, Damage):
                position += 1
                continue
            yield position, found
            position += HEADER_BYTES + len(found)


# Cut wrong


class AppendsBehindATornTail(SmallJournal):
    """
    Stops reading at a torn tail, leaves it where it is, and appends behind it.

    Torn write → every later record is acknowledged, and no reader gets as far.
    Source: prometheus/tsdb#451 (2018).
    """

    breaks = frozenset({"JRN-3", "REC-1", "REC-2", "REC-4", "REC-8"})

    def settle(self, base: int, found: Examined) -> None:
        """Go on at the end of the file."""
        self.active = self.filesystem.open(self.path(base))
        self.sizes[base] = found.size

    def records(self, base: int) -> Iterator[Record]:
        """Take damage for the end of a segment, silently."""
        with suppress(Corrupt):
            yield from super().records(base)


class StaleTailReused(SmallJournal):
    """
    Cuts the tail, and appends to the segment that has been cut.

    Unsynced loss → a sector shows what it held before the cut: an old record, which
    is valid and stands where a new one was written.
    Source: cockroachdb/pebble#543 (2020), facebook/rocksdb#12918 (2024).
    """

    breaks = frozenset({"JRN-3", "JRN-5", "REC-8"})

    def settle(self, base: int, found: Examined) -> None:
        """Keep the segment open for more."""
        super().settle(base, found)
        self.active = self.filesystem.open(self.path(base))


class SegmentDeletedWithTheCut(SmallJournal):
    """
    Deletes the segments from the cut on, and counts the one that holds it among them.

    Torn write → the good records before the torn one are lost as well.
    Source: apache/kafka#5169 (2018).
    """

    breaks = frozenset({"JRN-3", "REC-1"})

    def settle(self, base: int, found: Examined) -> None:
        """Delete what reaches beyond the end of the journal."""
        if found.size > found.kept:
            self.filesystem.unlink(self.path(base))
            del self.sizes[base]
        else:
            super().settle(base, found)


class CutUnreported(SmallJournal):
    """
    Cuts what it must, and says that nothing was lost.

    Torn write → nobody looks for what is missing.
    """

    breaks = frozenset({"REC-7"})

    def recover(self) -> None:
        """Keep quiet."""
        super().recover()
        self.discarded_bytes = 0


# Made durable too late, or not at all


class CutNotSynced(SmallJournal):
    """
    Cuts the tail and leaves it to the disk when.

    Crash after recovery → the tail is back, in a segment that has a successor by then,
    and the journal does not open.
    """

    breaks = frozenset({"REC-1", "REC-2", "REC-8"})

    def settle(self, base: int, found: Examined) -> None:
        """Cut, and go on."""
        with closing(self.filesystem.open(self.path(base))) as file:
            self.cut(file, found)
            self.write_again(file, found.kept)


class ShownBeforeDurable(SmallJournal):
    """
    Syncs what it recovers only if it had to cut something.

    Process killed, then power lost → records that readers have seen vanish.
    Source: KAFKA-10101 (2020).
    """

    breaks = frozenset({"REC-1", "REC-8"})

    def settle(self, base: int, found: Examined) -> None:
        """Take a tail without damage for a durable one."""
        if found.damage is not None:
            super().settle(base, found)


class CleanPagesBelieved(SmallJournal):
    """
    Syncs what it recovers, without writing it again.

    Failed fsync, restart, power lost → the pages were clean and not on disk, so the
    sync did nothing, and records that readers have seen vanish.
    Source: PostgreSQL's fsyncgate (2018).
    """

    breaks = frozenset({"REC-8"})

    def write_again(self, file: File, size: int) -> None:
        """Trust the page cache to know what is dirty."""


class HeaderZeroedDuringRepair(SmallJournal):
    """
    Marks a segment as being repaired by zeroing its first header, and restores that last.

    Crash inside recovery → the next recovery finds no record at all.
    Source: spacejam/sled#851 (2019).
    """

    breaks = frozenset({"JRN-3", "JRN-11", "REC-3", "REC-8"})

    def settle(self, base: int, found: Examined) -> None:
        """Put the mark where the journal is."""
        with closing(self.filesystem.open(self.path(base))) as file:
            header = file.read_at(0, min(HEADER_BYTES, found.kept))
            file.write_at(0, bytes(len(header)))
            file.sync()
            file.write_at(0, header)
        super().settle(base, found)
