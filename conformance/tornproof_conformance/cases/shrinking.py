"""
Shrink a problem before it is reported.

Programs are shrunk, with their crashes, and exercises that are steps; scenarios and vectors
are as small as somebody could think of, and machines leave shrinking to Hypothesis.
"""

import time
from math import inf

from attrs import evolve
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Subject
from tornproof_models.shrinking.counterexample import (
    ATTEMPTS,
    Counterexample,
    mildest_crash_model,
    shrink,
    witness,
)

from tornproof_conformance.cases.case import (
    Case,
    ExerciseCase,
    Problem,
    ProgramCase,
    WorkloadCase,
    try_case,
)
from tornproof_conformance.cases.exercises import STEPPED
from tornproof_conformance.cases.workload_cases import shrink_workload
from tornproof_conformance.workload.workload_subject import WorkloadSubject


def shrink_problem(
    problem: Problem, subject: Subject, attempts: int | None = None, *, seconds: float = inf
) -> Problem:
    """
    Return the smallest problem with the same requirement that can be made of this one.

    The effort is bounded by a number of programs to try, which a subject may set
    itself, and by a time in seconds.  The problem comes back as it is if its case does not
    repeat it.
    """
    if attempts is None:
        attempts = getattr(subject, "attempts", ATTEMPTS)
    if isinstance(problem.case, WorkloadCase) and isinstance(subject, WorkloadSubject):
        return shrink_workload(problem, subject, seconds)
    if isinstance(problem.case, ExerciseCase) and problem.case.exercise in STEPPED:
        return _leave_steps_out(problem, problem.case, subject, attempts, seconds)
    if not isinstance(problem.case, ProgramCase):
        return problem
    found = _counterexample(problem.case, problem.violation.requirement)
    shrunk = shrink(subject, found, attempts, seconds=seconds)
    if shrunk is None:
        return problem
    left = shrunk.counterexample
    case = evolve(problem.case, program=left.program, crash_model=left.crash_model)
    trace = run(case.program, subject, case.options).filesystem.trace
    return Problem(shrunk.violation, case, shrunk.finding, trace)


def _leave_steps_out(
    problem: Problem, case: ExerciseCase, subject: Subject, attempts: int, seconds: float
) -> Problem:
    """Leave out what a violation does not need: half of the steps, then fewer at a time."""
    until = time.monotonic() + seconds
    steps, size, tries = case.arguments, max(len(case.arguments) // 2, 1), 0
    while size:
        at = len(steps) - size
        while at >= 0 and tries < attempts and time.monotonic() < until:
            fewer = (*steps[:at], *steps[at + size :])
            again = repeat(evolve(case, arguments=fewer), problem.violation.requirement, subject)
            if again:
                problem, steps = again, fewer
            at -= size
            tries += 1
        size //= 2
    return problem


def repeat(case: Case, requirement: str, subject: Subject) -> Problem | None:
    """Run a case again; return how the subject violates the requirement, or none if it holds."""
    if isinstance(case, ProgramCase):
        seen = witness(subject, _counterexample(case, requirement))
        return Problem(seen[0], case, seen[1]) if seen else None
    problems = try_case(case, subject)
    return next((each for each in problems if each.violation.requirement == requirement), None)


def crash_model_of(case: Case) -> str | None:
    """Return the mildest crash model that allows every crash of a case; none if nothing crashes."""
    if isinstance(case, WorkloadCase):
        return case.crash_model
    if isinstance(case, ProgramCase):
        return mildest_crash_model(case.program, case.crash_model)
    return None


def _counterexample(case: ProgramCase, requirement: str) -> Counterexample:
    return Counterexample(
        case.program, case.options, requirement, case.crash_model, case.sector_bytes
    )
