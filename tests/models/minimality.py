"""What is left when a case is shrunk: nothing of it can be left out."""

from collections.abc import Iterator

from tornproof_models.contract.journal import History
from tornproof_models.crash.debt import advance
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.program import Program
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.image_builder import Choice, bits
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Trace
from tornproof_models.shrinking.counterexample import Counterexample, Shrunk

IMMEDIATE = Options()


EVENTUAL = Options(durability="eventual")


def harshness(crash_model: str | None) -> int:
    """Rank a crash model; no crash at all is milder than any."""
    return CRASH_MODELS[crash_model].harshness if crash_model else -1


def check_minimal(subject: Subject, shrunk: Shrunk) -> None:
    """Without any step, deviation, or harshness of the crash model, the requirement holds."""
    left = shrunk.counterexample
    for position in range(len(left.program)):
        shorter = (*left.program[:position], *left.program[position + 1 :])
        assert fails(subject, left, shorter, left.crash_model) is None, position
    if shrunk.finding is None:
        return
    assert left.crash_model is not None
    for milder in [name for name in CLAIMED if harshness(name) < harshness(left.crash_model)]:
        assert fails(subject, left, left.program, milder) is None, milder
    running = run(left.program, subject, left.options)
    check_deviations(subject, left, shrunk.finding, running.filesystem.trace, running.began)


def fails(
    subject: Subject, left: Counterexample, program: Program, crash_model: str | None
) -> Finding | str | None:
    """Tell how a program violates the requirement, as the checks themselves would."""
    running = run(program, subject, left.options)
    for violation in running.violations:
        if violation.requirement == left.requirement:
            return violation.message
    if running.violations or crash_model is None:
        return None
    explorer = Explorer(subject, left.options, CRASH_MODELS[crash_model])
    for finding in explorer.explore(running.filesystem.trace, before=running.began):
        if finding.violation.requirement == left.requirement:
            return finding
    return None


def check_deviations(
    subject: Subject, left: Counterexample, finding: Finding, trace: Trace, before: History
) -> None:
    """Undo each deviation of a crash, alone: what is left of the crash must be survived."""
    assert left.crash_model is not None
    crash_model = CRASH_MODELS[left.crash_model]
    registers, history = Registers.of(trace.initial, crash_model.floors), before
    for event in trace.events[: finding.crash_point]:
        registers.advance(event)
        history = advance(history, event)
    space = ImageSpace(registers, crash_model)
    choice = next(
        choice
        for choice in space.choices()
        if space.deviations(choice) == finding.deviations
        and space.builder.build(choice) == finding.image
    )
    undone = list(without_each_deviation(space, choice))
    assert len(undone) == finding.deviations
    for less in undone:
        survived = Explorer(subject, left.options, crash_model, depth=2 if finding.inner else 1)
        findings = survived.explore(Trace(space.builder.build(less), ()), before=history)
        worse = [
            each
            for each in findings
            if each.violation.requirement == left.requirement
            and deviations(each) + finding.deviations - 1 < deviations(finding)
        ]
        assert worse == []
    if finding.inner:
        recovered = recover(subject, left.options, ModelFilesystem(finding.image))
        assert recovered.records is not None
        inner_before = History(settled=recovered.records)
        check_deviations(subject, left, finding.inner, recovered.trace, inner_before)


def deviations(finding: Finding) -> int:
    """Count the deviations of a crash, and of one in the recovery from it."""
    return finding.deviations + (deviations(finding.inner) if finding.inner else 0)


def without_each_deviation(space: ImageSpace, choice: Choice) -> Iterator[Choice]:
    """Yield a choice without one of its fillings, or of its losses and all that hung on it."""
    lost = space.everything & ~choice.kept
    roots = {
        space.below[i] & space.above[i]: i
        for i in bits(lost)
        if not space.below[i] & ~space.above[i] & lost
    }
    for filling in choice.fillings:
        yield Choice(choice.kept, tuple(each for each in choice.fillings if each != filling))
    for root in roots.values():
        others = 0
        for other in roots.values():
            others |= space.above[other] if other != root else 0
        kept = space.everything & ~others
        fillings = tuple(pair for pair in choice.fillings if not kept >> pair[0] & 1)
        yield Choice(kept, fillings)
