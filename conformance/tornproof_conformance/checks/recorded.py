"""
Put an adapter through exercises while it is recorded.
"""

from collections.abc import Sequence

from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.checks import Covered, Findings
from tornproof_conformance.power.recorded_session import CannotTrace
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.recorder.lines import Unreadable
from tornproof_conformance.recorder.result import RecordingDiffers
from tornproof_conformance.recorder.strace import CannotRecord

NO_TRACE = (CannotRecord, CannotTrace, RecordingDiffers, Unreadable)
"""Why an implementation cannot be judged by what it does on a disk."""


def try_recorded(subject: Subject, exercises: Sequence[str], covered: Covered) -> Findings:
    """Put an adapter through exercises; where it cannot be recorded, nothing is said."""
    assert isinstance(subject, AdapterSubject)
    try:
        with RecordedSubject.of(subject) as recorded:
            for name in exercises:
                yield from try_case(ExerciseCase(name), recorded)
    except NO_TRACE as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)
    return covered
