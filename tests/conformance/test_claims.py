"""What a claim brings with it, and why a requirement could not be observed."""

import json

from attrs import evolve, frozen
from tornproof.errors import Invalid
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS
from tornproof_conformance.report.junit import render_junit
from tornproof_conformance.report.markdown import render_markdown
from tornproof_conformance.report.page import render_page
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import rests_on
from tornproof_conformance.run.traceability import why_not_covered
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification.claims import (
    ALONE,
    CLAIMS,
    UNOBSERVABLE,
    listed_families,
    why_unobservable,
)
from tornproof_conformance.specification.places import specification_directory
from tornproof_conformance.specification.requirements import requirements
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.crash.subject import Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.miniatures.small_journal import SmallJournal

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
    said = why_unobservable("DRN-3", Claiming())  # type: ignore[arg-type]

    assert said == "it applies only with the claim drainer/durable, which is not made"


def test_what_is_claimed_has_no_such_excuse() -> None:
    """DRN-18 is of the volatile mode."""
    assert why_unobservable("DRN-18", Claiming()) == ""  # type: ignore[arg-type]


def test_nothing_hides_in_this_process() -> None:
    """What runs in this process can be looked at from all sides."""
    assert {why_unobservable(name, ReferenceSubject()) for name in (*UNOBSERVABLE, *ALONE)} == {""}


def test_only_what_is_required_is_excused() -> None:
    """Every id is one of the specification's."""
    assert {*UNOBSERVABLE, *ALONE} <= set(requirements())


def test_every_report_gives_the_reason() -> None:
    """In the words that stand in the event."""
    record = _with_reason()
    verdict = record.verdict("REC-9")

    assert verdict is not None
    assert rests_on(verdict) == "it leaves no trace"
    for report in (render_junit(record), render_markdown(record), render_page(record)):
        assert "it leaves no trace" in report


def test_the_protocol_has_the_claims_of_the_table() -> None:
    """The schema of `hello` and the table name the same claims."""
    path = specification_directory() / "schema" / "protocol.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))

    assert sorted(CLAIMS) == sorted(schema["$defs"]["claim"]["enum"])


def test_every_check_but_the_conversation_needs_a_claim() -> None:
    """A check that no claim brings would never run."""
    brought = {name for claim in CLAIMS.values() for name in claim.checks}

    assert brought == {*ADAPTER_CHECKS} - {"conversation"}


def test_every_scenario_needs_a_claim_that_there_is() -> None:
    """A misspelt claim would hide a scenario from every adapter."""
    assert {each.claim for each in SCENARIOS.values()} <= {*CLAIMS}


def test_a_report_lists_the_families_of_the_claims() -> None:
    """A queue is not asked about frames; a journal in this process is."""
    assert listed_families({"drainer/volatile"}) == {"DRN", "EVT"}
    assert listed_families(None) == {"FRM", "JRN", "REC", "SEG"}


def test_a_requirement_says_which_claim_would_bring_a_check() -> None:
    """REC-5 is judged by the vectors, which need the format of this specification."""
    subject = Claiming(claims=frozenset({"journal/core"}))

    said = why_not_covered("REC-5", subject)  # type: ignore[arg-type]

    assert "it needs the claim journal/format-v2, which brings the check vectors" in said


class TakesNoEmptyRecords(SmallJournal):
    """A journal that may refuse what has no payload, since it does not claim to take it."""

    def append(self, payload: bytes) -> int:
        if not payload:
            raise Invalid("a record without a payload")
        return super().append(payload)


@frozen
class Core:
    """The same as a subject, by the least that can be claimed."""

    name: str = "core"
    claims: frozenset[str] = frozenset({"journal/core"})

    def open(self, filesystem: ModelFilesystem, options: Options) -> TakesNoEmptyRecords:
        return TakesNoEmptyRecords(filesystem, options)


def test_who_does_not_claim_empty_records_is_handed_none() -> None:
    """No situation of the core appends a record without a payload."""
    situations = [each for each in SCENARIOS.values() if each.applies(Core())]

    assert "an-empty-record-is-a-record" not in {each.name for each in situations}
    assert SCENARIOS["read-order-is-append-order"] in situations
    assert SCENARIOS["read-order-is-append-order"].judge(Core()) == []
