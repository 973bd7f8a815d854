"""The last line of a report says what to do next."""

import sys
from pathlib import Path

from attrs import evolve
from tornproof_conformance.checks import Budget
from tornproof_conformance.report.brief import next_step
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.selection import select

PLAIN = [sys.executable, "-I", "-S", str(Path(__file__).with_name("plain_adapter.py"))]


def test_who_interrupts_a_run_is_not_sent_for_a_longer_budget(tmp_path: Path) -> None:
    """What was not tried is for want of patience, not of time."""
    checks = select(("conversation",))
    run = record_run(check_adapter(PLAIN, budget=Budget(), reproducers=tmp_path, checks=checks))
    assert run.finished is not None

    interrupted = evolve(run, finished=evolve(run.finished, interrupted=True))

    assert next_step(interrupted).endswith("let it end")
