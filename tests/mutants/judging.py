"""
Judge one mutant, in a process of its own.

The process is forked before anything of ours was imported, so that the mutated
module is the only one there has ever been; large libraries are there already.  It
then goes through the checks of `tornproof check`, first with small bounds and then
with the usual ones, and stops at the first violation.
"""

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
import hypothesis.stateful  # noqa: F401
import jsonschema  # noqa: F401
import rfc8785  # noqa: F401
from attrs import frozen

from tests.mutants.mutation import ROOT, Mutant

CPU_SECONDS = 240
"""More than all checks take; whoever needs it does not come to an end."""

MEMORY_BYTES = 3 << 30

ORDER: Mapping[str, Sequence[str]] = {
    "chain": ("scenarios", "schedules", "drainer", "drainer-machine"),
    "drainer": ("scenarios", "schedules", "drainer", "drainer-machine"),
    "audit": ("audits", "scenarios", "drainer-machine"),
    "reader": ("scenarios", "reader-machine", "cursor-machine", "drainer-machine"),
    "group commit": ("group-commit", "scenarios"),
    "salvage": ("scenarios",),
    "journal": ("vectors", "scenarios", "exploration", "faults", "machine", "drainer-machine"),
}
"""
Which checks look at an area, the quick and telling first.

Those that are not named do not run the code, or run it no other way.
"""

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "chain": ("CHN", "EVT"),
    "drainer": ("DRN", "EVT", "CHN"),
    "audit": ("AUD",),
    "reader": ("RDR", "CUR", "SEG"),
    "group commit": ("GRP",),
    "salvage": ("REC",),
    "journal": ("FRM", "JRN", "REC", "SEG"),
}
"""Whose scenarios are played first."""

NOTICED, CRASHED, ENDLESS, SURVIVED = "noticed", "crashed", "endless", "survived"


@frozen
class Outcome:
    """What became of a mutant."""

    outcome: str
    """Noticed; crashed, an error that is no verdict; endless; or survived."""

    by: str = ""
    requirement: str = ""
    seconds: float = 0.0


class _Mutated(MetaPathFinder, Loader):
    """Gives one module another source."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Step in for the one module."""
        del path, target
        if name != self._mutant.module:
            return None
        return ModuleSpec(name, self, origin=str(ROOT / self._mutant.path))

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutated source."""
        code = compile(self._mutant.source, str(ROOT / self._mutant.path), "exec")
        exec(code, vars(module))


def install(mutant: Mutant) -> None:
    """Let every later import of the module find the mutant."""
    assert mutant.module not in sys.modules
    sys.meta_path.insert(0, _Mutated(mutant))


def judge(mutant: Mutant, *, thorough: bool) -> Outcome:
    """Fork, judge the mutant there, and say what became of it."""
    began = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_judged(mutant, thorough=thorough, writing=writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        words = pipe.read()
    _, status = os.waitpid(child, 0)
    seconds = round(time.monotonic() - began, 1)
    if words:
        outcome, by, requirement = words.split("\t")
        return Outcome(outcome, by, requirement, seconds)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
    return Outcome(ENDLESS if killed else CRASHED, seconds=seconds)


def _be_judged(mutant: Mutant, *, thorough: bool, writing: int) -> None:
    """Be the child: never return."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.alarm(4 * CPU_SECONDS)
    os.chdir(tempfile.mkdtemp(prefix="tornproof-mutant-"))
    try:
        install(mutant)
        found = _first_violation(mutant.area, thorough=thorough)
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        found = (CRASHED, where, type(error).__name__)
    os.write(writing, "\t".join(found).encode())
    os._exit(0)


def _first_violation(area: str, *, thorough: bool) -> tuple[str, str, str]:
    """Run the checks of an area until one finds something."""
    from tornproof_conformance.checks import Budget
    from tornproof_conformance.checks.situations import scenarios_check
    from tornproof_conformance.run.runner import checks_of
    from tornproof_conformance.scenarios import SCENARIOS
    from tornproof_conformance.stream.run_events import Progress
    from tornproof_conformance.subjects.reference import ReferenceSubject

    subject = ReferenceSubject()
    checks = {check.name: check for check in checks_of(subject)}
    first = tuple(
        scenario
        for scenario in SCENARIOS.values()
        if any(each.startswith(FAMILIES[area]) for each in scenario.requirements)
    )
    small = Budget(operations=2, fault_operations=1, examples=20)
    todo = [(scenarios_check(first), small)]
    for budget in [small, Budget()] if thorough else [small]:
        todo += [(checks[name], budget) for name in ORDER[area] if name in checks]
    for check, budget in todo:
        for found in check.run(subject, budget):
            if not isinstance(found, Progress):
                return (NOTICED, check.name, found.violation.requirement)
    return (SURVIVED, "", "")
