"""What the verdicts on requirements come to."""

import pytest
from attrs import evolve
from tornproof_conformance.report.badge import render_badge
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import outcome
from tornproof_conformance.run.verdicts import finish
from tornproof_conformance.stream.exit_codes import INCONCLUSIVE

from tests.conformance.report_runs import PASSING, record_of


@pytest.fixture
def empty() -> RunRecord:
    """A run in which no check looked at anything that is claimed."""
    whole = record_of(PASSING)
    verdicts = tuple(evolve(each, verdict="not covered") for each in whole.verdicts)
    return evolve(whole, verdicts=verdicts, finished=finish(list(verdicts), 1.0))


def test_what_was_not_judged_does_not_conform(empty: RunRecord) -> None:
    """Nothing is violated, and nothing holds: that is no verdict, and says so."""
    assert empty.finished is not None
    assert not empty.finished.conforms
    assert empty.exit_code == INCONCLUSIVE
    assert outcome(empty) == "is not judged: it claims nothing that was looked at"
    assert "nothing judged" in render_badge(empty)


def test_what_holds_conforms() -> None:
    """The same run as it was."""
    whole = record_of(PASSING)

    assert finish(list(whole.verdicts), 1.0).conforms
