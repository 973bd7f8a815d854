"""
Everything small: every program, every crash, every image, every profile.

Programs come in order of length and profiles from mild to harsh, so the first
program that violates a requirement is a shortest one, and the profile in which
it does is the weakest that suffices.
"""

from collections.abc import Iterator
from itertools import product

from attrs import evolve
from tornproof_models.disk.profiles import CLAIMED, PROFILES
from tornproof_models.explore.explorer import Coverage, Explorer
from tornproof_models.explore.workload import (
    Append,
    Options,
    Program,
    Reopen,
    Rotate,
    Step,
    Sync,
    Target,
    run,
)

from tornproof_conformance.cases import Problem, ProgramCase
from tornproof_conformance.checks import Budget, Check, Findings
from tornproof_conformance.events import Progress

ALPHABET: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())
"""
The operations that programs are made of.

The segments have 512 bytes, as the sectors do: the small record shares a sector
with its neighbours, the large one is larger than a segment and spans sectors.
"""

DURABILITIES = ("immediate", "eventual")


def programs(operations: int) -> Iterator[Program]:
    """Yield every program of up to so many operations, the shortest first."""
    for length in range(1, operations + 1):
        yield from product(ALPHABET, repeat=length)


def _explore(target: Target, budget: Budget) -> Findings:
    covered = Coverage()
    workload = list(programs(budget.operations))
    rounds = list(product(CLAIMED, DURABILITIES))
    for number, (profile, durability) in enumerate(rounds):
        options = Options(durability=durability)
        explorer = Explorer(target, options, PROFILES[profile])
        known: set[str] = set()
        for position, program in enumerate(workload):
            if position % 25 == 0:
                done = number * len(workload) + position
                images = covered.images + explorer.coverage.images
                detail = f"{profile}, {durability}: {images:,} images"
                yield Progress("exploration", done, len(rounds) * len(workload), detail)
            for problem in _explore_program(target, program, explorer):
                if problem.violation.requirement not in known:
                    known.add(problem.violation.requirement)
                    yield problem
        covered.add(explorer.coverage)
    return (
        f"{covered}, of every program of up to {budget.operations} operations, in {len(CLAIMED)} "
        f"profiles, {covered.recovered:,} distinct ones recovered and crashed again"
    )


def _explore_program(target: Target, program: Program, explorer: Explorer) -> Iterator[Problem]:
    case = ProgramCase(program, explorer.options, explorer.profile.name)
    running = run(program, target, explorer.options)
    for violation in running.violations:
        yield Problem(violation, evolve(case, profile=None))
    if not running.violations:
        for finding in explorer.explore(running.filesystem.trace):
            yield Problem(finding.violation, case, finding)


EXPLORATION = Check(
    "exploration",
    "every small program, crashed everywhere, in every profile",
    frozenset(
        {
            "JRN-1",
            "JRN-2",
            "JRN-3",
            "JRN-4",
            "JRN-5",
            "JRN-10",
            "JRN-11",
            "REC-1",
            "REC-2",
            "REC-3",
            "REC-4",
            "REC-8",
            "SEG-2",
            "SEG-4",
            "SEG-9",
        }
    ),
    _explore,
)
