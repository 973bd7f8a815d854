"""
Exercises of adapters that are recorded.
"""

from collections.abc import Sequence

from tornproof_models.crash.subject import Target

from tornproof_conformance.adapter.adapter_subject import AdapterTarget
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.checks import Covered, Findings
from tornproof_conformance.checks.power_loss import NO_TRACE
from tornproof_conformance.power.recorded_subject import RecordedTarget


def try_recorded(target: Target, exercises: Sequence[str], covered: Covered) -> Findings:
    """Put an adapter through exercises; where it cannot be recorded, nothing is said."""
    assert isinstance(target, AdapterTarget)
    try:
        with RecordedTarget.of(target) as recorded:
            for name in exercises:
                yield from try_case(ExerciseCase(name), recorded)
    except NO_TRACE as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)
    return covered
