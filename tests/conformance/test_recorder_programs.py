"""
What small programs with known system calls do to their files, as the recorder tells it.

The programs are in `recorded/calls.c`; the traces were written down from that source by
hand.  Every recording is also replayed and compared with the directory that the program
left, which `record` does itself.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tornproof_conformance.adapter.left_behind import read_tree
from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.recorders import (
    Recorder,
    StraceRecorder,
    TracingRecorder,
    record,
    why_not_ptrace,
)
from tornproof_conformance.recorder.result import Recorded, RecordingDiffers, replayed
from tornproof_conformance.recorder.strace import CannotRecord, find_strace
from tornproof_models.disk.trace import (
    NAMELESS,
    ROOT,
    Create,
    Event,
    Exchange,
    Image,
    Link,
    MakeDirectory,
    PartialSync,
    Rename,
    Stored,
    Sync,
    SyncDirectory,
    SyncFilesystem,
    Truncate,
    Unlink,
    Write,
    WritebackStarted,
)

SOURCE = Path(__file__).parent / "recorded" / "calls.c"

Record = Callable[..., Recorded]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the programs."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed (package gcc)")
    binary = tmp_path_factory.mktemp("programs") / "calls"
    subprocess.run(
        ["gcc", "-Wall", "-Werror", "-o", str(binary), str(SOURCE), "-lpthread"], check=True
    )
    return binary


@pytest.fixture(params=["ptrace", "strace"])
def recorded(
    request: pytest.FixtureRequest,
    programs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Record:
    """Return what records a program in an empty directory, where it is started."""
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)

    if request.param == "ptrace" and (reason := why_not_ptrace()):
        pytest.skip(reason)
    if request.param == "strace" and shutil.which("strace") is None:
        pytest.skip("strace is not installed (package strace)")

    def recorded(name: str, standard_input: bytes = b"") -> Recorded:
        log = tmp_path / "log"
        recorder: Recorder = TracingRecorder()
        if request.param == "strace":
            recorder = StraceRecorder(log)
        command = [str(programs), name]
        return record(command, directory, log, standard_input=standard_input, recorder=recorder)

    return recorded


A, B, C = 1, 2, 3
"""Inodes, in the order in which files are made."""

TRACES: dict[str, list[Event]] = {
    "exchanged": [
        Create(ROOT, "a", A),
        Create(ROOT, "b", B),
        Exchange(ROOT, "a", ROOT, "b"),
    ],
    "positions": [
        Create(ROOT, "a", A),
        Write(A, 0, b"hello"),
        Write(A, 0, b"J"),
        Write(A, 5, b"!"),
        Write(A, 4, b"O"),
        Write(A, 8, b"far"),
    ],
    "appending": [
        Create(ROOT, "a", A),
        Write(A, 0, b"one"),
        Write(A, 3, b"two"),
        Write(A, 0, b"O"),
        Write(A, 6, b"three"),
    ],
    "vectors": [
        Create(ROOT, "a", A),
        Write(A, 0, b"abcde"),
        Write(A, 1, b"abcde"),
        Write(A, 5, b"abcde"),
        Write(A, 0, b"ab"),
        PartialSync(A, 0, 2, 0, data_only=True),
        Write(A, 10, b"ab"),
    ],
    "synced": [
        Create(ROOT, "a", A),
        Create(ROOT, "b", B),
        Write(A, 0, b"unsynced"),
        Write(A, 8, b"durable"),
        PartialSync(A, 8, 15, 0, data_only=True),
        Write(B, 0, b"both"),
        PartialSync(B, 0, 4, 0),
    ],
    "paths": [
        MakeDirectory(ROOT, "d", 1),
        Create(ROOT, "a", 2),
        Write(2, 0, b"up"),
        MakeDirectory(1, "e", 3),
        Create(3, "f", 4),
        Write(4, 0, b"deep"),
        Rename(3, "f", 1, "g"),
        Link(1, "h", 4),
        Rename(1, "h", 3, "h"),
        Unlink(1, "g"),
        SyncDirectory(1),
    ],
    "names": [
        Create(ROOT, "a", A),
        Write(A, 0, b"first"),
        Create(ROOT, "b", B),
        Write(B, 0, b"second"),
        Rename(ROOT, "b", ROOT, "a"),
        Link(ROOT, "c", B),
        Unlink(ROOT, "c"),
        MakeDirectory(ROOT, "d", 3),
        Rename(ROOT, "a", 3, "a"),
        Rename(ROOT, "d", ROOT, "e"),
        Unlink(3, "a"),
        Unlink(ROOT, "e"),
        Create(ROOT, "f", 4),
    ],
    "duplicates": [
        Create(ROOT, "a", A),
        *(Write(A, n, b"%d" % (n + 1)) for n in range(7)),
        Create(ROOT, "b", B),
        Write(B, 0, b"8"),
    ],
    "copies": [
        Create(ROOT, "a", A),
        Create(ROOT, "b", B),
        Write(A, 0, b"abcdef"),
        Write(B, 2, b"bcd"),
        Write(B, 0, b"ab"),
        Write(B, 2, b"ef"),
        Write(B, 4, b"!"),
        Write(A, 6, b"?"),
    ],
    "sizes": [
        Create(ROOT, "a", A),
        Write(A, 0, b"0123456789"),
        Truncate(A, 4),
        Truncate(A, 6),
        Truncate(A, 12),
        Write(A, 1, b"\0\0"),
        Truncate(A, 0),
    ],
    "syncs": [
        Create(ROOT, "a", A),
        Write(A, 0, b"1"),
        Sync(A),
        Sync(A, data_only=True),
        SyncDirectory(ROOT),
        WritebackStarted(A, 0, 1),
        Write(A, 1, b"2"),
        SyncFilesystem(),
        Create(ROOT, "b", B),
        Write(B, 0, b"3"),
        SyncFilesystem(),
    ],
    "exec": [
        Create(ROOT, "a", A),
        Create(ROOT, "b", B),
        Write(A, 0, b"kept"),
        Create(ROOT, "c", C),
        Write(C, 0, b"new"),
    ],
    "forked": [
        Create(ROOT, "a", A),
        Write(A, 0, b"parent "),
        Write(A, 7, b"child "),
        Write(A, 13, b"again"),
        Create(ROOT, "b", B),
        Write(B, 0, b"here"),
    ],
    "threads": [
        Create(ROOT, "a", A),
        MakeDirectory(ROOT, "d", 2),
        Write(A, 0, b"opened by another"),
        Create(2, "b", 3),
        Write(3, 0, b"where another went"),
    ],
    "mapped_reading": [Create(ROOT, "a", A), Truncate(A, 4096)],
    "mapped_harmless": [Create(ROOT, "base-shm", A), Truncate(A, 4096)],
    "killed": [Create(ROOT, "a", A), Write(A, 0, b"before")],
}


@pytest.mark.parametrize("name", TRACES)
def test_records_what_a_program_did(name: str, recorded: Record) -> None:
    """Each call comes out as what it does to files, whatever way it names them."""
    found = recorded(name)

    assert list(found.trace.events) == TRACES[name]
    assert found.untraceable == ()


@pytest.mark.parametrize("recorded", ["strace"], indirect=True)
@pytest.mark.parametrize(
    ("name", "call", "reason"),
    [
        ("mapped", "mmap", "maps a as writable shared memory"),
        ("mapped_later", "mprotect", "maps a as writable shared memory"),
        ("unnamed", "openat", "O_TMPFILE"),
    ],
)
def test_says_what_strace_cannot_see(name: str, call: str, reason: str, recorded: Record) -> None:
    """What strace's log does not tell is named, with the call that it hides behind."""
    [found] = recorded(name).untraceable

    assert found.call == call
    assert reason in found.reason


@pytest.mark.parametrize("recorded", ["ptrace"], indirect=True)
@pytest.mark.parametrize("name", ["mapped", "mapped_later"])
def test_sees_what_is_stored_through_a_mapping(name: str, recorded: Record) -> None:
    """The recorder by ptrace finds the sector that was stored into."""
    sector = b"unseen".ljust(512, b"\0")
    assert recorded(name).trace.events[-1] == Stored(A, ((0, sector),))


@pytest.mark.parametrize("recorded", ["ptrace"], indirect=True)
def test_a_file_that_never_has_a_name_is_nowhere(recorded: Record) -> None:
    """Scratch that nobody can find after a crash is in no directory."""
    found = recorded("unnamed")
    assert found.trace.events[0] == Create(NAMELESS, "#1", A)
    assert (replayed(found.trace), found.untraceable) == (Image(), ())


@pytest.mark.parametrize("recorded", ["ptrace"], indirect=True)
def test_a_file_gets_its_name_when_it_is_whole(recorded: Record) -> None:
    """What O_TMPFILE made, linkat names in one step."""
    assert list(recorded("named_later").trace.events) == [
        Create(NAMELESS, "#1", A),
        Write(A, 0, b"whole"),
        Sync(A),
        Rename(NAMELESS, "#1", ROOT, "a"),
    ]


@pytest.mark.parametrize(
    ("name", "call", "reason"),
    [("moved_in", "rename", "came from outside the directory")],
)
def test_says_what_it_cannot_see(name: str, call: str, reason: str, recorded: Record) -> None:
    """What system calls do not tell is named, with the call that it hides behind."""
    [found] = recorded(name).untraceable

    assert found.call == call
    assert reason in found.reason


def test_warns_of_what_only_looks_like_a_sync(recorded: Record) -> None:
    """sync_file_range makes nothing durable, and whoever calls it should know."""
    [warning] = recorded("syncs").warnings

    assert warning.startswith("sync_file_range was called")


def test_notes_what_it_does_not_follow(recorded: Record) -> None:
    """A mode, an owner or a time that was changed; not of a file elsewhere, nor in vain."""
    found = recorded("attributes")

    assert [note.partition(" was called: modes,")[0] for note in found.warnings] == [
        *("fchmod", "chmod", "utimensat", "lchown")
    ]
    assert found.trace.events == (Create(ROOT, "a", A),)


def test_hears_what_is_said_between_the_operations(recorded: Record) -> None:
    """Requests and replies stand where they took effect: after the write, and after the sync."""
    found = recorded("talk", b"first\n")

    assert [(at, each.stream, each.data) for at, each in found.said] == [
        (1, Stream.REQUESTS, b"first\n"),
        (3, Stream.REPLIES, b"done\n"),
    ]
    assert found.trace.events == (Create(ROOT, "a", A), Write(A, 0, b"first\n"), Sync(A))


def test_begins_with_what_is_there(recorded: Record) -> None:
    """Files that exist before the process starts are part of the first tree, with inodes."""
    Path("a").write_bytes(b"old")

    found = recorded("appending")

    assert found.trace.initial.files == {"/a": b"old"}
    assert found.trace.events[0] == Write(1, 3, b"one")


def test_replaying_the_trace_gives_the_directory(recorded: Record) -> None:
    """Byte for byte; the recorder is not asked about its own view of the files."""
    found = recorded("paths")

    assert replayed(found.trace) == read_tree(Path.cwd())


def test_a_change_that_was_not_recorded_is_noticed(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording that does not give what is on disk is refused, with the place."""
    monkeypatch.chdir(tmp_path)
    strace = find_strace()
    directory = tmp_path / "work"
    directory.mkdir()
    # a strace that forgets to write down what happens to one file
    forgetful = tmp_path / "strace"
    forgetful.write_text(
        f'#!/bin/sh\n{strace} "$@"\necho unseen > {directory}/extra\n', encoding="ascii"
    )
    forgetful.chmod(0o755)
    monkeypatch.setattr("tornproof_conformance.recorder.strace.find_strace", lambda: str(forgetful))

    with pytest.raises(RecordingDiffers, match="the file /extra is only on disk"):
        record(
            [str(programs), "killed"],
            directory,
            tmp_path / "log",
            recorder=StraceRecorder(tmp_path / "log"),
        )


def test_a_missing_strace_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever lacks it reads which package to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    find_strace.cache_clear()

    try:
        with pytest.raises(CannotRecord, match="install the package strace"):
            find_strace()
    finally:
        find_strace.cache_clear()


def test_every_program_is_recorded() -> None:
    """A program that no test records would test nothing."""
    source = SOURCE.read_text()
    names = {
        line.removeprefix("static void ").partition("(")[0]
        for line in source.splitlines()
        if line.startswith("static void ") and "(void)" in line
    }
    elsewhere = {
        "talk",
        "mapped",
        "mapped_later",
        "moved_in",
        "unnamed",
        "named_later",
        "attributes",
    }

    assert names | {"exec"} == TRACES.keys() | elsewhere
