"""All miniatures of a drainer, by name."""

from collections.abc import Mapping

from tornproof_models.miniatures.drainer_ending import (
    CountsTwice,
    DeadLettersWithoutBytes,
    DeadLettersWithoutReason,
    DrainsInVain,
    DrainsTooEarly,
    EncodesInTheDrainer,
    LosesTheTailOnClose,
    ReplaysInTwoTransactions,
    ReplaysTwice,
    ReplaysWithANewTimestamp,
    WaitsForProducers,
)
from tornproof_models.miniatures.drainer_landing import (
    AcknowledgesBeforeSpooling,
    CommitsWithoutSyncing,
    DeadLettersWhenBusy,
    DeadLettersWithoutLooking,
    DropsWhenDeadLettersRefuse,
    KeepsAStaleHead,
    LeavesAGap,
    LetsOthersOvertake,
    LosesTheBuffer,
    LosesTheEventInFlight,
    MintsAnIdForEachAttempt,
    MovesTheCursorApart,
    MovesTheCursorFirst,
    ReadsTheMessage,
    RemovesBeforeLanding,
    RetriesForEver,
    TreatsAmbiguousCommitAsLanded,
)
from tornproof_models.miniatures.small_drainer import SmallDrainer

MINIATURES: Mapping[str, type[SmallDrainer]] = {
    kind.name: kind
    for kind in (
        DeadLettersWithoutLooking,
        TreatsAmbiguousCommitAsLanded,
        MintsAnIdForEachAttempt,
        LosesTheEventInFlight,
        LosesTheBuffer,
        DropsWhenDeadLettersRefuse,
        RemovesBeforeLanding,
        AcknowledgesBeforeSpooling,
        KeepsAStaleHead,
        RetriesForEver,
        ReadsTheMessage,
        DeadLettersWhenBusy,
        LeavesAGap,
        LetsOthersOvertake,
        MovesTheCursorFirst,
        MovesTheCursorApart,
        CommitsWithoutSyncing,
        DeadLettersWithoutBytes,
        DeadLettersWithoutReason,
        ReplaysTwice,
        ReplaysInTwoTransactions,
        ReplaysWithANewTimestamp,
        DrainsTooEarly,
        DrainsInVain,
        LosesTheTailOnClose,
        WaitsForProducers,
        CountsTwice,
        EncodesInTheDrainer,
    )
}
