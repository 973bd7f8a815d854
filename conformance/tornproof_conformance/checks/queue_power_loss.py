"""
Power loss, on the drainer of an adapter.

Its events wait and land once, recorded; then the power is cut wherever that could
matter, and the drainer goes on from what may be left.  That an admission is durable when
it is acknowledged, and a commit when somebody has seen it, rests on this.
"""

from tornproof_models.crash.subject import Target
from tornproof_models.disk.crash_models import CLAIMED

from tornproof_conformance.adapter.adapter_subject import AdapterTarget
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal, Unsupported
from tornproof_conformance.cases.case import ExerciseCase, Problem
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings
from tornproof_conformance.checks.power_loss import NO_TRACE
from tornproof_conformance.checks.queue_power_loss_cuts import cut_power

NAME = "queue-power-loss"

SHARE = 0.05
"""Part of the budget's time."""


def _power_loss(target: Target, budget: Budget) -> Findings:
    assert isinstance(target, AdapterTarget)
    clock = Clock.start(budget, SHARE)
    yield clock.progress(NAME, "recording a drainer")
    try:
        found, tried = cut_power(target, clock.until)
    except (*NO_TRACE, Refusal, Unsupported, ProcessFailed) as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)
    for violation in found:
        yield Problem(violation, ExerciseCase(NAME))
    words = (
        f"{tried.images:,} distinct images of {len(tried.crash_points):,} crashes of a drainer, "
        f"in the profile {CLAIMED[-1]}"
    )
    counts = {"crash_points": len(tried.crash_points), "images": tried.images}
    return Covered(words, counts, CLAIMED)


QUEUE_POWER_LOSS = Check(
    NAME,
    "events through the drainer, recorded, and the power cut everywhere",
    frozenset({"DRN-1", "DRN-3", "DRN-17"}),
    _power_loss,
)
