"""
Which cases take an adapter that is recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tornproof_models.crash.program import Fail
from tornproof_models.crash.subject import Target

from tornproof_conformance.adapter.adapter_subject import AdapterTarget
from tornproof_conformance.cases.case import Case, ExerciseCase, ProgramCase
from tornproof_conformance.cases.exercises import RECORDED
from tornproof_conformance.power.recorded_subject import REPEATING, RecordedTarget


@contextmanager
def for_case(target: Target, case: Case) -> Iterator[Target]:
    """
    Return the target on which a case can be repeated, for the time of a `with`.

    A program that is crashed, or in which something fails, takes an adapter that is
    recorded, and so do some exercises; other cases, and other targets, take none but
    themselves.
    """
    if (
        is_recorded(case)
        and isinstance(target, AdapterTarget)
        and not isinstance(target, RecordedTarget)
    ):
        with RecordedTarget.of(target) as recorded:
            recorded.recordings = REPEATING
            yield recorded
    else:
        yield target


def is_recorded(case: Case) -> bool:
    """Tell whether a case takes an adapter that is recorded."""
    match case:
        case ProgramCase():
            return case.profile is not None or any(isinstance(s, Fail) for s in case.program)
        case ExerciseCase(name):
            return name in RECORDED
        case _:
            return False
