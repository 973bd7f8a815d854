"""
How much memory it takes an adapter to open a journal.
"""

from tornproof_models.crash.subject import Target

from tornproof_conformance.adapter.speaking.resources import is_measurable
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.recovery_memory import LONG, RECORD_BYTES
from tornproof_conformance.stream.run_events import Progress

NAME = "memory"
ONLY = frozenset({"REC-9"})


def _memory(target: Target, _: Budget) -> Findings:
    if not is_measurable():
        return Covered("nothing: this system does not say what its processes take")
    yield Progress(NAME, 0, 1, "opening a long journal")
    yield from try_case(ExerciseCase("memory"), target)
    return Covered(f"a journal of {LONG * RECORD_BYTES >> 20} MiB, opened and watched")


MEMORY = Check(
    NAME,
    "the memory that opening a long journal takes",
    ONLY,
    _memory,
    lambda _: frozenset() if is_measurable() else ONLY,
)
