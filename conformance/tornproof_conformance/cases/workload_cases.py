"""
A crash of a workload as a case: looked at again, and shrunk to the fewest lost writes.
"""

import time
from itertools import islice

from attrs import evolve
from tornproof_models.contract.journal import Violation
from tornproof_models.contract.workload import symptom
from tornproof_models.crash.rounds import losses, with_less_lost
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.image_builder import Choice, bits
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import MARKS, SYNCS, Trace

from tornproof_conformance.cases.case import Problem, WorkloadCase
from tornproof_conformance.workload.workload_subject import WorkloadSubject

KILL = CLAIMED[0]
"""The crash model in which nothing that was written is lost."""

ATTEMPTS = 60
"""Images that shrinking looks at, at most."""


def space_of(subject: WorkloadSubject, case: WorkloadCase) -> ImageSpace:
    """Return what a crash may leave at the point of a case."""
    initial, events = subject.recorded.trace.initial, subject.recorded.trace.events
    crash_model = CRASH_MODELS[case.crash_model]
    floors, sector_bytes = crash_model.floors, subject.given.sector_bytes
    registers = Registers.of(initial, floors, sector_bytes=sector_bytes)
    registers.replay(events[: case.point])
    return ImageSpace(registers, crash_model)


def crashed(subject: WorkloadSubject, case: WorkloadCase) -> WorkloadSubject:
    """Return what a case crashes: a workload, or one of its recoveries."""
    return subject if case.recovery is None else subject.recoveries[case.recovery]


def shrink_workload(problem: Problem, subject: WorkloadSubject, seconds: float) -> Problem:
    """Give back what need not be lost, unit by unit, as long as the symptom stays."""
    until = time.monotonic() + seconds
    assert isinstance(problem.case, WorkloadCase)
    assert problem.finding is not None
    case, violation, output = problem.case, problem.violation, ""
    subject = crashed(subject, case)
    space, attempts, is_smaller = space_of(subject, case), ATTEMPTS, True
    while is_smaller:
        is_smaller = False
        for choice in islice(with_less_lost(space, case.choice), attempts):
            if time.monotonic() > until:
                break
            attempts -= 1
            seen = look(subject, space, case, choice)
            if seen is not None:
                case, (violation, output), is_smaller = evolve(case, choice=choice), seen, True
                break
    if subject.given.once_killed and case.crash_model == KILL and case.recovery is None:
        said = (output or problem.finding.error).rstrip()
        output = f"{said}\n{_killed(subject, case)}"
    earlier = evolve(case, point=_earliest(subject.recorded.trace, case, space))
    space = space_of(subject, earlier)
    kept = Choice(case.choice.kept & space.everything, case.choice.fillings)
    return _told(problem, evolve(earlier, choice=kept), space, violation, output)


def _killed(subject: WorkloadSubject, case: WorkloadCase) -> str:
    """Kill the workload for real at the point of a case, and say what comes of it."""
    killed = subject.kill(case.point)
    if killed is None:
        return "killed for real: not reached, the workload came to its end"
    answers, lines = killed
    for violation in subject.violations(answers, len(lines)):
        if symptom(violation) == case.symptom:
            return f"killed for real: the same, {violation.message}"
    return "killed for real: the commands say nothing of it; does the workload always do the same?"


def _earliest(trace: Trace, case: WorkloadCase, space: ImageSpace) -> int:
    """
    Return the earliest point at which the same crash leaves the same image.

    What came last, and was lost, need not have happened.  Marks and syncs must have.
    """
    kept = {space.versions[i].step for i in bits(case.choice.kept)}
    kept |= {space.versions[i].step for i, _ in case.choice.fillings}
    step = sum(not isinstance(event, MARKS) for event in trace.events[: case.point])
    point = case.point
    while point and not isinstance(trace.events[point - 1], (*MARKS, *SYNCS)):
        if step - 1 in kept or case.crash_model == KILL:
            break
        point, step = point - 1, step - 1
    return point


def look(
    subject: WorkloadSubject, space: ImageSpace, case: WorkloadCase, choice: Choice
) -> tuple[Violation, str] | None:
    """Look at one choice; return the violation with the symptom of a case, and what was said."""
    answers = subject.ask(space, choice, case.point).result()
    printed = len(subject.recorded.lines_before(case.point))
    for violation in subject.violations(answers, printed):
        if symptom(violation) == case.symptom:
            return violation, answers[-1].output
    return None


def _told(
    problem: Problem,
    case: WorkloadCase,
    space: ImageSpace,
    violation: Violation,
    output: str,
) -> Problem:
    assert problem.finding is not None
    before = problem.finding.inner or problem.finding
    after = evolve(
        before,
        violation=violation,
        crash_point=case.point,
        deviations=space.deviations(case.choice),
        difference=(space.everything & ~case.choice.kept).bit_count(),
        image=space.builder.build(case.choice),
        lost=tuple(losses(space, case.choice)),
        error=output or before.error,
    )
    if problem.finding.inner is not None:
        after = evolve(problem.finding, violation=violation, inner=after, error=after.error)
    return Problem(violation, case, after, problem.trace)
