"""
What the recorder by ptrace sees of orders that pass through memory: io_uring and `io_submit`.

The programs are in `recorded/rings.c`; what they order was written down from that source by
hand.  Every recording is also replayed and compared with the directory that the program left.
"""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tornproof_conformance.recorder.recorders import TracingRecorder, record, why_not_ptrace
from tornproof_conformance.recorder.result import Recorded
from tornproof_models.disk.trace import (
    ROOT,
    Create,
    Event,
    MakeDirectory,
    PartialSync,
    Rename,
    Sync,
    Truncate,
    Unlink,
    Write,
)

SOURCE = Path(__file__).parent / "recorded" / "rings.c"
NO_RING = 3
"""The exit code of a program for which the kernel makes no ring."""

A, B = 1, 2
"""The inodes of the first two files that a program makes."""

HELLO = Write(A, 0, b"hello")
MADE = Create(ROOT, "a", A)

PROGRAMS: dict[str, list[Event]] = {
    "linked": [MADE, HELLO, Sync(A, data_only=True)],
    "drained": [MADE, HELLO, Sync(A)],
    "closed": [MADE, Sync(A)],
    "polled": [MADE, HELLO, Sync(A)],
    "reused": [MADE, HELLO, Write(A, 5, b"other")],
    "registered": [MADE, Write(A, 3, b"hello")],
    "vector": [MADE, Write(A, 7, b"abcde"), PartialSync(A, 7, 12, 0, data_only=True)],
    "position": [MADE, Write(A, 0, b"12"), Write(A, 2, b"ab"), Write(A, 4, b"cd")],
    "copied": [MADE, Create(ROOT, "b", B), Write(B, 0, b"from b"), Write(A, 0, b"from b")],
    "sized": [MADE, Truncate(A, 8192)],
    "failed": [MADE, HELLO],
    "submitted": [MADE, HELLO, Sync(A, data_only=True)],
    "named": [
        MADE,
        Create(ROOT, "new", B),
        Write(B, 0, b"hello"),
        MakeDirectory(ROOT, "dir", 3),
        Rename(ROOT, "new", 3, "new"),
        Unlink(ROOT, "a"),
    ],
}


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the programs."""
    if reason := why_not_ptrace():
        pytest.skip(reason)
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (package gcc)")
    binary = tmp_path_factory.mktemp("programs") / "rings"
    subprocess.run(["cc", "-O1", "-Wall", "-Werror", "-o", str(binary), str(SOURCE)], check=True)
    return binary


def traced(binary: Path, program: str, directory: Path, code: int = 0) -> Recorded:
    """Record a program in an empty directory, which it must leave with an exit code."""
    recorder, work = TracingRecorder(), directory / "work"
    work.mkdir()
    command = ["sh", "-c", f"cd {work} && exec {binary} '{program}'"]
    recorded = record(command, work, directory / "log", recorder=recorder)
    if recorder.code == NO_RING:
        pytest.skip("this kernel makes no such ring")
    assert recorder.code == code
    return recorded


@pytest.mark.parametrize("program", PROGRAMS)
def test_orders_stand_where_they_were_done(program: str, binary: Path, tmp_path: Path) -> None:
    """Each is noted as the call that does the same, once its completion can be read."""
    recorded = traced(binary, program, tmp_path)

    assert not recorded.untraceable
    assert list(recorded.trace.events) == PROGRAMS[program]


def test_a_sync_covers_no_write_that_was_handed_over_with_it(binary: Path, tmp_path: Path) -> None:
    """Neither waits for the other, so the sync may have begun before the write had ended."""
    events = traced(binary, "together", tmp_path).trace.events

    place = events.index(HELLO)
    after = events[place + 1 :]
    assert all(isinstance(each, PartialSync) and each.missed == 1 for each in after)


def test_what_a_killed_program_had_ordered_is_found(binary: Path, tmp_path: Path) -> None:
    """Whether the order had its effect is read from the file; `record` compares them."""
    recorded = traced(binary, "killed", tmp_path, -signal.SIGKILL)

    assert not recorded.untraceable


def test_a_ring_that_the_kernel_empties_by_itself_is_named(binary: Path, tmp_path: Path) -> None:
    """With SQPOLL no call shows when an order is handed over."""
    recorded = traced(binary, "kernel thread", tmp_path)

    (found,) = recorded.untraceable
    assert "SQPOLL" in found.reason
