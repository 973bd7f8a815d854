"""
Journals that continue after an error as if nothing had failed.

Each is right while the disk is.  Tests that never make a disk fail never reach
the lines that are wrong here.
"""

# ruff: noqa: ARG002 (a step gone wrong may ignore what it is given)

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tornproof.filesystem import File

from tornproof_models.miniatures.small_journal import SmallJournal
from tornproof_models.miniatures.small_recovery import write_all

# A failed fsync


class FsyncRetried(SmallJournal):
    """
    Tries a failed fsync again, and believes the success of the second.

    fsync error → the pages are clean and not on disk, and the record is acknowledged.
    Source: PostgreSQL's fsyncgate (2018).
    """

    breaks = frozenset({"JRN-3", "JRN-7", "JRN-11", "REC-1"})

    def barrier(self) -> None:
        """Give it a second chance."""
        if self.active is not None:
            try:
                self.active.sync()
            except OSError:
                self.active.sync()


class FsyncResultIgnored(SmallJournal):
    """
    Calls fsync and does not look at what it returns.

    fsync error → the record is acknowledged and not on disk.
    Source: redis/redis#8111 (2020).
    """

    breaks = frozenset({"JRN-3", "JRN-7", "JRN-11", "REC-1"})

    def barrier(self) -> None:
        """Have tried."""
        if self.active is not None:
            with suppress(OSError):
                self.active.sync()


class PoisonForgotten(SmallJournal):
    """
    Reports a failed fsync once and takes the next append.

    fsync error → a record that is acknowledged stands behind one that never reached
    the disk, and no reader gets as far.
    """

    breaks = frozenset({"JRN-3", "JRN-7", "JRN-11", "REC-1"})

    def barrier(self) -> None:
        """Report it."""
        if self.active is not None:
            self.active.sync()


# A failed write


class FragmentStays(SmallJournal):
    """
    Leaves what a failed write has left, and appends behind it.

    ENOSPC → every later record is acknowledged, and no reader gets as far.
    Source: prometheus/prometheus#13027 (2023), fjall-rs/fjall#308 (2026).
    """

    breaks = frozenset({"JRN-2", "JRN-3", "JRN-8", "JRN-11", "JRN-15"})

    def roll_back(self, file: File, position: int) -> None:
        """Go on at the end of the file."""
        self.sizes[self.last] = file.size()


class AppendRetried(SmallJournal):
    """
    Appends a record again when its write has failed.

    I/O error → the record is there twice, or stands behind a fragment of itself.
    Source: milvus-io/milvus#53597 (2026).
    """

    breaks = frozenset({"JRN-5", "JRN-6", "JRN-8"})

    def write_frame(self, frame: bytes) -> None:
        """Take an error to mean that nothing was written."""
        assert self.active is not None
        try:
            write_all(self.active, self.sizes[self.last], frame)
        except OSError:
            write_all(self.active, self.active.size(), frame)
        self.sizes[self.last] = self.active.size()


class GoesOnAfterARollback(SmallJournal):
    """
    Cuts a fragment off, and goes on in the segment that has been cut.

    I/O error, unsynced loss → a sector shows the record from before the cut, in the
    place of one that was accepted after it.
    """

    breaks = frozenset({"JRN-4", "JRN-8"})

    def roll_back(self, file: File, position: int) -> None:
        """Keep the segment in use."""
        super().roll_back(file, position)
        self.finished = False


# An interrupted call


class InterruptionForgotten(SmallJournal):
    """
    Takes the next append after one that was interrupted.

    Ctrl-C between a write and its bookkeeping → the next record is written over the
    last one, and what stands behind it is taken for a record.
    """

    breaks = frozenset({"JRN-12"})

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Note nothing."""
        yield


class FailedCloseKeepsTheLock(SmallJournal):
    """
    Lets go only if everything that it had to do before succeeded.

    I/O error in the last sync → nobody can open the journal before the process ends.
    """

    breaks = frozenset({"JRN-14"})

    def close(self) -> None:
        """Sync, then let go."""
        if self.closed:
            return
        self.before_closing()
        self.let_go()


# A forked process


class WrittenByAChild(SmallJournal):
    """
    Appends in whichever process it is asked to.

    Fork → parent and child acknowledge the same offset, and one of the two records is gone.
    """

    breaks = frozenset({"JRN-13"})

    def require_owner(self) -> None:
        """Know no owner."""
