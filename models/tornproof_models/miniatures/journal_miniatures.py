"""
All miniatures of a journal, by name.

`SMALL` is the twin of all of them: it differs from each in the one step that the
miniature gets wrong.  Those with a watermark have `SmallWatermark` for theirs.
"""

from collections.abc import Mapping

from attrs import frozen

from tornproof_models.crash.subject import JournalUnderTest, Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.miniatures.journal_damage import (
    ActsBeforeItDecides,
    ForeignFilesRemoved,
    MissingSegmentIgnored,
    ReadErrorIsTheEnd,
    SealedDamageCut,
    SegmentReadAtOnce,
    TemporaryFilesLeft,
)
from tornproof_models.miniatures.journal_directory import LinksFollowed
from tornproof_models.miniatures.journal_errors import (
    AppendRetried,
    FailedCloseKeepsTheLock,
    FragmentStays,
    FsyncResultIgnored,
    FsyncRetried,
    GoesOnAfterARollback,
    InterruptionForgotten,
    PoisonForgotten,
    WrittenByAChild,
)
from tornproof_models.miniatures.journal_framing import (
    BigEndianLength,
    CrcOfThePayloadOnly,
    HashOfAnotherKind,
    HashUnchecked,
    LengthOnTrust,
    NoChecksum,
    NoMaximum,
    PaddingSkipped,
    RefusedTooLate,
    ReservedBitsIgnored,
    ZeroLengthIsTheEnd,
    ZerosAreARecord,
)
from tornproof_models.miniatures.journal_fsync import (
    AcknowledgedBeforeFsync,
    BatchedIsEventual,
    CloseWithoutSync,
    DirectoryNotSynced,
    FsyncNowAndThen,
    NewerSyncedFirst,
    NextSegmentBeforeSync,
    ParentDirectoryNotSynced,
    SyncDoesNothing,
)
from tornproof_models.miniatures.journal_segments import (
    BasesRoundedUp,
    BoundaryUnchecked,
    DecimalNames,
    FrameSpansSegments,
    LockOutlivesItsHolder,
    NamesSortedAsText,
    NewestSegmentFirst,
    NoLock,
    OffByOneSearch,
    OffsetsPerSegment,
    OneErrorForAll,
    OversizeRecordRefused,
    OversizeRecordUnseen,
    StalePositionTrusted,
)
from tornproof_models.miniatures.journal_tail import (
    AppendsBehindATornTail,
    CleanPagesBelieved,
    CutNotSynced,
    CutUnreported,
    DamageSkipped,
    HeaderZeroedDuringRepair,
    ReadsPastTheEnd,
    SegmentDeletedWithTheCut,
    ShownBeforeDurable,
    StaleTailReused,
    TornTailRefused,
)
from tornproof_models.miniatures.journal_watermark import WATERMARKS
from tornproof_models.miniatures.small_journal import SmallJournal

MINIATURES: Mapping[str, type[SmallJournal]] = {
    # frames and checksums
    "big-endian-length": BigEndianLength,
    "crc-of-the-payload-only": CrcOfThePayloadOnly,
    "hash-of-another-kind": HashOfAnotherKind,
    "hash-unchecked": HashUnchecked,
    "no-checksum": NoChecksum,
    "length-on-trust": LengthOnTrust,
    "zeros-are-a-record": ZerosAreARecord,
    "zero-length-is-the-end": ZeroLengthIsTheEnd,
    "no-maximum": NoMaximum,
    "refused-too-late": RefusedTooLate,
    "reserved-bits-ignored": ReservedBitsIgnored,
    "padding-skipped": PaddingSkipped,
    # torn tails
    "torn-tail-refused": TornTailRefused,
    "reads-past-the-end": ReadsPastTheEnd,
    "damage-skipped": DamageSkipped,
    "appends-behind-a-torn-tail": AppendsBehindATornTail,
    "stale-tail-reused": StaleTailReused,
    "segment-deleted-with-the-cut": SegmentDeletedWithTheCut,
    "cut-unreported": CutUnreported,
    "cut-not-synced": CutNotSynced,
    "shown-before-durable": ShownBeforeDurable,
    "clean-pages-believed": CleanPagesBelieved,
    "header-zeroed-during-repair": HeaderZeroedDuringRepair,
    # damage, errors and strangers
    "sealed-damage-cut": SealedDamageCut,
    "acts-before-it-decides": ActsBeforeItDecides,
    "missing-segment-ignored": MissingSegmentIgnored,
    "read-error-is-the-end": ReadErrorIsTheEnd,
    "segment-read-at-once": SegmentReadAtOnce,
    "foreign-files-removed": ForeignFilesRemoved,
    "temporary-files-left": TemporaryFilesLeft,
    "links-followed": LinksFollowed,
    # promises and syncs
    "acknowledged-before-fsync": AcknowledgedBeforeFsync,
    "batched-is-eventual": BatchedIsEventual,
    "fsync-now-and-then": FsyncNowAndThen,
    "sync-does-nothing": SyncDoesNothing,
    "close-without-sync": CloseWithoutSync,
    "next-segment-before-sync": NextSegmentBeforeSync,
    "newer-synced-first": NewerSyncedFirst,
    "directory-not-synced": DirectoryNotSynced,
    "parent-directory-not-synced": ParentDirectoryNotSynced,
    # after an error
    "fsync-retried": FsyncRetried,
    "fsync-result-ignored": FsyncResultIgnored,
    "poison-forgotten": PoisonForgotten,
    "fragment-stays": FragmentStays,
    "append-retried": AppendRetried,
    "goes-on-after-a-rollback": GoesOnAfterARollback,
    "interruption-forgotten": InterruptionForgotten,
    "failed-close-keeps-the-lock": FailedCloseKeepsTheLock,
    "written-by-a-child": WrittenByAChild,
    # names, offsets, sizes, locks
    "offsets-per-segment": OffsetsPerSegment,
    "newest-segment-first": NewestSegmentFirst,
    "stale-position-trusted": StalePositionTrusted,
    "decimal-names": DecimalNames,
    "names-sorted-as-text": NamesSortedAsText,
    "bases-rounded-up": BasesRoundedUp,
    "off-by-one-search": OffByOneSearch,
    "boundary-unchecked": BoundaryUnchecked,
    "one-error-for-all": OneErrorForAll,
    "frame-spans-segments": FrameSpansSegments,
    "oversize-record-refused": OversizeRecordRefused,
    "oversize-record-unseen": OversizeRecordUnseen,
    "no-lock": NoLock,
    "lock-outlives-its-holder": LockOutlivesItsHolder,
    # the durable watermark
    **WATERMARKS,
}


@frozen
class MiniatureSubject:
    """A miniature, or the twin, as something that can be judged."""

    name: str
    journal: type[SmallJournal]

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Open the journal on a simulated disk."""
        return self.journal(filesystem, options)


SMALL = MiniatureSubject("small-journal", SmallJournal)
"""The correct twin."""
