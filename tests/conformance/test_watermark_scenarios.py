"""The scenarios about the watermark: who is judged by them, and that they can fail."""

from pathlib import Path

import pytest
from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.situations import SCENARIOS_CHECK
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.scenarios import watermark
from tornproof_conformance.scenarios.scenario import Scenario
from tornproof_conformance.stream.run_events import RequirementJudged
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append, Reopen, Rotate, Sync
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.miniatures.journal_miniatures import SMALL, MiniatureSubject
from tornproof_models.miniatures.journal_watermark import WATERMARKS, SmallWatermark

ABOUT_WATERMARKS = [each for each in vars(watermark).values() if isinstance(each, Scenario)]
TWIN = MiniatureSubject("small-watermark", SmallWatermark)


def found_by_scenarios(subject: Subject) -> set[str]:
    return {
        violation.requirement
        for scenario in ABOUT_WATERMARKS
        for violation in scenario.judge(subject)
    }


def found_by_exploration(subject: Subject) -> set[str]:
    """Crash a few programs everywhere, at both durability levels."""
    found = set()
    for durability in ("immediate", "eventual"):
        options = Options(durability=durability)
        for program in ((Append(5), Sync(), Append(600)), (Append(5), Rotate(), Reopen())):
            running = run(program, subject, options)
            found |= {violation.requirement for violation in running.violations}
            for crash_model in CLAIMED:
                explorer = Explorer(subject, options, CRASH_MODELS[crash_model])
                findings = explorer.explore(running.filesystem.trace)
                found |= {finding.violation.requirement for finding in findings}
    return found


@pytest.mark.parametrize("subject", [ReferenceSubject(), TWIN], ids=["reference", "twin"])
def test_who_keeps_one_is_judged_and_passes(subject: Subject) -> None:
    """All scenarios apply, and none finds anything; nor does a crash."""
    assert all(scenario.applies(subject) for scenario in ABOUT_WATERMARKS)
    assert len(ABOUT_WATERMARKS) == 5
    assert found_by_scenarios(subject) == set()
    assert found_by_exploration(subject) == set()


def test_who_keeps_none_is_not_judged() -> None:
    """The requirement is not covered then, and REC-5 rests on other scenarios."""
    assert not any(scenario.applies(SMALL) for scenario in ABOUT_WATERMARKS)
    assert "REC-12" not in SCENARIOS_CHECK.covers(SMALL)
    assert "REC-5" in SCENARIOS_CHECK.covers(SMALL)
    assert {"REC-12", "REC-5"} <= SCENARIOS_CHECK.covers(ReferenceSubject())


def test_the_verdict_says_so(tmp_path: Path) -> None:
    """`tornproof check` lists it as not covered."""
    events = check_subject(SMALL, budget=Budget(), reproducers=tmp_path, checks=(SCENARIOS_CHECK,))
    judged = [each for each in events if isinstance(each, RequirementJudged)]
    assert [each.verdict for each in judged if each.requirement == "REC-12"] == ["not covered"]


@pytest.mark.parametrize("name", WATERMARKS)
def test_each_wrong_one_is_caught(name: str) -> None:
    """By a scenario, or by a crash."""
    subject = MiniatureSubject(name, WATERMARKS[name])
    found = found_by_scenarios(subject) or found_by_exploration(subject)
    assert found & WATERMARKS[name].breaks
