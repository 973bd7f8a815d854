"""The last line of a report says what to do next."""

import sys
from pathlib import Path

import pytest
from attrs import evolve
from tornproof_conformance.checks import Budget
from tornproof_conformance.report.brief import next_step
from tornproof_conformance.report.run_record import RunRecord, record_run
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.selection import select
from tornproof_conformance.stream.run_events import (
    CheckFinished,
    Implementation,
    RequirementJudged,
    RunFinished,
    RunStarted,
)
from tornproof_conformance.stream.versions import current_versions

PLAIN = [sys.executable, "-I", "-S", str(Path(__file__).with_name("plain_adapter.py"))]


def test_who_interrupts_a_run_is_not_sent_for_a_longer_budget(tmp_path: Path) -> None:
    """What was not tried is for want of patience, not of time."""
    checks = select(("conversation",))
    run = record_run(check_adapter(PLAIN, budget=Budget(), reproducers=tmp_path, checks=checks))
    assert run.finished is not None

    interrupted = evolve(run, finished=evolve(run.finished, interrupted=True))

    assert next_step(interrupted).endswith("let it end")


def _starved(done: int, planned: int) -> RunRecord:
    """Return a run of a minute whose one search did so much of what a verdict needs."""
    search = CheckFinished(
        "power-loss", "some programs", 50.0, done=done, planned=planned, missing="all programs"
    )
    log = Implementation("log", claims=("journal/core",))
    started = RunStarted("log", log, current_versions(), ("power-loss",), {"seconds": 60})
    verdict = RequirementJudged("JRN-3", "MUST", "starved", "", ("power-loss",))
    finished = RunFinished(
        conforms=False, holds=0, violated=0, not_covered=0, seconds=60, starved=1
    )
    return RunRecord(started, {}, (search,), (), (verdict,), finished)


@pytest.mark.parametrize(
    ("done", "advice"),
    [
        (200, "give it more time with --budget 120"),
        (28, "a verdict needs about --budget 600"),
        (1, "a verdict needs some 5 hours; --budget 600 tries ten times as much"),
    ],
)
def test_the_budget_that_is_advised_would_settle_the_search_that_came_least_far(
    done: int, advice: str
) -> None:
    """Who doubles a budget that reached one program of 280 has waited for nothing."""
    assert next_step(_starved(done, 280)) == f"too little was tried: {advice}"
