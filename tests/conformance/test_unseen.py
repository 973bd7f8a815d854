"""A report says why nobody could look at a requirement."""

from attrs import evolve, frozen
from tornproof_conformance.report.junit import render_junit
from tornproof_conformance.report.markdown import render_markdown
from tornproof_conformance.report.page import render_page
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import rests_on
from tornproof_conformance.specification.requirements import requirements
from tornproof_conformance.specification.unobservable import OF_A_CRASH_MODEL, UNSEEN, why_unseen
from tornproof_conformance.subjects.reference import ReferenceSubject

from tests.conformance.report_runs import PASSING, record_of


@frozen
class Claiming:
    """An adapter that claims little."""

    name: str = "claiming"
    command: tuple[str, ...] = ("adapter",)
    claims: frozenset[str] = frozenset({"drainer/volatile"})


def _with_reason() -> RunRecord:
    record = record_of(PASSING)
    verdicts = tuple(
        evolve(each, reason="it leaves no trace") if each.requirement == "REC-9" else each
        for each in record.verdicts
    )
    return evolve(record, verdicts=verdicts)


def test_what_is_of_a_claim_that_is_not_claimed_says_so() -> None:
    """DRN-3 is of the durable mode."""
    said = why_unseen("DRN-3", Claiming())  # type: ignore[arg-type]

    assert said == "it is of drainer/durable, which is not claimed"


def test_what_is_claimed_has_no_such_excuse() -> None:
    """DRN-18 is of the volatile mode."""
    assert why_unseen("DRN-18", Claiming()) == ""  # type: ignore[arg-type]


def test_nothing_hides_in_this_process() -> None:
    """What runs in this process can be looked at from all sides."""
    assert {why_unseen(name, ReferenceSubject()) for name in (*UNSEEN, *OF_A_CRASH_MODEL)} == {""}


def test_only_what_is_required_is_excused() -> None:
    """Every id is one of the specification's."""
    assert {*UNSEEN, *OF_A_CRASH_MODEL} <= set(requirements())


def test_every_report_gives_the_reason() -> None:
    """In the words that stand in the event."""
    record = _with_reason()
    verdict = record.verdict("REC-9")

    assert verdict is not None
    assert rests_on(verdict) == "it leaves no trace"
    for report in (render_junit(record), render_markdown(record), render_page(record)):
        assert "it leaves no trace" in report
