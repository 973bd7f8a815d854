"""
Find the bugs of foreign job queues in versions that have them (`make queue-bugs`).

    SECONDS=60 python -m tests.queue_bugs [NAME...]

`conformance/survey/queues/bugs.toml` says which queue has which bug, and which requirement that
violates.  The check of that requirement judges the queue until it finds it, and then the version
that has the bug no more, where there is one.  A name is a part of those of the bugs that are to
be found.  Each is judged for so many seconds.  Queues of Python are installed when they are
needed; those in other languages have to be built before.
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
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.stream.run_events import Diagnosed, RequirementJudged, ViolationFound

QUEUES = Path(__file__).parents[1] / "conformance" / "survey" / "queues"
BUDGET = Budget(seconds=float(os.environ.get("SECONDS", "60")))


@frozen
class Bug:
    """A queue that violates a requirement."""

    name: str
    violates: str
    command: str
    packages: Sequence[str] = ()
    claims: Sequence[str] = ()
    """What is claimed beside the queue's own documentation."""

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


def judge(bug: Bug) -> str:
    """Judge a queue until the bug is found; say what came of it."""
    began = time.monotonic()
    with TemporaryDirectory() as directory:
        for event in check_adapter(
            bug.argv, budget=BUDGET, reproducers=Path(directory), checks=[bug.check]
        ):
            match event:
                case ViolationFound(requirement, message) if bug.violates in (
                    requirement,
                    *event.also,
                ):
                    return f"found in {time.monotonic() - began:.0f} s: {message}"
                case RequirementJudged(bug.violates, _, verdict):
                    return verdict
                case Diagnosed(_, message):
                    return message
    return "not judged"


def main(names: Sequence[str]) -> int:
    """Print what becomes of each bug; return 1 if one is not found, or is where it is mended."""
    os.chdir(QUEUES)
    wrong = 0
    for table in tomllib.loads(Path("bugs.toml").read_text())["bug"]:
        bug = Bug(**table)
        if names and not any(name in bug.name for name in names):
            continue
        said = judge(bug)
        wrong += not said.startswith("found")
        print(f"{bug.name}: {bug.violates} {said}", flush=True)
        if bug.mended:
            said = judge(evolve(bug, **bug.mended))
            wrong += said != "holds"
            print(f"{bug.name}, mended: {bug.violates} {said}", flush=True)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
