"""What takes a recording, or a look at the process, convicts wrong adapters."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import tornproof_conformance.checks.catalogue  # noqa: F401 - enters the exercises
from click.testing import CliRunner
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import ExerciseCase
from tornproof_conformance.cases.exercises import RECORDED, try_exercise
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.checks import Budget, recovery_memory
from tornproof_conformance.checks.audit_index import ADAPTER_AUDITS, audit_vectors, shows_records
from tornproof_conformance.checks.group_commits import ADAPTER_GROUP_COMMIT
from tornproof_conformance.checks.recovery_memory import MEMORY
from tornproof_conformance.cli import main
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.recorder import recorders
from tornproof_conformance.scenarios import SCENARIOS

from tests.conformance.finished import finished
from tests.recorders import needs_recorder

HERE = Path(__file__).parent

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this system has no /proc"
)


def command(name: str) -> Sequence[str]:
    """Return what starts a wrong adapter."""
    return [sys.executable, str(HERE / "wrong_crowds.py"), name]


@contextmanager
def running(name: str) -> Iterator[AdapterSubject]:
    """Start one."""
    with AdapterSubject.running(command(name)) as subject:
        yield subject


def found_by(exercised: str, subject: AdapterSubject) -> set[str]:
    """Put an adapter through an exercise, recorded if that takes it."""
    with for_case(subject, ExerciseCase(exercised)) as judged:
        assert isinstance(judged, RecordedSubject) == (exercised in RECORDED)
        return {violation.requirement for violation in try_exercise(exercised, judged, ())}


@needs_recorder
@requirement("AUD-13", "GRP-1", "GRP-2", "GRP-3", "GRP-7", "RDR-6")
@pytest.mark.parametrize(
    ("name", "exercised", "expected"),
    [
        ("ToldTooEarly", "shared-syncs", {"GRP-1"}),
        ("OneSyncEach", "shared-syncs", {"GRP-2"}),
        ("FailureKept", "fail-together", {"GRP-3"}),
        ("GoesOn", "fail-together", {"GRP-3"}),
        ("ClosesUnsynced", "close-together", {"GRP-7"}),
        ("ShowsEverything", "show-what-lasts", {"RDR-6"}),
        ("ShowsNothing", "show-what-lasts", {"RDR-6"}),
        ("SyncsLater", "audit-power", {"AUD-13"}),
    ],
)
def test_a_recording_convicts(name: str, exercised: str, expected: set[str]) -> None:
    """By syncs that are counted, that fail, or that are not there when the power goes."""
    with running(name) as subject:
        assert expected <= found_by(exercised, subject)


def test_without_a_recorder_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is given, and the requirements stay uncovered."""
    monkeypatch.setattr(recorders, "why_not_ptrace", lambda: "ptrace is not allowed")
    with running("OneSyncEach") as subject:
        problems, covered = finished(ADAPTER_GROUP_COMMIT.run(subject, Budget()))

    assert problems == []
    assert not covered.is_conclusive
    assert "ptrace is not allowed" in covered.words


@pytest.fixture
def few_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make journals of 1, 8 and 16 MiB, of larger records."""
    sizes = ((8, 128 << 10), (64, 128 << 10), (128, 128 << 10))
    monkeypatch.setattr(recovery_memory, "JOURNALS", sizes)


@needs_proc
@requirement("REC-9")
@pytest.mark.usefixtures("few_records")
def test_a_journal_in_memory_is_noticed() -> None:
    """One that reads all of its files at once holds them all."""
    with running("ReadsAtOnce") as subject:
        assert found_by("memory", subject) == {"REC-9"}


@needs_proc
@requirement("REC-9")
@pytest.mark.usefixtures("few_records")
def test_a_buffer_of_a_fixed_size_is_no_journal_in_memory() -> None:
    """It is as large as a journal of 8 MiB, and hardly larger with one of 16."""
    with running("BuffersUpToALimit") as subject:
        assert found_by("memory", subject) == set()


@needs_proc
@requirement("REC-9")
@pytest.mark.usefixtures("few_records")
def test_garbage_is_no_journal_in_memory() -> None:
    """A runtime that collects late is told to collect early."""
    with running("CollectsLate") as subject:
        assert found_by("memory", subject) == set()


@requirement("REC-9")
def test_a_library_that_returns_everything_is_not_judged_by_its_memory() -> None:
    """What the caller asked for is the caller's; the adapter says so in `hello`."""
    with running("ReturnsEverything") as subject:
        assert MEMORY.covers(subject) == frozenset()
        assert finished(MEMORY.run(subject, Budget()))[0] == []


@needs_proc
def test_who_does_not_open_shows_no_memory() -> None:
    """A refusal, an end or a silence says nothing of REC-9."""
    with running("OpensNoLongJournal") as subject:
        problems, covered = finished(MEMORY.run(subject, Budget()))

    assert problems == []
    assert not covered.is_conclusive
    assert "not today" in covered.words


@needs_proc
@requirement("AUD-12", "GRP-5", "GRP-7")
@pytest.mark.parametrize(
    ("name", "scenario", "expected"),
    [
        ("RecentByScan", "the-recent-cost-no-scan", "AUD-12"),
        ("HundredAtMost", "a-crowd-is-answered-and-so-is-a-lone-record", "ADP-8"),
        ("StaysOpen", "what-comes-after-a-close-is-refused", "GRP-7"),
        ("AppendsAfterClose", "closed-is-closed", "ADP-6"),
    ],
)
def test_a_situation_convicts(name: str, scenario: str, expected: str) -> None:
    """By the scenarios that are played in this process as well."""
    with running(name) as subject:
        assert SCENARIOS[scenario].applies(subject)
        assert {each.requirement for each in SCENARIOS[scenario].judge(subject)} == {expected}


@requirement("AUD-12", "AUD-16")
@pytest.mark.parametrize(
    ("name", "vector", "expected"),
    [
        ("RecordsInAnyOrder", "aud/record-plain", "AUD-16"),
        ("NoIndexOfTime", "aud/keys-of-one-audit", "AUD-12"),
    ],
)
def test_a_vector_convicts(name: str, vector: str, expected: str) -> None:
    """By bytes that an adapter shows; who has no index of time breaks a SHOULD, and no MUST."""
    with running(name) as subject:
        found = try_exercise("audit-vector", subject, (vector,))

    assert {violation.requirement for violation in found} == {expected}


def test_who_shows_no_records_is_not_judged_by_them() -> None:
    """Then AUD-16 is left out."""
    with running("NoIndexOfTime") as subject:
        assert shows_records(subject)
        assert "AUD-16" in ADAPTER_AUDITS.covers(subject)
        assert {case["kind"] for case in audit_vectors(subject)} == {
            "layout",
            "query",
            "puts",
            "record",
        }
        subject.implementation = subject.implementation.__class__("index", claims=("audit/core",))
        assert ADAPTER_AUDITS.requirements - ADAPTER_AUDITS.covers(subject) == {
            "AUD-1",
            "AUD-2",
            "AUD-16",
        }


@needs_recorder
def test_the_verdict_and_the_reproducer(tmp_path: Path) -> None:
    """The run ends with exit code 1, and what it saved fails again."""
    runner = CliRunner()
    where = ["--reproducers", str(tmp_path), "--json"]
    wrong = command("ShowsEverything")
    ran = runner.invoke(main, ["check", "reading", *where, "--", *wrong])
    events = [json.loads(line) for line in ran.stdout.splitlines()]

    assert ran.exit_code == 1
    violated = {each["requirement"] for each in events if each.get("verdict") == "violated"}
    assert violated == {"RDR-6"}
    (saved,) = tmp_path.glob("*.json")
    again = runner.invoke(main, ["replay", str(saved), "--", *wrong])
    assert again.exit_code == 1
