"""All miniatures of a job queue, by name, and the correct variants."""

from collections.abc import Mapping

from tornproof_models.miniatures.job_queue_ending import (
    BuriesWithoutReading,
    CompletesForTheDead,
    CompletesWithoutLooking,
    KeepsCompletionsInMemory,
    RetriesAndRequeues,
    WritesTheEffectApart,
)
from tornproof_models.miniatures.job_queue_failures import (
    BuriesTheFirstFailure,
    BuriesWithoutAReason,
    DropsWhatFailed,
    RetriesForEver,
    WaitsBehindTheBad,
)
from tornproof_models.miniatures.job_queue_handing_in import (
    AcknowledgesBeforeSync,
    ChecksThenInserts,
    CompletesBeforeSync,
    FreesTheKey,
    InsertsOnAConnectionOfItsOwn,
    KeepsJobsInMemory,
    WritesJobAndRowApart,
)
from tornproof_models.miniatures.job_queue_leases import (
    FreesEverythingOnOpening,
    LeasesWithoutCounting,
    LocksBySession,
    LocksForEver,
    RenewsForTheDead,
    StopsSilently,
    TendsNothing,
)
from tornproof_models.miniatures.job_queue_taking import (
    CountsTheLeaseFromTheEnqueue,
    CutsNamesShort,
    PopsThenMarks,
    RemovesBeforeDelivery,
    SelectsThenUpdates,
    StartsWhatMayHaveRun,
    TakesTheNewest,
)
from tornproof_models.miniatures.job_queue_variants import (
    CountsDeathsApart,
    DeliversAtMostOnce,
    ForgetsWhatIsDone,
    FreesItsOwnOnReopening,
    PutsFailuresAtTheEnd,
    RefusesEveryLateCompletion,
    TakesAnyReady,
    WaitsForTheOperator,
    WorksBesideTheTable,
)
from tornproof_models.miniatures.small_job_queue import SmallJobQueue

MINIATURES: Mapping[str, type[SmallJobQueue]] = {
    kind.name: kind
    for kind in (
        CutsNamesShort,
        PopsThenMarks,
        RemovesBeforeDelivery,
        CompletesForTheDead,
        KeepsJobsInMemory,
        StartsWhatMayHaveRun,
        WritesTheEffectApart,
        RetriesAndRequeues,
        BuriesWithoutReading,
        KeepsCompletionsInMemory,
        SelectsThenUpdates,
        CountsTheLeaseFromTheEnqueue,
        FreesEverythingOnOpening,
        LocksBySession,
        CompletesWithoutLooking,
        LocksForEver,
        RenewsForTheDead,
        TendsNothing,
        RetriesForEver,
        BuriesTheFirstFailure,
        DropsWhatFailed,
        BuriesWithoutAReason,
        LeasesWithoutCounting,
        StopsSilently,
        WaitsBehindTheBad,
        TakesTheNewest,
        WritesJobAndRowApart,
        InsertsOnAConnectionOfItsOwn,
        ChecksThenInserts,
        FreesTheKey,
        AcknowledgesBeforeSync,
        CompletesBeforeSync,
    )
}
"""In the order of the sentences that they break."""

VARIANTS: Mapping[str, type[SmallJobQueue]] = {
    kind.name: kind
    for kind in (
        SmallJobQueue,
        DeliversAtMostOnce,
        WorksBesideTheTable,
        WaitsForTheOperator,
        CountsDeathsApart,
        PutsFailuresAtTheEnd,
        TakesAnyReady,
        ForgetsWhatIsDone,
        RefusesEveryLateCompletion,
        FreesItsOwnOnReopening,
    )
}
"""Queues that keep all that they claim, each in a way of its own."""
