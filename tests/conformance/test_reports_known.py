"""Known failures: excused, expired, no longer true."""

from datetime import date
from pathlib import Path

import pytest
from tornproof.errors import Invalid
from tornproof_conformance.specification.requirements import UnknownRequirement
from tornproof_conformance.stream.known_failures import excuse, read_known
from tornproof_conformance.stream.run_events import RequirementJudged, RunFinished

from tests.conformance.report_runs import FAILING, events_of

TODAY = date(2026, 11, 21)


def entry(identifier: str, expires: str = "2026-11-21") -> str:
    """An entry of a file of known failures."""
    return (
        f'[[known]]\nid = "{identifier}"\nreason = "The cut is not synced."\n'
        f'link = "https://example.org/issues/17"\nexpires = {expires}\n'
    )


ALL = entry("REC-2") + entry("REC-4") + entry("REC-3")
"""Everything that the failing run found."""


def judge(tmp_path: Path, text: str) -> tuple[dict[str, str], RunFinished]:
    """Excuse the failing run; return the state of each entry that has one, and the end."""
    path = tmp_path / "known.toml"
    path.write_text(text)
    *rest, finished = excuse(events_of(FAILING), read_known(path), TODAY)
    assert isinstance(finished, RunFinished)
    judged = [each for each in rest if isinstance(each, RequirementJudged)]
    return {each.requirement: each.excuse.state for each in judged if each.excuse}, finished


def test_a_known_failure_does_not_fail_the_run(tmp_path: Path) -> None:
    """The last day counts; the verdict stays what it is."""
    states, finished = judge(tmp_path, ALL)
    assert states == {"REC-2": "known", "REC-3": "known", "REC-4": "known"}
    assert (finished.conforms, finished.succeeds) == (False, True)


def test_an_unknown_failure_beside_a_known_one_fails_the_run(tmp_path: Path) -> None:
    """An entry excuses its own requirement alone."""
    assert not judge(tmp_path, entry("REC-2"))[1].succeeds


def test_an_expired_one_fails_the_run(tmp_path: Path) -> None:
    """The day after the last it excuses nothing."""
    states, finished = judge(tmp_path, ALL.replace("2026-11-21", "2026-11-20", 1))
    assert states["REC-2"] == "expired"
    assert not finished.succeeds


def test_an_unexpected_pass_fails_the_run(tmp_path: Path) -> None:
    """A requirement that holds has to be taken off the list."""
    states, finished = judge(tmp_path, ALL + entry("REC-1"))
    assert states["REC-1"] == "unexpected pass"
    assert not finished.succeeds


def test_what_was_not_covered_is_left_alone(tmp_path: Path) -> None:
    """A run that did not look says nothing about an entry."""
    states, finished = judge(tmp_path, ALL + entry("JRN-7"))
    assert "JRN-7" not in states
    assert finished.succeeds


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("known = 1", "is not of type 'array'"),
        ("[[known", "is not TOML"),
        ("[[known]]\nid = " + "9" * 5000, "is not TOML"),
        (entry("REC-2").replace("reason", "because"), "'because'|'reason'"),
        (entry("REC-2").replace("https:", "javascript:"), "does not match"),
        (entry("REC-2", '"soon"'), "does not match"),
        (entry("REC-2", "2026-02-30"), "is not TOML"),
        (entry("REC-2", '"2026-02-30"'), "expires on no day"),
        (entry("REC-2") * 2, "listed twice"),
    ],
)
def test_a_file_that_lacks_something_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    """Reason, link and last day are not optional; the refusal names the file."""
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(Invalid, match=r"known\.toml") as refusal:
        read_known(path)
    assert any(each in str(refusal.value) for each in complaint.split("|"))


def test_an_id_that_no_chapter_states_is_refused(tmp_path: Path) -> None:
    """A slip in an id would excuse nothing and never be noticed."""
    path = tmp_path / "known.toml"
    path.write_text(entry("REC-222"))
    with pytest.raises(UnknownRequirement):
        read_known(path)


@pytest.mark.parametrize(
    "second",
    [
        'id = "REC-2"\nreason = "r"\nlink = "l"\nexpires = 2027-01-31',
        'id = "REC-99"\nreason = "r"\nlink = "l"\nexpires = 2027-01-31',
        'id = "REC-3"\nlink = "l"\nexpires = 2027-01-31',
        'id = "REC-3"\nreason = "r"\nlink = "l"\nexpires = "2027-13-31"',
    ],
    ids=["twice", "unknown", "no reason", "no day"],
)
def test_a_refusal_names_the_line_of_the_entry(tmp_path: Path, second: str) -> None:
    """The second entry begins on line 7."""
    path = tmp_path / "known.toml"
    first = '[[known]]\nid = "REC-2"\nreason = "r"\nlink = "l"\nexpires = 2027-01-31\n'
    path.write_text(f"{first}\n[[known]]\n{second}\n", encoding="utf-8")
    with pytest.raises((Invalid, UnknownRequirement), match=r"known\.toml:7: "):
        read_known(path)
