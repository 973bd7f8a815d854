"""
What a deferred queue owes: exactly once, or in the dead-letter queue (DRN-1).

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
    Violation,
)
from tornproof_models.contract.delivery.judge import judge, judge_close, judge_drain

__all__ = [
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
    "Violation",
    "judge",
    "judge_close",
    "judge_drain",
]
