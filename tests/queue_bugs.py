"""
Find the bugs of foreign job queues in versions that have them (`make queue-bugs`).

    SECONDS=300 python -m tests.queue_bugs [NAME...]

`conformance/survey/queues/bugs.toml` says which queue has which bug, and which requirement that
violates.  The check of that requirement judges the queue until it finds it, or a program is
played that shows it.  Where a version has the bug no more, what was found is replayed on it, and
must say FIXED.  A name is a part of those of the bugs that are to be found.  Each is judged for
so many seconds at most.  Queues of Python are installed when they are needed; those in other
languages have to be built before.
"""

import os
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve, field, frozen
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import ExerciseCase
from tornproof_conformance.cases.reproducer import save
from tornproof_conformance.cases.shrinking import repeat
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.stream.run_events import Diagnosed, RequirementJudged, ViolationFound

from tests.replays import replay

QUEUES = Path(__file__).parents[1] / "conformance" / "survey" / "queues"
BUDGET = Budget(seconds=float(os.environ.get("SECONDS", "300")))


@frozen
class Bug:
    """A queue that violates a requirement."""

    name: str
    violates: str
    command: str
    packages: Sequence[str] = ()
    claims: Sequence[str] = ()
    """What is claimed beside the queue's own documentation."""

    program: str = ""
    """What shows it, where another bug of the same queue violates the same requirement."""

    mended: Mapping[str, Any] = field(factory=dict)
    """What is another in the version that has it no more."""

    @property
    def check(self) -> Check:
        """The check that is the first to look for it."""
        return next(each for each in ADAPTER_CHECKS.values() if self.violates in each.requirements)

    @property
    def argv(self) -> tuple[str, ...]:
        """The command of its adapter, which finds the packages of this version first."""
        program, *rest = shlex.split(self.command)
        path = [] if not self.packages else ["env", f"PYTHONPATH={_installed(self.packages)}"]
        found = sys.executable if program == "python" else program
        return (*path, found, *rest, *self.claims)


def _installed(packages: Sequence[str]) -> Path:
    """Return the directory of packages of PyPI, with all that they need."""
    name = "-".join(each.partition("[")[0].replace("==", "-") for each in packages)
    directory = QUEUES / "python" / "build" / name
    if not directory.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(directory)]
        subprocess.run([*install, *packages], check=True)
    return directory


def find(bug: Bug, reproducers: Path) -> tuple[str, str]:
    """Judge a queue until the bug is found; return what is said of it, and the reproducer."""
    verdict, checks = "not judged", [bug.check]
    for event in check_adapter(bug.argv, budget=BUDGET, reproducers=reproducers, checks=checks):
        match event:
            case ViolationFound(requirement) if bug.violates in (requirement, *event.also):
                return event.message, event.reproducer
            case RequirementJudged(bug.violates, _, verdict):
                pass
            case Diagnosed(_, verdict):
                pass
    return verdict, ""


def shown(bug: Bug, reproducers: Path) -> tuple[str, str]:
    """Play the program that shows the bug; return what is said of it, and the reproducer."""
    case = ExerciseCase("job-queue", tuple(bug.program.split("; ")))
    with AdapterSubject.running(bug.argv) as subject:
        problem = repeat(case, bug.violates, subject)
        if problem is None:
            return "holds in this program", ""
        return problem.violation.message, str(save(problem, subject.name, reproducers))


def main(names: Sequence[str]) -> int:
    """Print what shows each bug; return 1 if one is not found, or shows where it is mended."""
    os.chdir(QUEUES)
    wrong = 0
    for table in tomllib.loads(Path("bugs.toml").read_text())["bug"]:
        bug = Bug(**table)
        if names and not any(name in bug.name for name in names):
            continue
        with TemporaryDirectory() as directory:
            began = time.monotonic()
            said, found = (shown if bug.program else find)(bug, Path(directory))
            wrong += not found
            seconds = time.monotonic() - began
            print(f"{bug.name}: {bug.violates} in {seconds:.0f} s: {said}", flush=True)
            if found and bug.mended:
                said = replay(evolve(bug, **bug.mended).argv, found)
                wrong += not said.startswith("FIXED")
                print(f"{bug.name}, mended: {said}", flush=True)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
