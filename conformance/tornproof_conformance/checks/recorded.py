"""
Put an adapter through exercises while it is recorded.
"""

from collections.abc import Sequence

from tornproof.errors import Invalid
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.checks import Budget, Covered, Findings
from tornproof_conformance.power.copied_files import require_copies
from tornproof_conformance.power.recorded_session import CannotTrace
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.recorder.lines import Unreadable
from tornproof_conformance.recorder.result import RecordingDiffers
from tornproof_conformance.recorder.strace import CannotRecord

NO_TRACE = (CannotRecord, CannotTrace, RecordingDiffers, Unreadable)
"""Why an implementation cannot be judged by what it does on a disk."""


def try_recorded(
    subject: Subject, exercises: Sequence[str], words: str, budget: Budget
) -> Findings:
    """Put an adapter through exercises that lose power; where it cannot be recorded, say so."""
    assert isinstance(subject, AdapterSubject)
    arguments = arguments_of(budget.crash_models)
    try:
        with RecordedSubject.of(subject) as recorded:
            if "journal/core" in subject.claims:
                require_copies(recorded)
            for name in exercises:
                yield from try_case(ExerciseCase(name, arguments), recorded)
    except NO_TRACE as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)
    return Covered(words, crash_models=budget.crash_models, notes=tuple(recorded.warnings))


def arguments_of(crash_models: tuple[str, ...]) -> tuple[str, ...]:
    """Return what an exercise is told: the crash models, unless they are those of every check."""
    return () if crash_models == CLAIMED else crash_models


def crash_models_of(arguments: Sequence[str]) -> tuple[str, ...]:
    """Read the crash models that an exercise is given.  Raises `Invalid` for an unknown one."""
    for name in arguments:
        if name not in CRASH_MODELS:
            raise Invalid(f"no crash model {name!r}: there are {', '.join(CRASH_MODELS)}")
    return tuple(arguments) or CLAIMED
