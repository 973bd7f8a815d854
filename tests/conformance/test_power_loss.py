"""
Power loss and failing system calls, on an adapter that is right and on its wrong brothers.

The adapter is `recorded/log.c`, a journal in one file; its arguments break it.
"""

import json
import math
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from attrs import evolve
from click.testing import CliRunner
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.cases.phases import harshness_of
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.cases.shrinking import repeat, shrink_problem
from tornproof_conformance.checks import Budget, Clock, Covered, crash_search, io_errors
from tornproof_conformance.checks.boundaries import CONTENTS, Geometry
from tornproof_conformance.checks.crash_search import CrashSearch
from tornproof_conformance.checks.fault_places import LARGE, FaultPlaces, Place
from tornproof_conformance.checks.kills import KILLS
from tornproof_conformance.checks.power_loss import POWER_LOSS
from tornproof_conformance.cli import main
from tornproof_conformance.kit import refusal
from tornproof_conformance.power.recorded_session import CannotTrace, RecordedDisk
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.recorder import recorders
from tornproof_conformance.recorder.lines import Unreadable
from tornproof_conformance.recorder.marks import Conversation
from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.ptrace.injection import CallMade
from tornproof_conformance.recorder.strace import CannotRecord
from tornproof_conformance.story.stories import mention
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.barriers import BarrierSearch
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import (
    Append,
    Content,
    Fail,
    Kill,
    KillAt,
    Program,
    Reopen,
    Step,
    Submit,
    grow_payload,
)
from tornproof_models.crash.recovery import Recovered
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.subject import JournalUnderTest, Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault, Kind
from tornproof_models.disk.trace import (
    MARKS,
    Acked,
    Create,
    Failed,
    Flushed,
    Image,
    Invoked,
    Mark,
    Observed,
    Rename,
    Sync,
    SyncDirectory,
    SyncFailed,
    Write,
)

from tests.conformance.finished import finished

SOURCE = Path(__file__).parent / "recorded" / "log.c"
OPTIONS = Options(4096)
JOURNAL = 1
"""The inode of the directory that an adapter is given."""

Start = Callable[..., AdapterSubject]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the adapter."""
    if reason := recorders.why_not_ptrace():
        pytest.skip(reason)
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed (package gcc)")
    binary = tmp_path_factory.mktemp("adapter") / "log"
    subprocess.run(["gcc", "-O1", "-o", str(binary), str(SOURCE), "-lpthread"], check=True)
    return binary


@pytest.fixture
def start(log: Path) -> Iterator[Start]:
    """Return what starts the adapter, with its bugs for arguments."""
    with ExitStack() as running:

        def start(*bugs: str) -> AdapterSubject:
            return running.enter_context(AdapterSubject.running([str(log), *bugs]))

        yield start


@pytest.fixture
def recorded(start: Start) -> Iterator[Callable[..., RecordedSubject]]:
    """Return what starts the adapter so that it is recorded."""
    with ExitStack() as running:

        def recorded(*bugs: str) -> RecordedSubject:
            return running.enter_context(RecordedSubject.of(start(*bugs)))

        yield recorded


def operations(running: Run) -> list[object]:
    """Return what a run did to its disk, without the marks."""
    return [event for event in running.filesystem.trace.events if not isinstance(event, MARKS)]


def frame(payload: bytes) -> bytes:
    """Return a record as the adapter writes it: length, FNV-1a and payload."""
    checksum = 2166136261 ^ len(payload)
    for byte in payload:
        checksum = (checksum ^ byte) * 16777619 % (1 << 32)
    return len(payload).to_bytes(4, "little") + checksum.to_bytes(4, "little") + payload


# Recorded


def test_marks_stand_between_the_operations_of_a_call(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """The promise comes after the sync that it rests on, and after nothing else."""
    payload = grow_payload(5, 0)

    trace = run((Append(5),), recorded(), OPTIONS).filesystem.trace

    assert trace.initial == Image({}, frozenset({"/journal"}))
    assert trace.events == (
        Create(JOURNAL, "log.new", 2),
        Sync(2),
        Rename(JOURNAL, "log.new", JOURNAL, "log"),
        SyncDirectory(JOURNAL),
        Observed(()),
        Invoked(0, "append", payload),
        Write(2, 0, frame(payload)),
        Sync(2),
        Acked(0, 0, True),
    )


def test_a_trace_goes_on_after_closing_and_after_a_kill(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """Another process on the same files continues with the inodes that there are."""
    running = run((Append(5), Reopen(), Kill(), Append(6)), recorded(), OPTIONS)

    assert running.violations == []
    created = [event.inode for event in operations(running) if isinstance(event, Create)]
    assert created == [2, 3, 4]
    assert operations(running)[-2:] == [Write(4, 13, frame(grow_payload(6, 1))), Sync(4)]


def follow_by_strace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes that are started from now on be recorded by strace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (package strace)")
    place = "tornproof_conformance.power.recorded_session.new_recorder"
    monkeypatch.setattr(place, recorders.StraceRecorder)


def test_what_cannot_be_traced_gives_no_trace(recorded: Callable[..., RecordedSubject]) -> None:
    """A trace with a gap is none."""
    running = run((Append(5),), recorded("moved_in"), OPTIONS)

    with pytest.raises(CannotTrace, match="came from outside the directory"):
        _ = running.filesystem.trace


def test_strace_records_the_same(
    recorded: Callable[..., RecordedSubject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ptrace does not serve, its log gives the same operations and marks."""
    program = (Append(5), Reopen(), Kill(), Append(600))
    traced = run(program, recorded(), OPTIONS).filesystem.trace

    follow_by_strace(monkeypatch)

    assert run(program, recorded(), OPTIONS).filesystem.trace == traced


def test_strace_lets_nothing_fail(
    recorded: Callable[..., RecordedSubject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that cannot strike is refused, and not taken for one that did no harm."""
    follow_by_strace(monkeypatch)

    with pytest.raises(CannotRecord, match="lets calls fail"):
        run((Fail(1, Fault.ERROR), Append(5)), recorded(), OPTIONS)


def test_records_handed_over_together_are_noted_in_the_order_they_were_taken() -> None:
    """Which was first only the offsets tell; all were handed over before anything was done."""

    class Journal:
        def submit(self, payloads: Sequence[bytes]) -> list[int]:
            running.filesystem.events.append(Write(1, 0, b"".join(payloads)))
            return [6, 0]

    running = Run(find_subject("reference"), OPTIONS)
    running.journal = cast("JournalUnderTest", Journal())

    running.step(Submit((5, 6)))

    first, second = grow_payload(5, 0), grow_payload(6, 1)
    assert running.filesystem.events == [
        Invoked(1, "append", second),
        Invoked(0, "append", first),
        Write(1, 0, first + second),
        Acked(1, 0, True),
        Acked(0, 6, True),
    ]
    assert running.history.owed == ((0, second), (6, first))


# Judged


def test_a_log_that_cannot_be_read_is_no_failure_of_the_adapter(
    recorded: Callable[..., RecordedSubject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives no trace, rather than one with a refusal in it."""
    follow_by_strace(monkeypatch)
    subject = recorded()
    monkeypatch.setattr(
        "tornproof_conformance.recorder.lines.split_arguments",
        lambda _: (_ for _ in ()).throw(Unreadable("nobody can read this")),
    )

    running = run((Append(5),), subject, OPTIONS)

    assert running.violations == []
    with pytest.raises(CannotTrace, match="nobody can read this"):
        _ = running.filesystem.trace


def judge(subject: AdapterSubject) -> tuple[dict[str, Problem], Covered]:
    """Run the check on every program of one operation."""
    problems, covered = finished(POWER_LOSS.run(subject, Budget(operations=1, seconds=600)))
    return {found.violation.requirement: found for found in problems}, covered


def test_a_right_adapter_passes(start: Start) -> None:
    """And the report says what that rests on."""
    problems, covered = judge(start())

    assert problems == {}
    assert covered.is_conclusive
    assert covered.crash_models == CLAIMED
    # four stores are created; while there is time, three programs have large records
    assert covered.counts["programs"] >= 8 + 4
    assert covered.counts["images"] > 200


@pytest.mark.parametrize(
    ("bug", "requirement", "crash_model"),
    [
        ("no-sync", "JRN-3", "prefix"),
        ("no-directory-sync", "JRN-3", "adversarial"),
        ("early", "JRN-3", "prefix"),
        ("dies", "REC-1", "prefix"),
    ],
)
def test_a_wrong_adapter_is_caught_in_the_mildest_crash_model(
    bug: str, requirement: str, crash_model: str, start: Start
) -> None:
    """Each bug shows in the crash model that allows what it overlooks, and in no milder one."""
    problems, _ = judge(start(bug))

    case = problems[requirement].case
    assert isinstance(case, ProgramCase)
    assert case.crash_model == crash_model


def test_what_cannot_be_recorded_is_not_judged(start: Start) -> None:
    """The reason takes the place of a verdict."""
    problems, covered = judge(start("moved_in"))

    assert problems == {}
    assert not covered.is_conclusive
    assert "came from outside the directory" in covered.words


def test_where_nothing_may_be_traced_there_is_no_verdict(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill tests go on without a recorder, and the report says why there is none."""
    monkeypatch.setattr(recorders, "why_not_ptrace", lambda: "ptrace is not allowed")
    problems, covered = judge(start())

    assert problems == {}
    assert not covered.is_conclusive
    assert "ptrace is not allowed" in covered.words


SOON = Budget(operations=1, seconds=5)
"""Time for the first programs, which are tried in any case."""


def test_stores_through_a_mapping_are_judged(start: Start) -> None:
    """Records that are stored and synced by msync last, and the report tells of batches."""
    problems, covered = finished(POWER_LOSS.run(start("mapped"), SOON))

    assert problems == []
    assert covered.is_conclusive
    assert covered.counts["batches"] >= covered.counts["every_store"] >= 1
    assert "of stores through mappings, order unknown" in covered.words


def test_an_msync_that_does_not_wait_promises_nothing(start: Start) -> None:
    """With MS_ASYNC an acknowledged record is lost."""
    problems, _ = finished(POWER_LOSS.run(start("async"), SOON))

    assert "JRN-3" in {problem.violation.requirement for problem in problems}


def test_the_order_of_stores_is_seen_by_stepping(start: Start) -> None:
    """A header that is stored before its payload shows a record of zeros after a kill."""
    problems, _ = finished(POWER_LOSS.run(start("trusting"), SOON))

    shown = [problem for problem in problems if problem.violation.requirement == "JRN-5"]
    found = min(shown, key=harshness_of)
    assert isinstance(found.case, ProgramCase)
    assert (found.case.crash_model, found.case.every_store) == ("process-kill", True)
    with for_case(start("trusting"), found.case) as subject:
        assert repeat(found.case, "JRN-5", subject)


def test_a_problem_shrinks(start: Start) -> None:
    """Program and crash become as small as they do in this process."""
    program: Program = (Append(600), Append(24), Reopen(), Append(5))
    case = ProgramCase(program, OPTIONS, "adversarial")
    adapter = start("no-sync")
    with for_case(adapter, case) as subject:
        trace = run(program, subject, OPTIONS).filesystem.trace
        findings = Explorer(subject, OPTIONS, CRASH_MODELS["adversarial"], depth=1).explore(trace)
        [finding] = [each for each in findings if each.violation.requirement == "JRN-3"]
        smallest = shrink_problem(Problem(finding.violation, case, finding, trace), subject)

    assert isinstance(smallest.case, ProgramCase)
    assert smallest.case.program == (Append(5),)
    assert smallest.case.crash_model == "prefix"


def test_barriers_of_an_adapter(recorded: Callable[..., RecordedSubject]) -> None:
    """The sync of an append is load-bearing; that of an empty new file is not."""
    subject = recorded()
    trace = run((Append(5),), subject, OPTIONS).filesystem.trace

    found = {
        (barrier.path, barrier.call): barrier.crash_model
        for barrier in BarrierSearch(subject, OPTIONS).barriers(trace)
    }

    assert found == {
        ("/journal/log.new", "open"): None,
        ("/journal", "open"): "adversarial",
        ("/journal/log", "append, call 0"): "prefix",
    }


# Resident


def images(count: int) -> list[Image]:
    """Return images of one record each, and its beginning alone at every third."""
    frames = [frame(grow_payload(9, n)) for n in range(count)]
    contents = [each[:-1] if n % 3 == 0 else each for n, each in enumerate(frames)]
    return [Image({"/journal/log": each}, frozenset({"/journal"})) for each in contents]


def none_left_alone(outcomes: Sequence[Recovered | None]) -> list[Recovered]:
    """Return what came of images, of each of which something must have come."""
    known = [each for each in outcomes if each is not None]
    assert len(known) == len(outcomes)
    return known


def test_a_resident_recovers_every_image_in_order(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """More than are on their way at a time; each outcome belongs to its image."""
    outcomes = none_left_alone(recorded().recover_images(images(100), OPTIONS))

    whole = [() if n % 3 == 0 else ((0, grow_payload(9, n)),) for n in range(100)]
    assert [each.records for each in outcomes] == whole
    assert [each.cut for each in outcomes] == [n % 3 == 0 for n in range(100)]
    assert {each.error for each in outcomes} == {""}


def test_a_process_whose_number_stands_in_a_file_is_dead_when_that_is_recovered(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """A lock file of the recorded process must not look as if somebody held it."""
    subject = recorded("owned")

    left = run((Append(5),), subject, OPTIONS).filesystem.image
    (outcome,) = none_left_alone(subject.recover_images([left], OPTIONS))

    assert outcome.error == ""


def test_a_resident_that_dies_is_replaced(recorded: Callable[..., RecordedSubject]) -> None:
    """Its death is the outcome of one image; the next is recovered by another process."""
    outcomes = none_left_alone(recorded("dies").recover_images(images(10), OPTIONS))

    died = [n for n, each in enumerate(outcomes) if each.records is None]
    assert died == [0, 3, 6, 9]
    assert outcomes[0].error == "the process ended with exit code 3"
    assert outcomes[1].records == ((0, grow_payload(9, 1)),)


def test_what_was_recovered_before_a_silence_is_judged(
    recorded: Callable[..., RecordedSubject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter that keeps silent too often ends the search, and not what was found by then."""
    subject = recorded("no-sync")
    search = CrashSearch(subject, Clock.start(Budget(seconds=inf), 1))
    recover_images = RecordedSubject.recover_images

    def answer_once(self: RecordedSubject, *args: Any, **how: Any) -> Any:
        outcomes = recover_images(self, *args, **how)
        monkeypatch.setattr(RecordedSubject, "is_left_alone", True)
        return outcomes

    monkeypatch.setattr(RecordedSubject, "recover_images", answer_once)
    with pytest.raises(OutOfPatience):
        search.run((Append(5),), OPTIONS)

    lost = next(each for each in search.tell() if each.violation.requirement == "JRN-3")
    [crash] = mention(lost, subject, "lost.json").crashes
    assert crash.lost


def test_what_was_recovered_is_judged_when_the_time_is_over(
    recorded: Callable[..., RecordedSubject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crash points whose turn never came have their images judged, and no more are recovered."""
    subject = recorded("no-sync")
    search = CrashSearch(subject, Clock.start(Budget(seconds=inf), 1))
    monkeypatch.setattr(crash_search, "time", SimpleNamespace(monotonic=lambda: inf))
    search.run((Append(5),), OPTIONS)
    assert not list(search.tell())
    recovered = subject.recovered

    found = {each.violation.requirement for each in search.conclude()}

    assert "JRN-3" in found
    assert subject.recovered == recovered


def test_recovery_that_is_a_matter_of_luck_is_noticed(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """Some images are recovered twice, and another outcome violates REC-3."""
    right, wrong = recorded(), recorded("forgetful")
    right.recordings = wrong.recordings = 10

    right.recover_images(images(100), OPTIONS)
    wrong.recover_images(images(100), OPTIONS)

    assert right.watched > 5
    assert right.disagreements == []
    assert {each.requirement for each in wrong.disagreements} == {"REC-3"}


# Failing calls


def test_a_sync_can_be_made_to_fail(recorded: Callable[..., RecordedSubject]) -> None:
    """The fault strikes the call that the rehearsal has found, and no other."""
    running = run((Append(5), Fail(2, Fault.ERROR), Append(6)), recorded(), OPTIONS)

    assert operations(running)[-2:] == [Write(2, 13, frame(grow_payload(6, 1))), SyncFailed(2)]
    assert running.filesystem.trace.events[-1] == Failed(1, False)


def test_a_sync_that_failed_must_not_be_ignored(recorded: Callable[..., RecordedSubject]) -> None:
    """What was acknowledged after it is gone with the power."""
    subject = recorded("ignore-errors")
    running = run((Fail(2, Fault.ERROR), Append(5)), subject, OPTIONS)

    found = Explorer(subject, OPTIONS, CRASH_MODELS["prefix"], depth=1).explore(
        running.filesystem.trace, since=running.armed_after
    )

    assert [each.violation.requirement for each in found] == ["JRN-3"]


def test_a_disk_can_be_full(recorded: Callable[..., RecordedSubject]) -> None:
    """A write does nothing, or half of what it should; the half is really there."""
    subject = recorded()

    nothing = run((Fail(1, Fault.NO_SPACE), Append(6)), subject, OPTIONS)
    half = run((Fail(1, Fault.SHORT_THEN_NO_SPACE), Append(6)), subject, OPTIONS)

    assert nothing.filesystem.struck_since(0)
    assert half.filesystem.struck_since(0)
    assert operations(nothing)[-1] == SyncDirectory(JOURNAL)
    assert operations(half)[-1] == Write(2, 0, frame(grow_payload(6, 0))[:7])


def test_an_opening_that_failed_with_the_disk_may_be_tried_again(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """Recovery could not write; that is no violation if it can be opened afterwards."""
    program = (Append(6), Fail(3, Fault.SHORT_THEN_NO_SPACE), Reopen())

    running = run(program, recorded(), OPTIONS)

    assert running.violations == []
    assert running.filesystem.struck_since(0)
    assert running.history.settled == ((0, grow_payload(6, 0)),)


# Kills


@pytest.mark.parametrize(("is_after", "written"), [(False, 0), (True, 1)])
def test_a_process_is_killed_at_a_chosen_call(
    is_after: bool, written: int, recorded: Callable[..., RecordedSubject]
) -> None:
    """Before the write of the second record it is not there; after it, it is."""
    program = (Append(5), KillAt(1, is_after), Append(6), Append(7))

    running = run(program, recorded(), OPTIONS)

    second = frame(grow_payload(6, 1))
    data = [event.data for event in operations(running) if isinstance(event, Write)]
    disk = running.filesystem
    assert isinstance(disk, RecordedDisk)
    assert running.violations == []
    assert [str(call) for call in disk.struck] == ["pwrite64(/journal/log)"]
    assert data.count(second) == written


def test_a_store_that_a_kill_has_spoilt_ends_the_program(
    recorded: Callable[..., RecordedSubject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing opens after such a kill, that is the finding, and no step follows."""
    opened = RecordedSubject.open
    times = iter([True])

    def once(*arguments: Any, **options: Any) -> JournalUnderTest:
        if next(times, False):
            return opened(*arguments, **options)
        raise refusal("corrupt", "the second opening finds garbage")

    monkeypatch.setattr(RecordedSubject, "open", once)

    running = run((Append(5), KillAt(1, is_after=True), Append(6), Append(7)), recorded(), OPTIONS)

    assert [found.requirement for found in running.violations] == ["REC-1"]
    assert "the second opening finds garbage" in running.violations[0].message


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `kills` come to the least that a verdict needs, however busy the machine is."""
    monkeypatch.setattr("tornproof_conformance.checks.kills.LATEST", math.inf)


@pytest.mark.usefixtures("unhurried")
def test_every_call_of_a_step_is_killed(start: Start) -> None:
    """A journal that is right survives a kill before and after each of its calls."""
    problems, covered = finished(KILLS.run(start(), Budget(seconds=0.1)))

    assert problems == []
    assert covered.counts["kills"] >= 8  # of an append that writes and syncs, both ways


@pytest.mark.usefixtures("unhurried")
def test_a_kill_at_a_chosen_call_finds_who_answers_too_early(start: Start) -> None:
    """A journal that writes behind its answer loses records to a kill, and is found out."""
    problems, _ = finished(KILLS.run(start("behind"), Budget(seconds=0.1)))

    assert "JRN-3" in {problem.violation.requirement for problem in problems}


def test_what_is_slow_does_not_spend_the_whole_budget_on_kills(start: Start) -> None:
    """Where twice its share is over, `kills` ends below its floor and says so."""
    problems, covered = finished(KILLS.run(start(), Budget(seconds=0)))

    assert (problems, covered.missing) == ([], "25 programs with a kill (2 done)")


# Commands


def test_record_and_explore(log: Path, tmp_path: Path) -> None:
    """A trace that was recorded can be judged again, by an adapter or without one."""
    path = tmp_path / "trace.json"
    runner = CliRunner()

    made = runner.invoke(main, ["record", "-o", str(path), "--program", "append:5", "--", str(log)])
    shown = runner.invoke(main, ["explore", "--json", str(path)])
    kept = runner.invoke(main, ["explore", str(path), "--", str(log)])
    broken = runner.invoke(main, ["explore", str(path), "--", str(log), "forgetful"])
    syncs = runner.invoke(main, ["barriers", "--json", "--program", "append:5", "--", str(log)])

    assert [each.exit_code for each in (made, shown, kept, broken, syncs)] == [0, 0, 0, 1, 0]
    assert json.loads(syncs.stdout)["score"] == pytest.approx(2 / 3)
    counts = {
        each["crash_model"]: each["images"] for each in json.loads(shown.stdout)["crash_models"]
    }
    assert counts["prefix"] == "10"
    assert "every promise is kept" in kept.output


def test_recording_what_cannot_be_traced_is_inconclusive(log: Path, tmp_path: Path) -> None:
    """Exit code 4, and the reason."""
    command = [
        "record",
        "-o",
        str(tmp_path / "t"),
        "--program",
        "append:5",
        "--",
        str(log),
        "moved_in",
    ]

    result = CliRunner().invoke(main, command)

    assert result.exit_code == 4
    assert "came from outside the directory" in result.output


# Marks


def hear(*lines: tuple[Stream, str]) -> list[Mark]:
    """Return the marks of a conversation."""
    conversation = Conversation()
    return [m for stream, text in lines for m in conversation.hear(stream, text.encode())]


ASKED, SAID = Stream.REQUESTS, Stream.REPLIES
PAYLOAD = b64encode(b"hello").decode()


def test_a_conversation_leaves_marks() -> None:
    """
    Appends, promises, and what the first scan after an opening shows.

    A request that was handed over early begins when the one before it is answered.
    """
    record = f'{{"offset": 0, "payload": "{PAYLOAD}"}}'
    append = f'"op": "journal.append", "args": {{"payload": "{PAYLOAD}", "durable": false}}'
    found = hear(
        (ASKED, '{"id": 1, "op": "journal.open", "args": {"dir": "/d"}}\n'),
        (SAID, '{"id": 1, "ok": {"first": 0, "end": 9}}\n'),
        (ASKED, '{"id": 2, "op": "journal.scan", "args": {}}\n'),
        (SAID, f'{{"id": 2, "ok": {{"records": [{record}], "end": "clean"}}}}\n'),
        (ASKED, f'{{"id": 3, {append}}}\n{{"id": 4, {append}}}\n'),
        (SAID, '{"id": 3, "ok": {"off'),
        (SAID, 'set": 9}}\n{"id": 4, "error": {"code": "io", "definite": true}}\n'),
        (ASKED, '{"id": 5, "op": "journal.sync", "args": {}}\n'),
        (SAID, '{"id": 5, "ok": {"durable": 18}}\n'),
        (ASKED, '{"id": 6, "op": "journal.scan", "args": {}}\n'),
        (SAID, f'{{"id": 6, "ok": {{"records": [{record}], "end": "clean"}}}}\n'),
    )

    assert found == [
        Observed(((0, b"hello"),)),
        Invoked(0, "append", b"hello"),
        Acked(0, 9, False),
        Invoked(1, "append", b"hello"),
        Failed(1, True),
        Flushed("sync"),
    ]


def test_another_language_leaves_none() -> None:
    """Whatever a program reads and prints, it is no promise."""
    assert hear((ASKED, "1 + 1\n[]\n{}\n"), (SAID, "2\nnull\n")) == []


@pytest.mark.parametrize("bug", ["no-directory-sync", "behind"])
def test_any_number_of_jobs_finds_and_counts_the_same(log: Path, bug: str) -> None:
    """Given the same work, images that are shared among processes change nothing."""
    results = []
    for jobs in (1, 2, 3):
        with (
            AdapterSubject.running([str(log), bug], jobs=jobs) as adapter,
            RecordedSubject.of(adapter) as subject,
        ):
            subject.recordings = 3
            search = CrashSearch(subject, Clock(inf, 0), ("prefix", "adversarial"))
            search.run((Append(600), Append(600)), OPTIONS)
            while not search.is_done:
                search.deepen()
            found = [(each.violation, each.case) for each in search.tell()]
            results.append((found, search.coverage, subject.recovered, subject.watched))

    assert results[0][0]
    assert results[0] == results[1] == results[2]


def test_one_call_of_each_place_fails_first(recorded: Callable[..., RecordedSubject]) -> None:
    """A place is a call, the role of its file and a step; each fault strikes what it names."""
    subject = recorded()
    places = FaultPlaces.of(subject)
    search = io_errors.Search(subject, Clock(inf, 0), ("process-kill",))
    errors = [each for each in places.first if each.fault is Fault.ERROR]

    found = [problem for each in errors for problem in search.inject(each, ())]

    assert found == []
    assert [each.place for each in errors] == list(places.places)
    assert {("pwrite64", "/journal/log"), ("fsync", "/journal/log")} <= {
        (each.call, each.role) for each in places.places
    }
    assert list(search.struck) == list(places.places)
    assert search.strayed == 0
    assert {each.fault for each in places.first} > {Fault.ERROR, Fault.NO_SPACE, Fault.NO_QUOTA}


def test_a_fault_that_strikes_another_call_does_not_count(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """Whoever makes other calls than when they were listed is not taken to have been tried."""
    subject = recorded()
    first = FaultPlaces.of(subject).first[0]
    search = io_errors.Search(subject, Clock(inf, 0), ("process-kill",))

    list(search.inject(evolve(first, place=evolve(first.place, call="rename")), ()))

    assert search.strayed == 1
    assert not search.struck


def test_files_of_one_role_are_one_place() -> None:
    """The second segment of a log is what the first is."""
    calls = [CallMade(1, "write", Kind.WRITE, path) for path in ("/seg-01.wal", "/seg-02.wal")]
    assert len({Place.of(call, Append(5)) for call in calls}) == 1


def test_a_further_call_of_a_step_is_a_place_of_its_own() -> None:
    """A second write that fails leaves half a step, unlike the first; a third is alike."""

    class Writer:
        claims = frozenset({"journal/core"})

        def calls_of(self, program: Program, options: Options) -> tuple[CallMade, ...]:  # noqa: ARG002
            if LARGE not in program:
                return ()
            return tuple(CallMade(number, "write", Kind.WRITE, "/log") for number in range(3))

    places = FaultPlaces.of(cast("RecordedSubject", Writer()))

    struck = {(each.nth, each.place.is_further) for each in places.first}
    assert struck == {(1, False), (2, True)}
    assert {each.nth for each in places.others} == {1, 2, 3}
    assert len(places.places) == 2


@pytest.mark.parametrize("step", [Kill, Append])
def test_what_follows_a_failed_call_may_be_a_kill_or_a_record(step: type[Step]) -> None:
    """A record that follows may mend what a kill would have shown (Turso 0.1.3)."""
    assert any(isinstance(after[0], step) for after in io_errors.NEEDED)


# What depends on the format


@pytest.mark.parametrize(
    ("bug", "units"), [("page", (4096, 32_768, 2048)), ("unsaid", (4096, 32_768))]
)
def test_geometry_is_what_is_said_and_what_is_seen(
    recorded: Callable[..., RecordedSubject], bug: str, units: tuple[int, ...]
) -> None:
    """A frame has eight bytes before its payload; pages show only where they are said."""
    subject = recorded(bug)

    geometry = Geometry.of(subject, subject.geometry)

    assert geometry == Geometry(units, first=8, added=8)


def test_a_filler_brings_the_next_payload_to_a_boundary(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """So many bytes of a unit of 4 KiB are left before the second payload."""
    subject = recorded("page")
    geometry = Geometry.of(subject, subject.geometry)

    for left in (0, 100, -8):
        filler = geometry.filler(4096, left)
        trace = run((*filler, Append(256)), subject, OPTIONS).filesystem.trace
        written = [event for event in trace.events if isinstance(event, Write)]
        assert (written[-1].offset + 8 + left) % 4096 == 0


@pytest.mark.parametrize("unit", [16, 48, 1 << 18])
def test_small_and_large_units_are_reached_as_well(
    recorded: Callable[..., RecordedSubject], unit: int
) -> None:
    """A long way to a boundary is durable, so that the crashes are those of the last records."""
    subject = recorded()
    geometry = Geometry((unit,), first=8, added=8)
    search = CrashSearch(subject, Clock(inf, 0), ("prefix",))
    search.run((Append(600), Append(256)), OPTIONS, needed=False)
    of_two_records = search.coverage.crash_points

    for program in geometry.crossing():
        search.run(program, OPTIONS, needed=False)
        trace = run(program, subject, OPTIONS).filesystem.trace

    written = [event for event in trace.events if isinstance(event, Write)]
    assert (written[-1].offset + 8 + 100) % unit == 0
    assert not list(search.tell())
    assert search.coverage.crash_points == 2 * of_two_records


@requirement("JRN-3")
def test_a_loss_at_the_end_of_a_page_needs_a_filler(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """A record that crosses a page is lost, and none of two small ones does."""
    subject = recorded("page")
    geometry = Geometry.of(subject, subject.geometry)
    search = CrashSearch(subject, Clock(inf, 0), ("prefix",))
    search.run((Append(5), Append(600)), OPTIONS)
    assert not list(search.tell())

    for program in geometry.crossing():
        search.run(program, OPTIONS, needed=False)

    assert {each.violation.requirement for each in search.tell()} == {"JRN-3"}


@requirement("JRN-3")
def test_a_payload_of_zeros_is_taken_for_the_end(
    recorded: Callable[..., RecordedSubject],
) -> None:
    """Random bytes do not show it, zeros do."""
    subject = recorded("blank")
    search = CrashSearch(subject, Clock(inf, 0), ("process-kill",))
    search.run((Append(600), Append(24)), OPTIONS)
    assert not list(search.tell())

    for program in CONTENTS:
        search.run(program, OPTIONS, needed=False)

    assert "JRN-3" in {each.violation.requirement for each in search.tell()}


@pytest.mark.parametrize("content", Content)
def test_no_two_payloads_are_equal(content: Content) -> None:
    """Whatever a payload holds, it has its length, and the next one differs."""
    first, second = (grow_payload(600, call, content) for call in (0, 1))

    assert len(first) == len(second) == 600
    assert first != second
    assert len(grow_payload(1, 0, content)) == 1
