"""
The phase of a store's life in which a problem shows, and the crash model it needs.
"""

from tornproof_models.crash.program import Fail
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.trace import Image, Observed, Trace

from tornproof_conformance.cases.case import Problem, ProgramCase, WorkloadCase

CREATED = "created"
"""The store was being made: until it was opened for the first time."""

LATER = "later"
IN_RECOVERY = "in recovery"
AFTER_FAILED_CALL = "after a failed call"


def phase_of(problem: Problem) -> str:
    """Tell in which phase of a store's life a problem shows."""
    case, finding = problem.case, problem.finding
    if not isinstance(case, ProgramCase):
        return LATER
    if any(isinstance(step, Fail) for step in case.program):
        return AFTER_FAILED_CALL
    if finding is None:
        return LATER
    if finding.inner is not None:
        return IN_RECOVERY
    if problem.trace is not None and finding.crash_point <= _created(problem.trace):
        return CREATED
    return LATER


def _created(trace: Trace) -> int:
    """Return how many events it took to make the store; 0 if it was there before."""
    if trace.initial != Image():
        return 0
    events = enumerate(trace.events)
    return next((number for number, each in events if isinstance(each, Observed)), 0)


def symptom_of(problem: Problem) -> str:
    """Return what tells findings of one requirement apart; empty where the phase is enough."""
    return problem.case.symptom if isinstance(problem.case, WorkloadCase) else ""


def harshness_of(problem: Problem) -> int:
    """Return how harsh the crash model of a problem is; without a crash it is the mildest."""
    case = problem.case
    crash_model = case.crash_model if isinstance(case, ProgramCase | WorkloadCase) else None
    return -1 if crash_model is None else CRASH_MODELS[crash_model].harshness
