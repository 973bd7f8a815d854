"""
Make a problem as small as it can be before anybody is asked to look at it.

Programs are shrunk, with their crashes; scenarios and vectors are as small as
somebody could think of, and machines leave shrinking to Hypothesis.
"""

from attrs import evolve
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Target
from tornproof_models.shrinking.counterexample import (
    ATTEMPTS,
    Counterexample,
    shrink,
    weakest_profile,
    witness,
)

from tornproof_conformance.cases.case import Case, Problem, ProgramCase, try_case


def shrink_problem(problem: Problem, target: Target, attempts: int | None = None) -> Problem:
    """
    Return the smallest problem with the same requirement that can be made of this one.

    The effort is bounded by a number of programs to try, which a target may set
    itself.  The problem comes back as it is if its case does not repeat it.
    """
    if attempts is None:
        attempts = getattr(target, "attempts", ATTEMPTS)
    if not isinstance(problem.case, ProgramCase):
        return problem
    shrunk = shrink(target, _counterexample(problem.case, problem.violation.requirement), attempts)
    if shrunk is None:
        return problem
    left = shrunk.counterexample
    case = evolve(problem.case, program=left.program, profile=left.profile)
    trace = run(case.program, target, case.options).filesystem.trace
    return Problem(shrunk.violation, case, shrunk.finding, trace)


def repeat(case: Case, requirement: str, target: Target) -> Problem | None:
    """Run a case again; return how the target violates the requirement, or none if it holds."""
    if isinstance(case, ProgramCase):
        seen = witness(target, _counterexample(case, requirement))
        return Problem(seen[0], case, seen[1]) if seen else None
    problems = try_case(case, target)
    return next((each for each in problems if each.violation.requirement == requirement), None)


def profile_of(case: Case) -> str | None:
    """Return the mildest profile that allows every crash of a case; none if nothing crashes."""
    if isinstance(case, ProgramCase):
        return weakest_profile(case.program, case.profile)
    return None


def _counterexample(case: ProgramCase, requirement: str) -> Counterexample:
    return Counterexample(case.program, case.options, requirement, case.profile, case.sector_bytes)
