"""
Let every disk operation fail once in every way, then crash.

A program is run to count its disk operations, then again for each of them and
each kind of fault, with further appends after the fault.  The contract allows
the failed call either outcome, and nothing else; then the power goes, in the
mildest crash model and the harshest, or in every one.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, product

from attrs import evolve, frozen
from tornproof_models.contract import journal
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Append, Fail, Kill, Program, Reopen, Rotate, Step, Sync
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.faults import Fault

from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.checks import Budget, Check, Covered, Findings, count_images, counted
from tornproof_conformance.checks.exploration import DURABILITIES
from tornproof_conformance.stream.run_events import Progress

BEFORE: tuple[Program, ...] = ((), (Append(5),))
STRUCK: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())
AFTER: tuple[Program, ...] = ((Append(6),), (Kill(), Append(6)), (Append(6), Reopen()))
"""What may follow an error: go on, die and restart, or close in an orderly way."""


@frozen
class Injection:
    """Where a fault strikes: a program in three parts, the second of which it hits."""

    options: Options
    before: Program
    struck: Program
    after: Program


ALIGNED = Append(472)
"""A record that fills a sector: after a rollback, another fits exactly in its place."""


def _injections(budget: Budget) -> Iterator[Injection]:
    struck = list(
        chain.from_iterable(
            product(STRUCK, repeat=length) for length in range(1, budget.fault_operations + 1)
        )
    )
    for durability in DURABILITIES:
        roomy = Options(durability=durability, segment_bytes=4096)
        yield Injection(roomy, (), (ALIGNED,), (ALIGNED, ALIGNED))
        for before, middle, after in product(BEFORE, struck, AFTER):
            yield Injection(Options(durability=durability), before, middle, after)


def _operations(subject: Subject, injection: Injection) -> int:
    """Count the disk operations that the struck part of a program needs."""
    start = run(injection.before, subject, injection.options).filesystem.operations
    whole = run(injection.before + injection.struck, subject, injection.options)
    return whole.filesystem.operations - start


def _inject(subject: Subject, budget: Budget) -> Findings:
    covered, injected = Coverage(), 0
    crash_models = _crash_models(budget)
    injections = list(_injections(budget))
    known: set[str] = set()
    explorers: dict[tuple[Options, str], Explorer] = {}
    for number, injection in enumerate(injections):
        detail = f"{injection.options.durability}: {injected:,} faults"
        images = sum(explorer.coverage.judged for explorer in explorers.values())
        yield Progress("faults", number, len(injections), detail, images)
        for nth in range(1, _operations(subject, injection) + 1):
            for fault in Fault:
                injected += 1
                program = (
                    *injection.before,
                    Fail(nth, fault),
                    *injection.struck,
                    *injection.after,
                )
                for problem in _try(subject, program, injection.options, explorers, crash_models):
                    if problem.violation.requirement not in known:
                        known.add(problem.violation.requirement)
                        yield problem
    for explorer in explorers.values():
        covered.add(explorer.coverage)
    every = counted(len(budget.crash_models), "crash model")
    among = every if crash_models == budget.crash_models else f"{len(crash_models)} of {every}"
    words = f"{injected:,} faults, each followed by a crash: {covered}, in {among}"
    return Covered(words, {"faults": injected, **count_images(covered)}, crash_models)


def _crash_models(budget: Budget) -> tuple[str, ...]:
    """Choose the mildest crash model and the harshest, unless all are asked for."""
    names = budget.crash_models
    return names if budget.thorough or len(names) < 2 else (names[0], names[-1])


def _try(
    subject: Subject,
    program: Program,
    options: Options,
    explorers: dict[tuple[Options, str], Explorer],
    crash_models: Sequence[str],
) -> Iterator[Problem]:
    running = run(program, subject, options)
    case = ProgramCase(program, options)
    for violation in running.violations:
        yield Problem(violation, case)
    if running.violations:
        return
    for crash_model in crash_models:
        explorer = explorers.setdefault(
            (options, crash_model), Explorer(subject, options, CRASH_MODELS[crash_model], depth=1)
        )
        for finding in explorer.explore(running.filesystem.trace, since=running.armed_after):
            yield Problem(finding.violation, evolve(case, crash_model=crash_model), finding)
            return


FAULTS = Check(
    "faults",
    "every disk operation fails in every way, and then the power",
    journal.JUDGES | journal.JUDGES_BY_LOSS,
    _inject,
)
