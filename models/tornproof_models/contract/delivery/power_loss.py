"""
Name what a drainer violates when it goes on after a loss of power.
"""

from tornproof_models.contract.delivery.judge import (
    JUDGES_COUNTERS,
    JUDGES_DRAIN,
    LOST_WITH_A_PROCESS,
)
from tornproof_models.contract.journal import Violation

JUDGES_AFTER_POWER_LOSS = frozenset({"DRN-1", "DRN-3", "DRN-17"})
"""The requirements that a loss of power can show violated."""


def after_power_loss(found: Violation) -> Violation | None:
    """
    Return what a violation is called if it shows after a loss of power.

    An admitted event that is gone was not durable when it was acknowledged (DRN-3).  Wrong
    counters (DRN-13) only repeat that, so they are left out.
    """
    if found.requirement in JUDGES_COUNTERS:
        return None
    is_lost = found.cause == LOST_WITH_A_PROCESS or found.requirement in JUDGES_DRAIN
    return Violation("DRN-3", found.message) if is_lost else found


def judge_reopening(error: str) -> Violation:
    """Judge a queue that does not open, or go on, after a loss of power."""
    return Violation("DRN-3", f"the drainer does not go on from what is left: {error}")
