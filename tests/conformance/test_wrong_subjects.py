"""Scenarios and exercises convict journals, audit indexes and drainers that are wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tornproof_conformance.checks.catalogue  # noqa: F401 - enters the exercises
from tornproof_conformance.adapter.arming import faults_of, programs_of
from tornproof_conformance.cases.exercises import try_exercise
from tornproof_conformance.checks.audit_index import audit_vectors
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_models.contract.delivery import Mode

from tests.conformance.named_adapter import NamedAdapter


@pytest.fixture(scope="module")
def served() -> Iterator[NamedAdapter]:
    """Every wrong subject, and the right ones, behind one command."""
    command = [sys.executable, str(Path(__file__).with_name("wrong_subjects.py"))]
    with NamedAdapter.running(command) as subject:
        assert isinstance(subject, NamedAdapter)
        yield subject


@requirement("RDR-2", "RDR-5", "GRP-4", "SEG-7")
@pytest.mark.parametrize(
    ("name", "scenario", "expected"),
    [
        ("FollowsFromTheStart", "a-reader-keeps-up", "RDR-5"),
        ("ReadersLeaveMarks", "a-reader-leaves-no-trace", "RDR-2"),
        ("OffsetsTurnedRound", "each-is-told-its-own-offset", "GRP-4"),
        ("CleansNothing", "cleanup-keeps-what-a-cursor-needs", "SEG-7"),
    ],
)
def test_a_wrong_journal_is_found_out(
    name: str, scenario: str, expected: str, served: NamedAdapter
) -> None:
    """By the situations that only an adapter, or a reader, is put into."""
    served.serves = name
    found = SCENARIOS[scenario].judge(served)

    assert expected in {violation.requirement for violation in found}


@requirement("DRN-1", "DRN-12", "DRN-13", "CHN-5")
@pytest.mark.parametrize(
    ("name", "faults", "expected"),
    [
        ("VolatileInDisguise", ("die at commit, visit 1",), "DRN-1"),
        ("SaysDrained", (), "DRN-12"),
        ("ShownTwice", (), "DRN-1"),
        ("CountsRefusals", (), "DRN-13"),
        ("FindsBreaks", (), "CHN-5"),
    ],
)
def test_a_wrong_queue_is_found_out(
    name: str, faults: tuple[str, ...], expected: str, served: NamedAdapter
) -> None:
    """By counting what is there, what is said, and what is verified."""
    served.serves = name
    found = try_exercise("delivery", served, ("drainer/durable", *faults))

    assert expected in {violation.requirement for violation in found}


@requirement("AUD-7", "AUD-13", "AUD-15")
@pytest.mark.parametrize(
    ("name", "expected"),
    [("OldestFirst", "AUD-7"), ("NothingKept", "AUD-13"), ("LimitIgnored", "AUD-15")],
)
def test_a_wrong_index_is_found_out(name: str, expected: str, served: NamedAdapter) -> None:
    """By the machine that judges indexes in this process as well."""
    served.serves = name
    found = try_exercise("audit-programs", served, ("1", "12", "15"))

    assert expected in {violation.requirement for violation in found}


def test_a_vector_is_enough_for_an_order(served: NamedAdapter) -> None:
    """Oldest first fails the frozen question for the three most recent."""
    served.serves = "OldestFirst"
    found = try_exercise("audit-vector", served, ("aud/recent-three-of-five",))

    assert {violation.requirement for violation in found} == {"AUD-7"}


def test_the_reference_passes_what_the_wrong_ones_fail(served: NamedAdapter) -> None:
    """Out of process, with the same words."""
    served.serves = "right"
    asked = [
        ("delivery", ("drainer/durable",)),
        ("delivery", ("drainer/durable", "die at commit, visit 1")),
        ("delivery", ("drainer/volatile", "panic at insert, visit 1")),
        ("delivery", ("drainer/durable", "commit_ambiguous at commit, visit 1")),
        ("delivery", ("drainer/durable", "unique_race at insert, visit 1")),
        ("audit-programs", ("1", "12", "15")),
        ("audit-vector", ("aud/recent-three-of-five",)),
    ]
    found = [try_exercise(name, served, words) for name, words in asked]

    assert len(audit_vectors(served)) == 38

    assert found == [[]] * len(asked)


def test_every_fault_is_armed_alone_and_in_pairs(served: NamedAdapter) -> None:
    """Seven points, six actions where they make sense, two visits; two faults never at one."""
    faults = faults_of(served)
    programs = list(programs_of(faults, Mode.DURABLE))

    assert len({fault.point for fault in faults}) == 7
    assert len(faults) == (4 * 7 + 2) * 2
    assert [len(program) for program in programs].count(2) == len(faults)
    assert len(programs) == len(set(programs))
