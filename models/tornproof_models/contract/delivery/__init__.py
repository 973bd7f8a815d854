"""
The contract of a deferred queue: exactly once, or in the dead-letter queue (DRN-1).

- `facts`: what happened, and what one sees afterwards
- `case`: a history and a state, with what several questions need of them
- `counting`: whether the counters are right
- `stakes`: which requirements a look at a queue could have shown violated
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
    FEWEST_RACES,
    JUDGES,
    JUDGES_AFTER_FAULTS,
    JUDGES_DRAIN,
    JUDGES_STATE,
    LANDS_TWICE,
    LOST_WITH_A_PROCESS,
    MAX_RACES,
    SHOWS_ANOTHER,
    judge,
    judge_close,
    judge_drain,
    judge_races,
)
from tornproof_models.contract.delivery.power_loss import (
    JUDGES_AFTER_POWER_LOSS,
    after_power_loss,
    judge_reopening,
)

__all__ = [
    "FEWEST_RACES",
    "JUDGES",
    "JUDGES_AFTER_FAULTS",
    "JUDGES_AFTER_POWER_LOSS",
    "JUDGES_DRAIN",
    "JUDGES_STATE",
    "LANDS_TWICE",
    "LOST_WITH_A_PROCESS",
    "MAX_RACES",
    "SHOWS_ANOTHER",
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
    "judge_races",
    "judge_reopening",
]
