"""
Journals that handle damage, read errors or foreign files wrong.

A torn tail was promised to nobody.  What these meet is something else, and the
only right answer is an error, or to leave it alone.
"""

# ruff: noqa: ARG002 (a step gone wrong may ignore what it is given)

from tornproof.filesystem import File

from tornproof_models.miniatures.small_frames import Damage
from tornproof_models.miniatures.small_journal import SmallJournal
from tornproof_models.miniatures.small_recovery import Examined, write_all

# Damage


class SealedDamageCut(SmallJournal):
    """
    Takes damage for the end of the journal, wherever it is.

    Bit flip → the record, and every acknowledged one behind it, is deleted.
    Source: nats-io/nats-server#7549 (2025), redis/redis#5177 (2018); hole H12.
    """

    breaks = frozenset({"REC-5"})

    def list_segments(self) -> list[int]:
        """End with the first damaged segment, and delete those that follow it."""
        bases = super().list_segments()
        for number, base in enumerate(bases, start=1):
            if self.examine(base).damage is not None:
                for later in bases[number:]:
                    self.filesystem.unlink(self.path(later))
                return bases[:number]
        return bases


class ActsBeforeItDecides(SmallJournal):
    """
    Cuts each damaged segment when it comes to it, and only then finds that it must not.

    Bit flip → an error, and by then the evidence and the good records behind it are gone.
    """

    breaks = frozenset({"REC-5"})

    def examine(self, base: int) -> Examined:
        """Repair at once."""
        found = super().examine(base)
        if found.damage is not None:
            self.settle(base, found)
        return found


class MissingSegmentIgnored(SmallJournal):
    """
    Reads the segments that are there.

    A file lost → records that were never neighbours are joined.
    """

    breaks = frozenset({"REC-5", "REC-6"})

    def check_contiguous(self, base: int, found: Examined, following: int) -> None:
        """Ask for no more than order."""


# Errors


class ReadErrorIsTheEnd(SmallJournal):
    """
    Stops at the first byte that it cannot read.

    I/O error → the records behind a bad cable are cut.
    Source: facebook/rocksdb#6288 (2020).
    """

    breaks = frozenset({"JRN-3", "REC-11"})

    def read_frame(self, file: File, position: int, remaining: int) -> bytes | Damage:
        """Take nothing for an answer."""
        try:
            return super().read_frame(file, position, remaining)
        except OSError:
            return Damage.CUT_SHORT


class SegmentReadAtOnce(SmallJournal):
    """
    Holds the last segment in memory while it makes it durable.

    A large segment → runs out of memory at every start.
    Source: rabbitmq/ra#173 (2020).
    """

    breaks = frozenset({"REC-9"})

    def write_again(self, file: File, size: int) -> None:
        """Read everything, write everything."""
        write_all(file, 0, file.read_at(0, size))


# Strangers


class ForeignFilesRemoved(SmallJournal):
    """
    Removes from the directory what it does not know.

    Nothing → somebody's notes, or a copy of a segment, are gone.
    """

    breaks = frozenset({"REC-10"})

    def is_temporary(self, name: str) -> bool:
        """Take every stranger for rubbish, and know the lock."""
        return self.base_of(name) is None and name != "writer.lock"


class TemporaryFilesLeft(SmallJournal):
    """
    Leaves the file in which a segment was being made.

    Crash in a rotation → the file is in the way, and no append succeeds any more.
    """

    breaks = frozenset({"REC-4", "REC-10"})

    def is_temporary(self, name: str) -> bool:
        """Know nothing of them."""
        return False
