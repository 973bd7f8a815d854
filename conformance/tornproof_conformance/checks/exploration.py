"""
Explore every small program, crash point and image in every crash model.

Programs come in order of length and crash models from mild to harsh, so the first
program that violates a requirement is a shortest one, and the crash model in which
it does is the weakest that suffices.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, product

from attrs import evolve, frozen
from tornproof_models.contract import journal
from tornproof_models.crash import findings
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Append, Kill, Program, Reopen, Rotate, Step, Sync
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS

from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.checks import Budget, Check, Covered, Findings, count_images, counted
from tornproof_conformance.checks.claimed_programs import BROUGHT
from tornproof_conformance.specification.claims import ALONE
from tornproof_conformance.stream.run_events import Progress

ALPHABET: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())
"""
The operations that programs are made of.

The segments have 512 bytes, as the sectors do: the small record shares a sector
with its neighbours, the large one is larger than a segment and spans sectors.
"""

ROOMY: tuple[Step, ...] = (Append(472), Append(24), Sync(), Kill())
"""
A second alphabet, for segments of 4,096 bytes that hold several sectors.

The larger record fills a sector, so a hole may be followed by a valid frame.
"""

DURABILITIES = ("immediate", "eventual")


@frozen
class Round:
    """Programs to explore in the same way."""

    crash_model: str
    options: Options
    programs: tuple[Program, ...]


def rounds(
    operations: int, crash_models: Sequence[str] = CLAIMED, claims: Collection[str] = ()
) -> list[Round]:
    """
    List what is explored, from the mildest crash model to the harshest.

    `claims` bring programs of their own.
    """
    own = tuple(
        program
        for claim in sorted(claims)
        for program in chain.from_iterable(BROUGHT.get(claim, ()))
    )
    small = tuple(programs(ALPHABET, operations))
    roomy = tuple(programs(ROOMY, max(operations - 1, 1)))
    return [
        Round(crash_model, Options(segment_bytes, durability), workload)
        for crash_model in crash_models
        for durability in DURABILITIES
        for segment_bytes, workload in ((512, small), (4096, roomy + own))
    ]


def programs(alphabet: Sequence[Step], operations: int) -> Iterator[Program]:
    """Yield every program of up to so many operations, the shortest first."""
    for length in range(1, operations + 1):
        yield from product(alphabet, repeat=length)


def _claims_of(subject: Subject) -> frozenset[str]:
    """Return what a subject claims; what makes no claims has what every journal has."""
    return getattr(subject, "claims", frozenset())


def not_claimed(subject: Subject) -> frozenset[str]:
    """Name the requirements on operations that a subject does not claim to have."""
    return frozenset(
        each for each in journal.JUDGES_CLAIMED if ALONE[each] not in _claims_of(subject)
    )


def _explore(subject: Subject, budget: Budget) -> Findings:
    covered, done = Coverage(), 0
    todo = rounds(budget.operations, budget.crash_models, _claims_of(subject))
    total = sum(len(each.programs) for each in todo)
    known: set[str] = set()
    for each in todo:
        explorer = Explorer(subject, each.options, CRASH_MODELS[each.crash_model])
        for program in each.programs:
            if done % 25 == 0:
                images = covered.images + explorer.coverage.images
                detail = f"{each.crash_model}, {each.options.durability}: {images:,} images"
                yield Progress("exploration", done, total, detail, images)
            done += 1
            for problem in _explore_program(subject, program, explorer):
                if problem.violation.requirement not in known:
                    known.add(problem.violation.requirement)
                    yield problem
        covered.add(explorer.coverage)
    words = (
        f"{covered}, of every program of up to {budget.operations} operations, in "
        f"{counted(len(budget.crash_models), 'crash model')}, two crashes deep; "
        f"{covered.recovered:,} distinct recoveries"
    )
    return Covered(words, {"programs": total, **count_images(covered)}, budget.crash_models)


def _explore_program(subject: Subject, program: Program, explorer: Explorer) -> Iterator[Problem]:
    case = ProgramCase(program, explorer.options, explorer.crash_model.name)
    running = run(program, subject, explorer.options)
    for violation in running.violations:
        yield Problem(violation, evolve(case, crash_model=None))
    if not running.violations:
        for finding in explorer.explore(running.filesystem.trace):
            yield Problem(finding.violation, case, finding)


EXPLORATION = Check(
    "exploration",
    "every small program, crashed everywhere, in every crash model",
    journal.JUDGES | journal.JUDGES_CLAIMED | findings.JUDGES,
    _explore,
    not_claimed,
)
