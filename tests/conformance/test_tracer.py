"""
What the recorder by ptrace sees of programs that store through mappings, and what it lets fail.

The programs are in `recorded/mapped.c`; what they store was written down from that source by
hand.  Every recording is also replayed and compared with the directory that the program left.
"""

import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tornproof_conformance.recorder.ptrace import durability
from tornproof_conformance.recorder.ptrace.injection import CallFault, Effect
from tornproof_conformance.recorder.ptrace.pages import CannotWatch
from tornproof_conformance.recorder.recorders import TracingRecorder, record, why_not_ptrace
from tornproof_conformance.recorder.result import Recorded
from tornproof_models.disk.faults import Kind
from tornproof_models.disk.trace import Event, PartialSync, Stored, Sync, Write

SOURCE = Path(__file__).parent / "recorded" / "mapped.c"
PAGE = 4096
Brief = list[object]
Trace = Callable[..., Recorded]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the programs."""
    if reason := why_not_ptrace():
        pytest.skip(reason)
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (package gcc)")
    binary = tmp_path_factory.mktemp("programs") / "mapped"
    subprocess.run(
        ["cc", "-O1", "-Wall", "-Werror", "-o", str(binary), str(SOURCE), "-lpthread"], check=True
    )
    return binary


@pytest.fixture
def tracer() -> TracingRecorder:
    """A recorder that has not started anything yet."""
    return TracingRecorder()


@pytest.fixture
def traced(
    programs: Path, tracer: TracingRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Trace:
    """Return what records a program in an empty directory."""
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)

    def traced(program: str) -> Recorded:
        return record([str(programs), program], directory, tmp_path / "log", recorder=tracer)

    return traced


def brief(events: Sequence[Event]) -> Brief:
    """Say what was stored, written and synced: the bytes that are not zero, and where."""
    said: Brief = []
    for event in events:
        match event:
            case Stored(_, parts):
                said.append([(offset, data.strip(b"\0")) for offset, data in parts])
            case Write(_, offset, data):
                said.append((offset, data.strip(b"\0")))
            case PartialSync(_, start, end, missed):
                said.append(("sync", start, end, missed))
            case Sync():
                said.append("sync")
    return said


BATCHES: dict[str, Brief] = {
    "up": [[(0, b"x"), (PAGE, b"y")], ("sync", 0, 2 * PAGE, 0)],
    "down": [[(0, b"x"), (PAGE, b"y")], ("sync", 0, 2 * PAGE, 0)],
    "between": [
        [(0, b"x")],
        ("sync", 0, PAGE, 0),
        [(0, b"y")],
        ("sync", 0, PAGE, 0),
        [(0, b"yz")],
    ],
    "async": [[(0, b"x")]],
    "outlives": [[(0, b"x")], ("sync", 0, PAGE, 0), [(512, b"y")]],
    "fork": [
        [(0, b"p"), (PAGE, b"c")],
        ("sync", PAGE, 2 * PAGE, 0),
        [(PAGE, b"cd")],
        [(2 * PAGE, b"q")],
        ("sync", 0, 4 * PAGE, 0),
    ],
    "growth": [[(0, b"x")], [(3 * PAGE, b"y")], ("sync", 0, 4 * PAGE, 0)],
    "protect": [[(0, b"x")], ("sync", 0, PAGE, 0)],
    "deleted": [[(0, b"x")], [(0, b"xy")], ("sync", 0, PAGE, 0)],
    "exec": [[(0, b"x")]],
    "kill": [[(0, b"x")], ("sync", 0, PAGE, 0), [(0, b"xy")]],
    "mremap": [[(15 * PAGE, b"x")], ("sync", 0, 16 * PAGE, 0)],
    "mixed": [[(0, b"x")], (1, b"ab"), [(0, b"xyb")], "sync", [(0, b"xyz")]],
    "offset": [[(2 * PAGE, b"x".rjust(8, b"\0").strip(b"\0"))], ("sync", 2 * PAGE, 3 * PAGE, 0)],
    "private": [(PAGE, b"w")],
}
"""What is found between two calls stands together, as nobody knows its order."""


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("program", BATCHES)
def test_finds_what_was_stored_between_two_calls(
    program: str, whole: bool, traced: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the kernel telling which pages were written, and by comparing whole files."""
    if whole:

        def cannot(*_: int) -> None:
            raise CannotWatch("this kernel does not tell")

        monkeypatch.setattr(durability, "watch", cannot)

    assert brief(traced(program).trace.events) == BATCHES[program]


ONE_BY_ONE: dict[str, Brief] = {
    "up": [(0, b"x"), (PAGE, b"y"), ("sync", 0, 2 * PAGE, 0)],
    "down": [(PAGE, b"y"), (0, b"x"), ("sync", 0, 2 * PAGE, 0)],
    "between": [(0, b"x"), ("sync", 0, PAGE, 0), (0, b"y"), ("sync", 0, PAGE, 0), (1, b"z")],
    "mixed": [(0, b"x"), (1, b"ab"), (1, b"y"), "sync", (2, b"z")],
    "offset": [(2 * PAGE + 7, b"x"), ("sync", 2 * PAGE, 3 * PAGE, 0)],
    "string": [(100 + n, b"twelve bytes"[n : n + 1]) for n in range(12)],
    "private": [(PAGE, b"w")],
}


@pytest.mark.parametrize("program", ONE_BY_ONE)
def test_sees_every_store_in_its_order(
    program: str, traced: Trace, tracer: TracingRecorder
) -> None:
    """One by one, and a string instruction byte by byte."""
    tracer.see_every_store()

    assert brief(traced(program).trace.events) == ONE_BY_ONE[program]


@pytest.mark.parametrize("program", ["threads", "tail", "shrink", "storm", "appends"])
def test_the_recording_gives_the_directory(program: str, traced: Trace) -> None:
    """Whatever the order was, nothing is overlooked: `record` replays and compares."""
    assert any(isinstance(event, Stored | Write) for event in traced(program).trace.events)


@pytest.mark.parametrize("program", ["threads", "tail", "shrink"])
def test_every_store_gives_the_directory(
    program: str, traced: Trace, tracer: TracingRecorder
) -> None:
    """Also where one instruction stores over several pages, or two threads store."""
    tracer.see_every_store()

    assert traced(program).untraceable == ()


def test_writing_nothing_is_nothing(traced: Trace) -> None:
    """A write of no bytes, from nowhere, leaves no operation."""
    assert brief(traced("nothing").trace.events) == []


@pytest.mark.parametrize(("program", "named"), [("narrow", ["write"]), ("narrow elsewhere", [])])
def test_a_call_of_32_bits_is_named(
    program: str, named: list[str], traced: Trace, tracer: TracingRecorder
) -> None:
    """It makes a program untraceable if it changes a file of the directory."""
    found = traced(program).untraceable

    if tracer.code:
        pytest.skip("this kernel has no calls of 32 bits")
    assert [each.call for each in found] == named


# Faults


def test_a_call_fails_exactly(
    traced: Trace, tracer: TracingRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """The third write does nothing and returns the error; the others are as they were."""
    tracer.recording.injector.arm(CallFault(Effect.ERROR, 3, Kind.WRITE))

    found = traced("writes")

    assert capfd.readouterr().out.split() == ["10", "10", "-1", "10", "10", "0"]
    assert [each.offset for each in found.trace.events if isinstance(each, Write)] == [
        0,
        10,
        30,
        40,
    ]


def test_a_chosen_kind_of_call_fails(
    traced: Trace, tracer: TracingRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first sync is the sixth call that changes or syncs a file, and fails all the same."""
    tracer.recording.injector.arm(CallFault(Effect.ERROR, 1, Kind.SYNC, "/a"))

    traced("writes")

    assert capfd.readouterr().out.split()[-1] == "-1"
    assert [str(each) for each in tracer.recording.injector.struck] == ["fsync(/a)"]


def test_a_write_is_really_short(
    traced: Trace, tracer: TracingRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """The kernel writes half and says so, and there is no space for the next."""
    tracer.recording.injector.arm(CallFault(Effect.SHORT, 2, Kind.WRITE))

    found = traced("writes")

    assert capfd.readouterr().out.split() == ["10", "5", "-1", "10", "10", "0"]
    assert (10, b"01234") in brief(found.trace.events)


def test_a_vector_is_really_short(
    traced: Trace, tracer: TracingRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """Half of nine bytes are written from the first two buffers, which are then as before."""
    tracer.recording.injector.arm(CallFault(Effect.SHORT_ONCE, 1, Kind.WRITE))

    found = traced("vector")

    assert capfd.readouterr().out == "4 3 4 2 9\n"
    assert brief(found.trace.events) == [(0, b"abcd"), (4, b"abcdefghi")]


@pytest.mark.parametrize("nth", range(1, 6))
@pytest.mark.parametrize(("effect", "done"), [(Effect.KILL_BEFORE, 0), (Effect.KILL_AFTER, 1)])
def test_a_kill_at_a_call(
    effect: Effect, done: int, nth: int, traced: Trace, tracer: TracingRecorder
) -> None:
    """Killed before a call, it has not happened; killed after, it has."""
    tracer.recording.injector.arm(CallFault(effect, nth, Kind.WRITE))

    traced("writes")

    assert Path("a").stat().st_size == 10 * (nth - 1 + done)
    assert tracer.code == -signal.SIGKILL


def test_what_goes_to_nowhere_is_no_reply(
    tracer: TracingRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process writes to /dev/null, where the output of this one goes as well: nothing is said."""
    with Path("/dev/null").open("w") as nowhere:
        monkeypatch.setattr("sys.__stdout__", nowhere)
        process = tracer.spawn(["echo", "unheard"], stdout=subprocess.DEVNULL)
        process.wait()
        tracer.close()

    assert tracer.recording.replies == 0
