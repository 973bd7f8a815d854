"""
What the recorder by ptrace notes of a call in which its thread was killed.

The kernel may have carried out such a call before the thread died, or not.  The calls are made
here by this process itself, between the beginning and the end that the recorder is told.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tornproof_conformance.adapter.left_behind import read_tree
from tornproof_conformance.recorder.ptrace.listening import TracedRecording
from tornproof_conformance.recorder.ptrace.tracer import Call
from tornproof_conformance.recorder.ptrace.tracing import HANDLERS
from tornproof_conformance.recorder.tree import Tree
from tornproof_models.disk.trace import (
    ROOT,
    Create,
    Link,
    MakeDirectory,
    Rename,
    Truncate,
    Unlink,
    Write,
)

OLD = 1
"""The inode of the only file that is there at first, `old`, which holds `abc`."""

NEW = 2
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

NAMING: dict[str, tuple[Callable[[Path], object], tuple[str | int, ...]]] = {
    "rename": (lambda root: (root / "old").rename(root / "new"), ("old", "new")),
    "link": (lambda root: (root / "new").hardlink_to(root / "old"), ("old", "new")),
    "unlink": (lambda root: (root / "old").unlink(), ("old",)),
    "mkdir": (lambda root: (root / "new").mkdir(), ("new", 0o777)),
    "open": (lambda root: (root / "new").touch(), ("new", FLAGS)),
    "truncating": (lambda root: os.truncate(root / "old", 0), ("old", FLAGS)),
}
"""For each call, what carries it out, and its arguments: names, and numbers after them."""

EXPECTED = {
    "rename": [Rename(ROOT, "old", ROOT, "new")],
    "link": [Link(ROOT, "new", OLD)],
    "unlink": [Unlink(ROOT, "old")],
    "mkdir": [MakeDirectory(ROOT, "new", NEW)],
    "open": [Create(ROOT, "new", NEW)],
    "truncating": [Truncate(OLD, 0)],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a directory that holds one file, without symbolic links on the way."""
    (tmp_path / "old").write_bytes(b"abc")
    return tmp_path.resolve()


@pytest.fixture
def recording(root: Path) -> TracedRecording:
    """Follow that directory."""
    recording = TracedRecording(Tree("/nowhere"), HANDLERS)
    recording.turn_to(Tree.of(str(root), read_tree(root)))
    return recording


def cut(
    recording: TracedRecording, name: str, args: tuple[int, ...], happens: Callable[[], object]
) -> list[object]:
    """Let a call begin, do what happens, and tell that its thread was killed in it."""
    call = Call(os.getpid(), name, args)
    recording.begins(call)
    happens()
    recording.is_cut(call)
    return list(recording.items)


def cut_write(
    recording: TracedRecording, root: Path, happens: Callable[[int], object]
) -> list[object]:
    """Let a write of XYZ into the file begin, given its descriptor, and cut it."""
    memory = ctypes.create_string_buffer(b"XYZ")
    descriptor = os.open(root / "old", os.O_WRONLY)
    args = (descriptor, ctypes.addressof(memory), 3, 0)
    noted = cut(recording, "pwrite64", args, lambda: happens(descriptor))
    os.close(descriptor)
    return noted


def nothing() -> None:
    """Stand for a call that the kernel had not begun."""


@pytest.mark.parametrize("case", NAMING)
@pytest.mark.parametrize("happened", [True, False])
def test_a_call_on_names_is_noted_if_it_had_its_effect(
    case: str, root: Path, recording: TracedRecording, *, happened: bool
) -> None:
    """Else the trace would miss a name that is on the disk, or hold one that is not."""
    does, arguments = NAMING[case]
    paths = [
        ctypes.create_string_buffer(os.fsencode(root / argument))
        for argument in arguments
        if isinstance(argument, str)
    ]
    numbers = [argument for argument in arguments if isinstance(argument, int)]
    name = "open" if case == "truncating" else case
    args = (*(ctypes.addressof(path) for path in paths), *numbers)

    noted = cut(recording, name, args, (lambda: does(root)) if happened else nothing)

    assert noted == (EXPECTED[case] if happened else [])


@pytest.mark.parametrize(
    ("written", "expected"),
    [(b"", []), (b"X", [Write(OLD, 0, b"X")]), (b"XYZ", [Write(OLD, 0, b"XYZ")])],
)
def test_a_write_is_noted_as_far_as_it_came(
    written: bytes, expected: list[Write], root: Path, recording: TracedRecording
) -> None:
    """The bytes are read from the file, since the memory of the process may be gone."""
    noted = cut_write(recording, root, lambda descriptor: os.pwrite(descriptor, written, 0))

    assert noted == expected


def test_a_write_into_a_file_that_was_renamed_meanwhile_is_passed_over(
    root: Path, recording: TracedRecording
) -> None:
    """Another thread was killed in the rename, which is noted when its end is told."""
    noted = cut_write(recording, root, lambda _: (root / "old").rename(root / "new"))

    assert noted == []
