"""Whoever opens its files only where it made them is told so, and is not convicted."""

import sys
from pathlib import Path

from tornproof_conformance.checks import Budget
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.report.brief import next_step
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.selection import select

from tests.recorders import needs_recorder

TIED = [sys.executable, "-I", "-S", str(Path(__file__).with_name("plain_adapter.py")), "tied"]
CHECKS = ("the-same-files-give-the-same-records", "power-loss", "io-errors")


@requirement("ADP-3")
@needs_recorder
def test_who_refuses_copies_of_its_files_is_not_judged_by_images(tmp_path: Path) -> None:
    """Each check that recovers images says why it cannot, and nothing is violated."""
    checks = select(CHECKS)

    run = record_run(
        check_adapter(TIED, budget=Budget(seconds=20), reproducers=tmp_path, checks=checks)
    )

    assert run.violations == ()
    assert {each.check for each in run.inconclusive} == {"power-loss", "io-errors"}
    for each in run.inconclusive:
        assert each.covered.startswith("nothing: a copy of its own closed files is refused")
    assert next_step(run).startswith("power-loss could not be tried")
