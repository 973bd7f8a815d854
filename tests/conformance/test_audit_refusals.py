"""What is no audit is refused: the reference and the twin, and one that takes what it is given."""

from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import audit_refusals
from tornproof_conformance.scenarios.scenario import Scenario
from tornproof_conformance.subjects.reference import (
    AuditMiniature,
    ReferenceSubject,
    find_subject,
)
from tornproof_models.miniatures.small_audit import SmallAuditStore

SCENARIOS = [each for each in vars(audit_refusals).values() if isinstance(each, Scenario)]


@requirement("AUD-15", "AUD-18")
def test_the_reference_and_the_twin_refuse_what_is_no_audit() -> None:
    """In every field, on both sides of each bound."""
    twin = AuditMiniature("small audit", SmallAuditStore)

    for subject in (ReferenceSubject(), twin):
        assert [scenario.judge(subject) for scenario in SCENARIOS] == [[], []]


@requirement("AUD-15", "AUD-18")
def test_who_takes_what_it_is_given_is_found_out() -> None:
    """By both, each under its own name."""
    subject = find_subject("audit/takes-what-it-is-given")

    found = [{each.requirement for each in scenario.judge(subject)} for scenario in SCENARIOS]

    assert found == [{"AUD-15"}, {"AUD-18"}]
