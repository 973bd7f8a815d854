"""
Judge one mutant, in a process of its own.

The process is forked.  A mutant in a function exchanges the code of that function
in what was imported before the fork; one in a table or a class is imported anew, in
a process that had imported nothing of ours.  Then the mutant goes through the parts
of `tornproof check` that run the line that was changed, and stops at the first
violation.
"""

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Collection, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
import hypothesis.stateful  # noqa: F401
import jsonschema  # noqa: F401
import rfc8785  # noqa: F401
from attrs import frozen

from tests.mutants.in_place import exchange, is_in_a_function
from tests.mutants.mutation import ROOT, Mutant
from tests.mutants.parts import small_parts, usual_parts

CPU_SECONDS = 240
"""More than all checks take; whoever needs it does not come to an end."""

QUICK_CPU_SECONDS = 60
"""The same for the parts with small bounds."""

MEMORY_BYTES = 3 << 30

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
    """Put the mutant in the place of its module: now, or when it is imported."""
    if mutant.module in sys.modules:
        assert is_in_a_function(mutant), "what was imported keeps its tables and classes"
        assert exchange(mutant), f"{mutant.id}: no function has that code"
    else:
        sys.meta_path.insert(0, _Mutated(mutant))


def judge(mutant: Mutant, names: Sequence[str], usual: Collection[str] = ()) -> Outcome:
    """
    Fork, judge the mutant there, and say what became of it.

    `names` are the parts with small bounds that run the line that was changed, in the
    order in which they are tried.  Of what they do not notice, the checks named by `usual`
    are asked with the usual bounds: those that run anything of the module.
    """
    began = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_judged(mutant, names, usual, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        words = pipe.read()
    _, status = os.waitpid(child, 0)
    seconds = round(time.monotonic() - began, 1)
    if words:
        outcome, by, requirement = words.split("\t")
        return Outcome(outcome, by, requirement, seconds)
    ends = (signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM)
    endless = os.WIFSIGNALED(status) and os.WTERMSIG(status) in ends
    return Outcome(ENDLESS if endless else CRASHED, seconds=seconds)


def _be_judged(mutant: Mutant, names: Sequence[str], usual: Collection[str], writing: int) -> None:
    """Be the child: never return."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    limit = CPU_SECONDS if usual else QUICK_CPU_SECONDS
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + limit, used + limit + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(8 * limit)
    os.chdir(tempfile.mkdtemp(prefix="tornproof-mutant-"))
    try:
        install(mutant)
        found = _first_violation(names, usual)
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        found = (CRASHED, where, type(error).__name__)
    os.write(writing, "\t".join(found).encode())
    os._exit(0)


def _first_violation(names: Sequence[str], usual: Collection[str]) -> tuple[str, str, str]:
    """Run the parts until one finds something."""
    known = {part.name: part for part in small_parts()}
    for part in (*(known[name] for name in names), *usual_parts(usual)):
        if (found := part.first()) is not None:
            _, requirement = found
            return (NOTICED, part.name, requirement)
    return (SURVIVED, "", "")
