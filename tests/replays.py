"""
Replay every reproducer that the wrong implementations of the tests give (`make replays`).

    python -m tests.replays [NAME...]

Every miniature is judged in this process, and those of a journal behind an adapter as well;
so is every wrong adapter of the tests, on a real disk.  Each reproducer that a run saves is
then replayed on the same implementation, in a process of its own, and must say FAILED.  A
name is the beginning of those that are to be judged, such as `journal/` or `adapter/`.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from attrs import frozen
from click.testing import CliRunner
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.cli import main as tornproof
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.runner import check_subject, checks_of
from tornproof_conformance.stream.run_events import RunEvent, ViolationFound
from tornproof_conformance.subjects.reference import KINDS, find_subject
from tornproof_models.miniatures.journal_miniatures import MINIATURES

from tests.conformance import wrong_crowds, wrong_job_queues, wrong_queues

HERE = Path(__file__).parent / "conformance"
SMALL = Budget(operations=2, fault_operations=1, examples=20, seconds=4)
"""Enough to find what is to be replayed; how much is found is another test's subject."""

CHECKS = ("vectors", "scenarios", "group-commit", "audits", "machine", "exploration", "faults")
"""The order in which those of this process come, as far as the time goes."""

JOURNALS = ("no-sync", "no-rename")
"""The mistakes of `plain_adapter` that lose records."""


@frozen
class Wrong:
    """An implementation that is wrong, and the command of its adapter if it has one."""

    name: str
    command: tuple[str, ...] = ()

    def judge(self, reproducers: Path) -> Iterator[RunEvent]:
        """Judge it, and save what is needed to show each violation again."""
        if self.command:
            return check_adapter(self.command, budget=SMALL, reproducers=reproducers)
        subject = find_subject(self.name)
        return check_subject(
            subject,
            budget=SMALL,
            reproducers=reproducers,
            checks=sorted(checks_of(subject), key=_rank),
            deadline=SMALL.seconds,
        )


def _rank(check: Check) -> int:
    return CHECKS.index(check.name) if check.name in CHECKS else len(CHECKS)


def _adapter(name: str, script: str, *arguments: str) -> Wrong:
    return Wrong(f"adapter/{name}", (sys.executable, str(HERE / script), *arguments))


def _defined_in(module: ModuleType) -> Iterator[str]:
    """Yield the names of the adapters that a module defines."""
    for name, each in vars(module).items():
        is_own = isinstance(each, type) and each.__module__ == module.__name__
        if is_own and any(hasattr(each, operation) for operation in ("journal_open", "audit_open")):
            yield name


def every() -> Iterator[Wrong]:
    """Yield every implementation that is wrong."""
    for kind, (miniatures, _) in KINDS.items():
        yield from (Wrong(f"{kind}/{name}") for name in miniatures)
    yield from (_adapter(name, "miniature_adapter.py", name) for name in MINIATURES)
    yield from (_adapter(name, "plain_adapter.py", name) for name in JOURNALS)
    yield from (_adapter(name, "wrong_queues.py", name) for name in wrong_queues.KINDS)
    yield from (_adapter(name, "wrong_job_queues.py", name) for name in wrong_job_queues.WRONG)
    yield from (_adapter(name, "wrong_crowds.py", name) for name in _defined_in(wrong_crowds))


def verdicts(wrong: Wrong) -> Iterator[tuple[str, str]]:
    """Judge an implementation; yield each of its reproducers and what replaying it says."""
    with TemporaryDirectory() as directory:
        told = [each for each in wrong.judge(Path(directory)) if isinstance(each, ViolationFound)]
        for path in sorted({each.reproducer for each in told if Path(each.reproducer).exists()}):
            command = ["--", *wrong.command] if wrong.command else []
            result = CliRunner().invoke(tornproof, ["replay", path, *command])
            words = ("FAILED", "FIXED", "NOT REACHED", "ERROR")
            said = [line for line in result.output.splitlines() if line.startswith(words)]
            yield Path(path).name, said[-1] if said else f"exit code {result.exit_code}"


def main(names: Sequence[str]) -> int:
    """Print what each replay says, and how many repeat; return 1 if one does not."""
    counts: Counter[str] = Counter()
    for wrong in every():
        if names and not wrong.name.startswith(tuple(names)):
            continue
        for name, said in verdicts(wrong):
            counts[said.split()[0]] += 1
            if not said.startswith("FAILED"):
                print(f"{wrong.name} {name}: {said}", flush=True)
    print(f"{counts.total()} reproducers: {counts['FAILED']} say FAILED, {dict(counts)}")
    return int(counts.total() != counts["FAILED"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
