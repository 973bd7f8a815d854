"""Each miniature is caught by what `tornproof check` runs, and its correct twin passes."""

from pathlib import Path

import pytest
from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.catalogue import JOURNAL_CHECKS
from tornproof_conformance.checks.faults import FAULTS
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.stream.run_events import RunFinished, ViolationFound
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.miniatures.journal_miniatures import MINIATURES, SMALL

BUDGET = Budget(operations=2, fault_operations=1, examples=20)


def first_catch(name: str, reproducers: Path) -> tuple[str, str, str, int] | None:
    """Return (check, requirement, crash model, steps) of the first violation that is caught."""
    broken, subject = set(MINIATURES[name].breaks), find_subject(name)
    for check in JOURNAL_CHECKS:
        checks = [check]
        for event in check_subject(subject, budget=BUDGET, reproducers=reproducers, checks=checks):
            # what has the same cause as something else is told beside it
            if isinstance(event, ViolationFound) and broken & {event.requirement, *event.also}:
                (requirement, *_) = sorted(broken & {event.requirement, *event.also})
                steps = len(event.program) - 1
                return check.name, requirement, event.crash_model or "-", steps
    return None


def test_every_miniature_is_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The kill table: what catches each wrong journal, and as a violation of what."""
    table = {name: first_catch(name, tmp_path) for name in MINIATURES}
    with capsys.disabled():
        print(f"\n{'miniature':<34}{'check':<13}{'violates':<10}{'weakest crash_model':<17}steps")
        for name, row in table.items():
            check, requirement, crash_model, steps = row or ("NOT CAUGHT", "", "", 0)
            print(f"{name:<34}{check:<13}{requirement:<10}{crash_model:<17}{steps or ''}")
    assert [name for name, row in table.items() if row is None] == []
    assert len(table) >= 24


def test_their_twin_passes(tmp_path: Path) -> None:
    """What they were made of conforms under the same budget; so it is they that are caught."""
    # that it survives faults as well is tested with the miniatures
    checks = [check for check in JOURNAL_CHECKS if check is not FAULTS]
    events = list(check_subject(SMALL, budget=BUDGET, reproducers=tmp_path, checks=checks))
    assert [event for event in events if isinstance(event, ViolationFound)] == []
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert finished.conforms
    assert finished.holds >= 36
