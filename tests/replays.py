"""
Replay every reproducer that the wrong implementations of the tests give (`make replays`).

    SECONDS=10 python -m tests.replays [NAME...]

Every miniature is judged in this process, and those of a journal behind an adapter as well; so
is every wrong adapter of the tests, on a real disk.  Each reproducer that a run saves is then
replayed on the same implementation, in a process of its own, and must say FAILED.  Every
finding must name a requirement that the implementation breaks, or list one with its cause.  A
name is the beginning of those that are to be judged, such as `journal/` or `adapter/`.  Each is
judged for so many seconds; on a busy machine, ten are not enough to find everything.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from attrs import frozen
from click.testing import CliRunner
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.cli import main as tornproof
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.runner import check_subject, checks_of
from tornproof_conformance.specification.requirements import requirements
from tornproof_conformance.stream.run_events import RunEvent, ViolationFound
from tornproof_conformance.subjects.reference import KINDS, find_subject
from tornproof_models.miniatures.journal_miniatures import MINIATURES

from tests.conformance import wrong_crowds, wrong_job_queues, wrong_queues

HERE = Path(__file__).parent / "conformance"
SMALL = Budget(
    operations=2, fault_operations=1, examples=20, seconds=float(os.environ.get("SECONDS", "10"))
)
"""Enough to find what is to be replayed; how much is found is another test's subject."""

CHECKS = ("vectors", "scenarios", "group-commit", "audits", "machine", "exploration", "faults")
"""The order in which those of this process come, as far as the time goes."""

JOURNALS = {"no-sync": "JRN-3", "no-rename": "REC-2"}
"""The mistakes of `plain_adapter` that lose records, and what they break."""

BREAKS: Mapping[str, str] = {
    # chains
    "Rewritten": "CHN-5",  # its verification finds nothing, and so does that of the next three
    "BeginsWithOnes": "CHN-2 CHN-5",
    "LinksNothing": "CHN-3 CHN-5",
    "JoinsFields": "CHN-4 CHN-5",
    "Blind": "CHN-5 CHN-6 CHN-7",
    "IgnoresTheHead": "CHN-5",
    "FirstBreakOnly": "CHN-6",
    "TrustsAnyKey": "CHN-7",
    "ChecksNoSignature": "CHN-7",
    "LocksLate": "CHN-8",
    "MissesTheHead": "CHN-14",
    "MendsOldChains": "AUD-17 CHN-9 CHN-10",
    "PassesEveryOldChain": "AUD-17 CHN-9 CHN-10 CHN-11",
    "SaysNothingOfForgeries": "CHN-9",
    "KnowsJoinedLinksAlone": "CHN-10",
    # events
    "AdmitsEverything": "EVT-1",
    "PassesOverEscalations": "EVT-1",
    # what has other bytes or another hash is not found again, and the same event lands twice
    "SpellsOtherwise": "CHN-5 EVT-2 EVT-3 DRN-1 DRN-15",
    "HashesOtherwise": "CHN-5 EVT-3 DRN-1",
    "AdmitsWhatItCannotKeep": "EVT-5",
    "MintsTwice": "EVT-6",
    "AdmitsWhatNoColumnHolds": "EVT-5",
    # queues
    "HangsInDrain": "ADP-9 ADP-11 DRN-1 DRN-12",
    "OpensNothing": "DRN-1 DRN-3 EVT-5",
    "KeepsInMemory": "DRN-3",
    "AcknowledgesUnsynced": "DRN-3",
    "CommitsToMemory": "DRN-17",
    "NewestFirst": "DRN-9 DRN-16",
    "BelievesTheCommit": "DRN-1 DRN-7",
    "DropsTheRefused": "DRN-10",
    "WaitsForProducers": "ADP-11 DRN-11 DRN-29",
    "ClosesWithoutFlushing": "DRN-29",
    "ReplaysWhatWasChanged": "DRN-35",
    "OpensEverySpool": "DRN-21 DRN-39",
    "DatesLettersByTheirEvents": "DRN-38",
    "AppendsAfterClose": "ADP-6",
    "AdmitsWhenClosed": "ADP-6 DRN-2",
    "CountsOnce": "DRN-14",
    "NoneIfUnknown": "DRN-14",
    "BeginsAfresh": "DRN-17 DRN-18",
    "CountsNoLoss": "DRN-13 DRN-18",
    # job queues
    "forgets-the-lease-number": "QUE-7",
    "locks-for-ever": "QUE-8",
    "retries-for-ever": "QUE-10",
    "takes-what-runs": "QUE-6",
    "does-not-sync": "QUE-17",
    # crowds, readers, recoveries
    "OneSyncEach": "GRP-2",
    "ToldTooEarly": "GRP-1",
    "FailureKept": "GRP-3",
    "GoesOn": "GRP-3",
    "ClosesUnsynced": "GRP-7 JRN-11",
    "HundredAtMost": "ADP-8",
    "StaysOpen": "GRP-7 ADP-6",
    "ShowsEverything": "RDR-6",
    "ShowsNothing": "RDR-1 RDR-6",
    "ReadsAtOnce": "REC-9",
    # indexes
    "SyncsLater": "AUD-13",
    "RecentByScan": "AUD-12",
    "RecordsInAnyOrder": "AUD-16",
    "NoIndexOfTime": "AUD-1 AUD-12",
}
"""What each wrong adapter breaks; whoever is not named is right, or does not open at all."""


UNCLAIMED = frozenset({"REC-10", *(each for each in requirements() if each.startswith("SEG-"))})
"""What nothing looks at in an adapter that does not claim segments."""

V07 = frozenset({"DRN-1", "DRN-2", "DRN-3", "DRN-7", "DRN-8", "DRN-11", "DRN-12", "DRN-13"})
"""What the v0.7 queue breaks, whose holes have a chapter of their own."""


@frozen
class Wrong:
    """An implementation that is wrong, and the command of its adapter if it has one."""

    name: str
    breaks: frozenset[str]
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


def _adapter(name: str, script: str, breaks: Iterable[str] | None = None) -> Wrong:
    broken = frozenset(BREAKS.get(name, "").split() if breaks is None else breaks)
    return Wrong(f"adapter/{name}", broken, (sys.executable, str(HERE / script), name))


def _defined_in(module: ModuleType) -> Iterator[str]:
    """Yield the names of the adapters that a module defines."""
    for name, each in vars(module).items():
        is_own = isinstance(each, type) and each.__module__ == module.__name__
        if is_own and any(hasattr(each, operation) for operation in ("journal_open", "audit_open")):
            yield name


def every() -> Iterator[Wrong]:
    """Yield every implementation that is wrong."""
    for kind, (miniatures, _) in KINDS.items():
        for name, miniature in miniatures.items():
            yield Wrong(f"{kind}/{name}", getattr(miniature, "breaks", V07))
    for name, mini in MINIATURES.items():
        if not mini.breaks <= UNCLAIMED:
            # who reads or makes other frames is shown by the vectors first
            frame = {"FRM-1"} if any(each.startswith("FRM-") for each in mini.breaks) else set()
            yield _adapter(name, "miniature_adapter.py", mini.breaks | frame)
    for name, broken in JOURNALS.items():
        yield _adapter(name, "plain_adapter.py", [broken])
    yield from (_adapter(name, "wrong_queues.py") for name in wrong_queues.KINDS)
    yield from (_adapter(name, "wrong_job_queues.py") for name in wrong_job_queues.WRONG)
    yield from (_adapter(name, "wrong_crowds.py") for name in _defined_in(wrong_crowds))


def findings(events: Iterable[RunEvent]) -> list[ViolationFound]:
    """Return what was told, each finding once and as it was told last, in the order of finding."""
    told: dict[tuple[str, str], ViolationFound] = {}
    for each in events:
        if isinstance(each, ViolationFound):
            told[each.requirement, each.phase] = each
    return list(told.values())


def _words(found: ViolationFound) -> str:
    """Name a finding, and what its cause violates besides."""
    return " ".join((found.requirement, *(f"(and {each})" for each in found.also)))


def replay(command: Sequence[str], reproducer: str) -> str:
    """Replay a reproducer, on an adapter if there is one; return the line that says the end."""
    command = ["--", *command] if command else []
    result = CliRunner().invoke(tornproof, ["replay", reproducer, *command])
    words = ("FAILED", "FIXED", "NOT REACHED", "ERROR")
    said = [line for line in result.output.splitlines() if line.startswith(words)]
    return said[-1] if said else f"exit code {result.exit_code}"


def main(names: Sequence[str]) -> int:
    """Print what is found and what each replay says; return 1 if one is not as it must be."""
    replays, verdicts = Counter[str](), Counter[str]()
    for wrong in every():
        if names and not wrong.name.startswith(tuple(names)):
            continue
        with TemporaryDirectory() as directory:
            told = findings(wrong.judge(Path(directory)))
            for each in told:
                said = replay(wrong.command, each.reproducer)
                replays[said.split()[0]] += 1
                if not said.startswith("FAILED"):
                    print(f"{wrong.name} {Path(each.reproducer).name}: {said}", flush=True)
        elsewhere = [
            each for each in told if wrong.breaks.isdisjoint({each.requirement, *each.also})
        ]
        is_found = bool(told) == bool(wrong.breaks)
        verdicts["elsewhere" if elsewhere else "right" if is_found else "nothing"] += 1
        words = ", ".join(map(_words, told)) or "nothing"
        is_right = is_found and not elsewhere
        mark = "" if is_right else f"  NOT RIGHT: it breaks {', '.join(sorted(wrong.breaks))}"
        print(f"{wrong.name}: {words}{mark}", flush=True)
    print(f"{replays.total()} reproducers: {dict(replays)}; implementations: {dict(verdicts)}")
    return int(replays.total() != replays["FAILED"] or verdicts.total() != verdicts["right"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
