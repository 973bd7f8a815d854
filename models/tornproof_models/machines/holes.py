"""
Search for the guarantees that the v0.7 design cannot give.

For each hole there is a way in: which programs to look among, and which
violation to wait for.  The hunt does the rest.  The same program then goes
through the reference's durable mode, which must come out of it clean.

Two holes are the chain's (`chain_holes`), one the journal's and one the index's
(`storage_holes`).  `python -m tornproof_models.machines.holes` prints all the stories, the
same in every run.
"""

from collections.abc import Callable, Mapping
from functools import partial

from attrs import frozen

from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.journal import Violation
from tornproof_models.database_faults import Kind, When
from tornproof_models.machines.chain_holes import Story, tell_collision, tell_rewriting
from tornproof_models.machines.reference_queue import ReferenceQueue
from tornproof_models.machines.storage_holes import tell_half_an_audit, tell_truncation
from tornproof_models.miniatures.deferred_audit_v07 import DeferredAuditV07
from tornproof_models.queues.delivery_program import (
    Arm,
    AskDrain,
    Hold,
    Kill,
    Program,
    Step,
    Submit,
)
from tornproof_models.queues.fault_sweep import Finding, hunt, violations_of


@frozen
class Hole:
    """A hole of the design: what it is, and where to look for it."""

    id: str
    sentence: str
    among: Callable[[Program], bool]
    wanted: Callable[[Violation], bool]


def _strikes(program: Program) -> list[Kind]:
    return [step.strike.kind for step in program if isinstance(step, Arm)]


def _without_strikes(program: Program) -> bool:
    return not _strikes(program)


def _only(*kinds: Kind) -> Callable[[Program], bool]:
    return lambda program: sorted(_strikes(program)) == sorted(kinds)


def _with(step: Step) -> Callable[[Program], bool]:
    return lambda program: not _strikes(program) and step in program


def _says(requirement: str, *words: str) -> Callable[[Violation], bool]:
    return lambda violation: (
        violation.requirement == requirement and all(word in violation.message for word in words)
    )


def _panic_with_a_buffer(program: Program) -> bool:
    encodable = all(step.encodable for step in program if isinstance(step, Submit))
    return _only(Kind.PANIC)(program) and encodable


def _ambiguous_commit(program: Program) -> bool:
    strikes = [step.strike for step in program if isinstance(step, Arm)]
    return [(each.point, each.when) for each in strikes] == [("commit", When.AFTER)]


def _panic_and_drain(program: Program) -> bool:
    return _only(Kind.PANIC)(program) and AskDrain() in program


HOLES: tuple[Hole, ...] = (
    Hole(
        "H1",
        "A panic of the sink loses the receiver, and everything buffered behind it.",
        _panic_with_a_buffer,
        _says("DRN-1", "e2", "neither"),
    ),
    Hole("H2", "A crash loses everything queued.", _with(Kill()), _says("DRN-1", "neither")),
    Hole(
        "H3",
        "A COMMIT that reports an error and did commit puts the event in both tables.",
        _ambiguous_commit,
        _says("DRN-1", "in the chain and in the dead-letter queue"),
    ),
    Hole(
        "H4",
        "If the dead-letter queue refuses too, the event is dropped.",
        _only(Kind.NO_SUCH_COLUMN, Kind.BUSY),
        _says("DRN-1", "neither"),
    ),
    Hole(
        "H5",
        "After a panic a drain burns its whole timeout.",
        _panic_and_drain,
        _says("DRN-12", "given up"),
    ),
    Hole(
        "H6",
        "Closing waits for ever while any producer holds a handle.",
        _with(Hold()),
        _says("DRN-11"),
    ),
    Hole(
        "H7",
        "A dead letter raises two counters, one of which is a part of the other, so they do not "
        "partition.",
        _only(Kind.NO_SUCH_COLUMN),
        _says("DRN-13", "add up"),
    ),
    Hole(
        "H10",
        "The dead-letter queue keeps a hash and not the bytes, so nothing can be replayed.",
        _only(Kind.NO_SUCH_COLUMN),
        _says("DRN-15"),
    ),
    Hole(
        "H11",
        "With synchronous=NORMAL a power cut undoes an appended row.",
        _without_strikes,
        _says("DRN-17"),
    ),
    Hole(
        "H14",
        "An event that cannot be encoded kills the drainer.",
        _with(Submit(encodable=False)),
        _says("DRN-1", "e2"),
    ),
)


def find_hole(hole: Hole) -> Finding:
    """Let the machine find a hole in the v0.7 design, and shrink what it found."""
    finding = hunt(DeferredAuditV07, Mode.DURABLE, among=hole.among, wanted=hole.wanted)
    if finding is None:
        raise LookupError(f"{hole.id} was not found: the hunt looks too narrowly, or the model is")
    return finding


def reference_violations(program: Program) -> tuple[Violation, ...]:
    """Run the same program through the reference's durable mode."""
    return violations_of(program, partial(ReferenceQueue, Mode.DURABLE), Mode.DURABLE)


def tell(identifier: str) -> Story:
    """Tell a hole: the program, what it violates, and how the durable mode fares."""
    if identifier in STORIES:
        return STORIES[identifier]()
    hole = next(each for each in HOLES if each.id == identifier)
    finding = find_hole(hole)
    clean = reference_violations(finding.program)
    fares = "and violates nothing." if not clean else f"and does no better: {_listed(clean)}"
    return Story(
        hole.id,
        hole.sentence,
        "In the v0.7 design:",
        tuple(map(str, finding.program)),
        tuple(f"{each.requirement}: {each.message}" for each in finding.violations),
        f"The durable mode goes through the same steps {fares}",
    )


def _listed(violations: tuple[Violation, ...]) -> str:
    return "; ".join(f"{each.requirement}: {each.message}" for each in violations)


STORIES: Mapping[str, Callable[[], Story]] = {
    "H8": tell_collision,
    "H9": tell_rewriting,
    "H12": tell_truncation,
    "H13": tell_half_an_audit,
}
"""Those that are not the drainer's."""

IDENTIFIERS = tuple(f"H{number}" for number in range(1, 15))

if __name__ == "__main__":
    for identifier in IDENTIFIERS:
        print(f"**{identifier}.** {tell(identifier)}")
