"""
Decide which cases need an adapter that is recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tornproof_models.crash.program import Fail, KillAt
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import Case, ExerciseCase, ProgramCase
from tornproof_conformance.cases.exercises import RECORDED
from tornproof_conformance.power.recorded_subject import REPEATING, RecordedSubject


@contextmanager
def for_case(subject: Subject, case: Case) -> Iterator[Subject]:
    """
    Return the subject on which a case can be repeated, for the time of a `with`.

    A program that is crashed, or in which something fails, takes an adapter that is
    recorded, and so do some exercises; other cases, and other subjects, take none but
    themselves.
    """
    if (
        is_recorded(case)
        and isinstance(subject, AdapterSubject)
        and not isinstance(subject, RecordedSubject)
    ):
        every_store = isinstance(case, ProgramCase) and case.every_store
        with RecordedSubject.of(subject, every_store=every_store) as recorded:
            recorded.recordings = REPEATING
            yield recorded
    else:
        yield subject


def is_recorded(case: Case) -> bool:
    """Tell whether a case takes an adapter that is recorded."""
    match case:
        case ProgramCase():
            is_struck = any(isinstance(step, Fail | KillAt) for step in case.program)
            return case.crash_model is not None or is_struck
        case ExerciseCase(name):
            return name in RECORDED
        case _:
            return False
