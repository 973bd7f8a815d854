"""All miniatures of an audit index, by name."""

from collections.abc import Mapping

from tornproof_models.miniatures.audit_queries import (
    ExclusiveUpperBound,
    HasByPrefix,
    HexadecimalAgents,
    LittleEndianTimestamp,
    NegativeLimitCounts,
    NeighbourInTheScan,
    NoBoundIsTheLargestNumber,
    OnePage,
    RecentAscending,
    RecentByFullScan,
    SeparatorParsing,
    UnknownIdGivesTheNext,
    UnstableTies,
    ZeroIsNoBound,
    ZeroLimitMeansAll,
)
from tornproof_models.miniatures.audit_writes import (
    AcknowledgedBeforeCommit,
    AnonymousUnderZeros,
    ConflictPassedOver,
    FoldsNames,
    IndexWithoutRecord,
    InsertionOrder,
    LooksBeforeItWrites,
    OverwriteOnSameId,
    RecordWithoutIndex,
    RoundedConfidence,
    TakesWhatItIsGiven,
)
from tornproof_models.miniatures.indexer_miniatures import (
    PassesOverBadRecords,
    PositionAfterEntries,
    PositionBeforeEntries,
    TakesAnyJournal,
)
from tornproof_models.miniatures.small_audit import SmallAuditStore, SmallIndexer

MINIATURES: Mapping[str, type[SmallAuditStore]] = {
    "hexadecimal-agents": HexadecimalAgents,
    "little-endian-timestamp": LittleEndianTimestamp,
    "separator-parsing": SeparatorParsing,
    "exclusive-upper-bound": ExclusiveUpperBound,
    "no-bound-is-the-largest-number": NoBoundIsTheLargestNumber,
    "neighbour-in-the-scan": NeighbourInTheScan,
    "recent-ascending": RecentAscending,
    "unstable-ties": UnstableTies,
    "recent-by-full-scan": RecentByFullScan,
    "has-by-prefix": HasByPrefix,
    "unknown-id-gives-the-next": UnknownIdGivesTheNext,
    "zero-limit-means-all": ZeroLimitMeansAll,
    "zero-is-no-bound": ZeroIsNoBound,
    "negative-limit-counts": NegativeLimitCounts,
    "one-page": OnePage,
    "rounded-confidence": RoundedConfidence,
    "folds-names": FoldsNames,
    "insertion-order": InsertionOrder,
    "takes-what-it-is-given": TakesWhatItIsGiven,
    "looks-before-it-writes": LooksBeforeItWrites,
    "record-without-index": RecordWithoutIndex,
    "index-without-record": IndexWithoutRecord,
    "overwrite-on-same-id": OverwriteOnSameId,
    "conflict-passed-over": ConflictPassedOver,
    "anonymous-under-zeros": AnonymousUnderZeros,
    "acknowledged-before-commit": AcknowledgedBeforeCommit,
}

INDEXERS: Mapping[str, type[SmallIndexer]] = {
    "position-before-entries": PositionBeforeEntries,
    "position-after-entries": PositionAfterEntries,
    "passes-over-bad-records": PassesOverBadRecords,
    "takes-any-journal": TakesAnyJournal,
}
