"""The kept results of the survey: what a table says of a run."""

import json
import re
import sys
from pathlib import Path

import pytest
from attrs import evolve
from tornproof.errors import Invalid
from tornproof_conformance.stream.event_file import write_events
from tornproof_conformance.stream.run_events import (
    CrashStory,
    Progress,
    RequirementJudged,
    RunEvent,
    ViolationFound,
)
from tornproof_conformance.survey.entries import Entry, directory, entries
from tornproof_conformance.survey.examinations import examinations, keep, kept_file
from tornproof_conformance.survey.harm import examine
from tornproof_conformance.survey.pairs import CHECK, pairs
from tornproof_conformance.survey.results import (
    as_document,
    badge,
    condensed,
    mildest_of,
    read_result,
    results,
)

from tests.conformance.report_runs import FAILING, events_of

ENTRY = entries()["sqlite-delete"]


def kept(tmp_path: Path, *events: RunEvent) -> Path:
    """Keep a run as the command does."""
    path = tmp_path / "run.ndjson"
    with path.open("w") as file:
        assert list(write_events(condensed(iter(events)), file))
    return path


def test_every_kept_result_is_of_an_entry_and_can_be_read() -> None:
    """A file has the name of an entry, and none was refused."""
    names = {path.stem for path in (directory() / "results").glob("*.ndjson")}
    assert names
    assert {each.entry.name for each in results()} == names


def test_a_result_names_the_mildest_crash_of_each_phase(tmp_path: Path) -> None:
    """The run of a journal that appends behind a torn tail fails, and says from where on."""
    result = read_result(ENTRY, kept(tmp_path, *events_of(FAILING)))
    assert result.verdict == "fails"
    assert "later" in result.phases
    assert badge(result)["color"] in ("red", "yellow")


def test_kept_events_hold_no_bytes_and_no_paths(tmp_path: Path) -> None:
    """Progress, contents, reproducers and commands are left out."""
    path = kept(tmp_path, *events_of(FAILING))
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert "Progress" not in {each["event"] for each in events}
    found = [each for each in events if each["event"] == "ViolationFound"]
    assert {each["reproducer"] + each["command"] for each in found} == {""}
    contents = {f["content"] for each in found for c in each["crashes"] for f in c["files"]}
    assert contents == {""}


def test_of_a_requirement_in_a_phase_the_smallest_finding_is_kept(tmp_path: Path) -> None:
    """A finding is told when it is found, and once more when it was made smaller."""
    events = events_of(FAILING)
    found = next(each for each in events if isinstance(each, ViolationFound))
    at = events.index(found)
    larger = evolve(found, program=("append", "append", "append"))
    told = kept(tmp_path, *events[:at], larger, *events[at:]).read_text()
    assert told == kept(tmp_path, *events).read_text()


def test_what_starved_is_kept_with_what_it_needs(tmp_path: Path) -> None:
    """A reader of a row sees for which requirements too little was tried, and why."""
    events = [
        evolve(each, verdict="starved", reason="kills needs 25 programs (18 done)")
        if isinstance(each, RequirementJudged) and each.requirement == "JRN-2"
        else each
        for each in events_of(FAILING)
    ]
    result = read_result(ENTRY, kept(tmp_path, *events))
    assert as_document(result)["starved"]["JRN-2"] == "kills needs 25 programs (18 done)"


def test_a_machine_that_is_too_slow_convicts_nobody(tmp_path: Path) -> None:
    """A finding that rests on an answer that did not come in time counts as not judged."""
    events = [each for each in events_of(FAILING) if not isinstance(each, Progress)]
    slow = [
        evolve(each, message="recovery failed: NoReply: no reply to journal.open in 10 s")
        if isinstance(each, ViolationFound)
        else each
        for each in events
    ]
    result = read_result(ENTRY, kept(tmp_path, *slow))
    assert result.findings == ()
    assert result.verdict != "fails"


def test_a_kill_is_told_from_no_crash() -> None:
    """SIGKILL takes no crash model, and is a crash all the same."""
    first = next(each for each in events_of(FAILING) if isinstance(each, ViolationFound))
    alive = evolve(first, crash_model=None, crashes=tuple[CrashStory, ...]())
    assert mildest_of(evolve(alive, program=("append(5 bytes)", "SIGKILL; open()"))) == "SIGKILL"
    assert mildest_of(evolve(alive, program=("append(5 bytes)",))) == "no crash"


def test_every_kept_examination_is_of_an_entry_and_names_no_path_of_a_machine() -> None:
    """The rows of the table come from the list, and nobody's directories are published."""
    assert {each.entry.name for each in examinations()} <= set(entries())
    assert not re.search(r"/(home|root|work|tmp)/", kept_file().read_text("utf-8"))


def test_an_examination_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    """What is kept stands in the order of the list, once for each entry."""
    path = tmp_path / "examined.ndjson"
    first, second = (
        {"name": name, "found": "1", "times": ["later"], "harms": []}
        for name in ("gdbm", "sqlite-delete")
    )
    keep([first], path)
    keep([second, {**first, "found": "2"}], path)
    assert [(each.entry.name, each.version) for each in examinations(path)] == [
        ("sqlite-delete", "1"),
        ("gdbm", "2"),
    ]


def test_a_published_bug_tells_its_two_versions_apart() -> None:
    """What prometheus/tsdb#451 describes is found in v0.2.0 by `tornproof check`, not in v0.3.0."""
    found = {pair.vulnerable.name: pair for pair in pairs()}
    pair = found["tsdb-0.2.0"]
    assert pair.source == CHECK
    assert [gone.requirement for gone in pair.gone] == ["REC-4"]


def test_harm_of_both_versions_is_not_gone() -> None:
    """tsdb loses records in both versions when its directory is not synced (JRN-3)."""
    found = {pair.vulnerable.name: pair for pair in pairs()}
    assert "JRN-3" not in {gone.requirement for gone in found["tsdb-0.2.0"].gone}


def test_an_adapter_that_does_not_work_is_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter that cannot open anything does no harm to a log: it is refused."""
    script = tmp_path / "adapter.py"
    script.write_text(BROKEN)
    monkeypatch.setattr(Entry, "runnable", (sys.executable, str(script)))
    with pytest.raises(Invalid, match="without any crash"):
        list(examine(ENTRY))


BROKEN = """
from tornproof_conformance.kit import Adapter, refusal

adapter = Adapter("broken", ["journal/core"], version="1")

@adapter.journal
def opened(directory):
    raise refusal("corrupt", "this never opens", definite=False)
    yield

adapter.serve()
"""
