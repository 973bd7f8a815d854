"""A violation beyond what a documentation promises is told, and fails nothing."""

import json

import pytest
from attrs import evolve
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.report.words import rests_on
from tornproof_conformance.specification.places import specification_directory
from tornproof_conformance.stream.beyond_promises import excuse_beyond, is_promised
from tornproof_conformance.stream.event_file import read_events
from tornproof_conformance.stream.run_events import RunEvent, RunFinished, ViolationFound
from tornproof_models.disk.crash_models import CLAIMED

from tests.conformance.report_runs import FAILING


def only_in(crash_model: str | None) -> list[RunEvent]:
    """Return a failing run whose violations all need a crash in one crash model."""
    return [
        evolve(event, crash_model=crash_model) if isinstance(event, ViolationFound) else event
        for event in read_events(FAILING)
    ]


def test_a_promise_covers_what_is_milder() -> None:
    """Who survives ext4 survives a kill; no crash at all is always promised."""
    assert is_promised("process-kill", ("ext4",))
    assert is_promised("ext4", ("ext4",))
    assert not is_promised("adversarial", ("ext4",))
    assert is_promised(None, ("process-kill",))


@pytest.mark.parametrize(
    ("crash_model", "fails"), [("adversarial", False), ("prefix", True), (None, True)]
)
def test_only_what_is_promised_fails(crash_model: str | None, fails: bool) -> None:
    """The run passes if every violation needs a harsher crash than the documentation covers."""
    stream = list(excuse_beyond(only_in(crash_model), ("ext4",)))
    record = record_run(stream)

    assert record.has_failed is fails
    told = [rests_on(each) for each in record.verdicts if each.verdict == "violated"]
    assert told
    assert all(("no promise: it happens only in" in each) is not fails for each in told)


def test_a_verdict_stays_what_it_is() -> None:
    """What is excused is violated all the same, and the run does not conform."""
    *_, finished = excuse_beyond(only_in("adversarial"), ("ext4",))

    assert isinstance(finished, RunFinished)
    assert finished.violated > 0
    assert not finished.conforms


def test_hello_names_the_crash_models_that_there_are() -> None:
    """The schema and the table of crash models agree."""
    path = specification_directory() / "schema" / "protocol.schema.json"
    hello = json.loads(path.read_text(encoding="utf-8"))["$defs"]["hello"]

    assert hello["properties"]["ok"]["properties"]["survives"]["items"]["enum"] == list(CLAIMED)
