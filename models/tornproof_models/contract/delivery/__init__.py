"""
The contract of a deferred queue: exactly once, or in the dead-letter queue (DRN-1).

- `facts`: what happened, and what one sees afterwards
- `judge`: the questions that name what is wrong
"""

from tornproof_models.contract.delivery.facts import (
    Appended,
    ChainRow,
    Counters,
    DeadLetter,
    Died,
    Drain,
    Fact,
    Fault,
    Mode,
    Outcome,
    Replayed,
    Seen,
    State,
    Struck,
    Submitted,
)
from tornproof_models.contract.delivery.judge import (
    JUDGES,
    JUDGES_AFTER_FAULTS,
    JUDGES_DRAIN,
    JUDGES_STATE,
    judge,
    judge_close,
    judge_drain,
)
from tornproof_models.contract.delivery.power_loss import (
    JUDGES_AFTER_POWER_LOSS,
    after_power_loss,
    judge_reopening,
)

__all__ = [
    "JUDGES",
    "JUDGES_AFTER_FAULTS",
    "JUDGES_AFTER_POWER_LOSS",
    "JUDGES_DRAIN",
    "JUDGES_STATE",
    "Appended",
    "ChainRow",
    "Counters",
    "DeadLetter",
    "Died",
    "Drain",
    "Fact",
    "Fault",
    "Mode",
    "Outcome",
    "Replayed",
    "Seen",
    "State",
    "Struck",
    "Submitted",
    "after_power_loss",
    "judge",
    "judge_close",
    "judge_drain",
    "judge_reopening",
]
