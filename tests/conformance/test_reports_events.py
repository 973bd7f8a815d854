"""The stream of events, on disk and back."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tornproof.errors import Invalid
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.specification.places import specification_directory
from tornproof_conformance.stream.event_file import KINDS, read_events, write_events
from tornproof_conformance.stream.run_events import (
    CheckStarted,
    RequirementJudged,
    RunFinished,
    RunStarted,
    ViolationFound,
    encode_event,
)
from tornproof_conformance.stream.versions import SPECIFICATION, VECTORS

from tests.conformance.report_runs import FAILING, PASSING, events_of, record_of


@pytest.mark.parametrize("path", [PASSING, FAILING], ids=["passing", "failing"])
def test_what_is_written_reads_the_same(path: Path, tmp_path: Path) -> None:
    """Writing a run and reading it again gives the same events."""
    with (tmp_path / "again.ndjson").open("w", encoding="utf-8") as file:
        passed_on = tuple(write_events(events_of(path), file))
    assert passed_on == read_events(tmp_path / "again.ndjson") == events_of(path)


def test_a_file_tells_the_story_of_a_violation() -> None:
    """The smallest program, the crash in three lanes, the bytes and the records are there."""
    found = next(each for each in record_of(FAILING).violations if each.requirement == "REC-2")
    assert found.program == ("open(immediate, segments of 512 bytes)", "append(600 bytes)")
    assert found.crash_model == "prefix"
    lanes = {moment.lane for crash in found.crashes for moment in crash.after}
    assert lanes == {"calls", "writes", "syncs"}
    (file,) = found.crashes[0].files
    assert (file.size, file.frames) == (512, ((0, 512, "length 600 reaches beyond the file"),))


def test_every_event_has_a_schema() -> None:
    """The schema describes each kind of event by its name, and no others."""
    schema = json.loads((specification_directory() / "schema/events.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    described = [case["if"]["properties"]["event"]["const"] for case in schema["allOf"]]
    assert described == list(KINDS)


def test_the_version_of_the_vectors_is_that_of_their_schema() -> None:
    """What a verdict names is what the vectors' own schema demands."""
    schema = json.loads((specification_directory() / "schema/vector.schema.json").read_text())
    assert schema["properties"]["vectors"]["const"] == VECTORS


def test_the_version_of_the_specification_is_stated_in_it() -> None:
    """What a verdict names is what the specification says of itself."""
    assert f"version {SPECIFICATION} of the specification" in (
        specification_directory() / "index.md"
    ).read_text(encoding="utf-8")


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    """A run that was killed while it wrote can be read up to there."""
    torn = tmp_path / "torn.ndjson"
    torn.write_text(PASSING.read_text()[:-30])
    record = record_run(read_events(torn))
    assert record.finished is None
    assert len(record.verdicts) == len(record_of(PASSING).verdicts)


def test_what_a_later_version_adds_is_passed_over(tmp_path: Path) -> None:
    """Events and fields that are not known do no harm."""
    first, *rest = PASSING.read_text().splitlines()
    later = {**json.loads(first), "weather": "fair"}
    path = tmp_path / "later.ndjson"
    path.write_text("\n".join([json.dumps(later), '{"event": "Weather"}', *rest, ""]))
    assert read_events(path) == events_of(PASSING)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "is not JSON"),
        ("[]", "is no event"),
        ('{"event": "CheckStarted", "check": "faults"}', "'title' is a required property"),
        ('{"event": "CheckStarted", "check": 1, "title": ""}', "$.check: 1 is not of type"),
        ('{"event": "RunStarted", "format": "tornproof-events/9"}', "this version reads"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(line: str, complaint: str, tmp_path: Path) -> None:
    """The refusal names file and line, and says what is wrong there."""
    path = tmp_path / "bad.ndjson"
    path.write_text(PASSING.read_text().splitlines()[0] + f"\n{line}\n")
    with pytest.raises(Invalid, match=r"bad\.ndjson:2") as refusal:
        read_events(path)
    assert complaint in str(refusal.value)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """A file that does not begin with a run is none of ours."""
    path = tmp_path / "other.ndjson"
    path.write_text(encode_event(CheckStarted("faults", "everything fails")) + "\n")
    with pytest.raises(Invalid, match="does not begin with RunStarted"):
        read_events(path)


def test_events_are_told_in_order() -> None:
    """A run begins, tells violations before verdicts, and ends."""
    kinds = [type(event) for event in events_of(FAILING)]
    assert kinds[0] is RunStarted
    assert kinds[-1] is RunFinished
    assert kinds.index(ViolationFound) < kinds.index(RequirementJudged)
