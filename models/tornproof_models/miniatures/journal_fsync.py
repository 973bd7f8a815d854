"""
Journals that acknowledge without a sync, or sync in the wrong order.

No test that kills a process finds one of these: the page cache survives it.
"""

from contextlib import suppress

from tornproof.filesystem import Filesystem

from tornproof_models.crash.subject import Options
from tornproof_models.miniatures.small_journal import SmallJournal

# Promised too early


class AcknowledgedBeforeFsync(SmallJournal):
    """
    Returns the offset and leaves the fsync to the next rotation, sync or close.

    Power lost → acknowledged records are gone.
    Source: etcd-io/etcd#14370 (2022).
    """

    breaks = frozenset({"JRN-3", "JRN-10"})

    def acknowledge(self) -> None:
        """Promise now."""


class BatchedIsEventual(SmallJournal):
    """
    Under `batched`, leaves the fsync to a group commit that nobody has set up.

    Power lost → acknowledged records are gone.
    """

    breaks = frozenset({"JRN-3", "JRN-10"})

    def acknowledge(self) -> None:
        """Promise now, unless every record is to have a sync of its own."""
        if self.options.durability == "immediate":
            super().acknowledge()


class FsyncNowAndThen(SmallJournal):
    """
    Syncs at every eighth append.

    Power lost → up to seven acknowledged records are gone.
    Source: nats-io/nats-server#7564 (2025).
    """

    breaks = frozenset({"JRN-3", "JRN-10"})

    def __init__(self, filesystem: Filesystem, options: Options) -> None:
        self.appends = 0
        super().__init__(filesystem, options)

    def acknowledge(self) -> None:
        """Promise now, and keep it by and by."""
        self.appends += 1
        if self.appends % 8 == 0:
            super().acknowledge()


class SyncDoesNothing(SmallJournal):
    """
    Has a sync that returns.

    Power lost → what was accepted before the sync is gone.
    """

    breaks = frozenset({"JRN-7", "JRN-10", "JRN-13"})

    def sync(self) -> None:
        """Leave it to the kernel, which writes everything within half a minute or so."""


class CloseWithoutSync(SmallJournal):
    """
    Closes its file, which makes nothing durable.

    Power lost after an orderly end → what was accepted is gone.
    Source: vesoft-inc/nebula#820 (2019).
    """

    breaks = frozenset({"JRN-11", "REC-4"})

    def close(self) -> None:
        """Let go."""
        if not self.closed:
            self.let_go()


# In the wrong order


class NextSegmentBeforeSync(SmallJournal):
    """
    Makes the next segment before it has synced the one before.

    Reordering → the new segment is there and the end of the old one is not: does not open.
    Source: dgraph-io/badger#153 (2017), found with ALICE.
    """

    breaks = frozenset({"JRN-11", "REC-1", "SEG-4"})

    def start_segment(self) -> None:
        """Make the next one first."""
        previous, self.active = self.active, None
        super().start_segment()
        if previous is not None:
            previous.sync()


class NewerSyncedFirst(SmallJournal):
    """
    Lets a sync cover all segments that need it, and begins with the newest.

    Reordering → the newest records are there and older ones are not: does not open.
    Source: facebook/rocksdb#12489 (2024).
    """

    breaks = frozenset({"REC-1", "SEG-4"})

    def __init__(self, filesystem: Filesystem, options: Options) -> None:
        self.unsynced: list[int] = []
        super().__init__(filesystem, options)

    def seal(self) -> None:
        """Put it off."""
        if self.active is not None:
            self.unsynced.append(self.last)

    def barrier(self) -> None:
        """Sync the active segment, then the others."""
        super().barrier()
        while self.unsynced:
            self.filesystem.open(self.path(self.unsynced[-1])).sync()
            self.unsynced.pop()


# Names


class DirectoryNotSynced(SmallJournal):
    """
    Syncs its files and not the directory that names them.

    Reordering → a durable record in a file without a name.
    Source: facebook/rocksdb#10573 (2022).
    """

    breaks = frozenset({"JRN-3", "JRN-4", "JRN-10", "JRN-11", "REC-4", "REC-8", "SEG-4"})

    def publish(self) -> None:
        """Let the file's own sync do."""


class ParentDirectoryNotSynced(SmallJournal):
    """
    Makes its directory and does not sync the one above.

    Reordering → the whole journal is gone.
    Source: redis/redis#10737 (2022).
    """

    breaks = frozenset({"JRN-3", "JRN-10", "JRN-11", "REC-4", "REC-8"})

    def make_directory(self) -> None:
        """Make it if it is not there."""
        with suppress(FileExistsError):
            self.filesystem.make_directory(self.directory)
