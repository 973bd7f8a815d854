"""
What strangers sent to harm this suite: each ends as documented, in one line, and harms nothing.

Each row is an input that once hung a command, filled the memory, wrote outside of its place or
ended in a traceback.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner
from tornproof_conformance.cli import main

REPRODUCER = Path(__file__).parents[1] / "corpora" / "reproducer-program.json"
SEGMENT = "0000000000000000.wal"
PATIENCE = 60
"""Seconds until a command counts as hung; each takes one."""


@frozen
class Input:
    """Something harmful, and what must come of it."""

    name: str
    make: Callable[[Path], object]
    """Makes it in an empty directory, in which the command runs."""

    words: Sequence[str]
    exit_code: int
    says: str
    """A part of the one line on standard error, or on standard output if there is none."""


def changed_reproducer(**changes: Any) -> Callable[[Path], object]:
    """Make `r.json`, a reproducer with other values; `__` leads into a mapping."""

    def make(directory: Path) -> None:
        document = json.loads(REPRODUCER.read_text(encoding="utf-8"))
        for name, value in changes.items():
            inner, path = document, name.split("__")
            for step in path[:-1]:
                inner = inner[int(step) if step.isdigit() else step]
            inner[path[-1]] = value
        (directory / "r.json").write_text(json.dumps(document), encoding="utf-8")

    return make


def huge_number(directory: Path) -> None:
    """Write a number of ten thousand digits for an image."""
    text = REPRODUCER.read_text(encoding="utf-8")
    (directory / "r.json").write_text(text.replace('"point": 9', '"point": 1' + "0" * 10_000))


def journal_of(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Make a directory `j`, with something in the place of its segment."""

    def in_journal(directory: Path) -> None:
        (directory / "j").mkdir()
        make(directory / "j" / SEGMENT)

    return in_journal


def victim(link: Callable[[Path, Path], object]) -> Callable[[Path], object]:
    """Let a segment be a link to a file outside of the journal."""

    def make(directory: Path) -> None:
        (directory / "victim").write_bytes(b"precious")
        (directory / "j").mkdir()
        link(directory / "j" / SEGMENT, directory / "victim")

    return make


def dangling_lock(directory: Path) -> None:
    """Let the lock of a journal be a link to a file that there is not."""
    (directory / "j").mkdir()
    (directory / "j" / SEGMENT).touch()
    (directory / "j" / "writer.lock").symlink_to(directory / "created")


def pipe_as_watermark(directory: Path) -> None:
    """Let the watermark be a pipe."""
    (directory / "j").mkdir()
    (directory / "j" / SEGMENT).touch()
    os.mkfifo(directory / "j" / "watermark")


def sparse(path: Path) -> None:
    """Make a file of a tebibyte that takes no room."""
    path.touch()
    os.truncate(path, 1 << 40)


def unwritable(directory: Path) -> None:
    """Let a file stand where directories are to be made."""
    (directory / "file").touch()


def nothing(_: Path) -> None:
    """Make nothing."""


OUTSIDE = "/../../../../../../../../tmp"
IMAGE = {
    "directories": [f"{OUTSIDE}/pwned"],
    "files": {f"{OUTSIDE}/pwned.txt": "b3duZWQK", "/./pwned2.txt": "AAAA"},
}
SCHEDULE = {"kind": "schedule", "events": 30, "falls": 9, "faults": 9, "steps": []}
REPLAY, CHECK = ("replay", "r.json"), ("check", "vectors")

INPUTS = (
    Input("traversal", changed_reproducer(crashes__0__image=IMAGE), REPLAY, 2, "plain names"),
    Input("size", changed_reproducer(case__program__0__size=1 << 30), REPLAY, 2, "1073741824"),
    Input("sector", changed_reproducer(case__sector_bytes=10**18), REPLAY, 2, "from 1 to 4,096"),
    Input("schedule", changed_reproducer(case=SCHEDULE), REPLAY, 2, "from 1 to 3"),
    Input("digits", huge_number, REPLAY, 2, "10,001 digits"),
    Input(
        "many large appends",
        changed_reproducer(case__program=[{"step": "append", "size": 16 << 20}] * 200),
        REPLAY,
        2,
        "67,108,864",
    ),
    Input("inspect a pipe", journal_of(os.mkfifo), ("inspect", "j"), 2, "pipe"),
    Input("recover a pipe", journal_of(os.mkfifo), ("recover", "j"), 2, "pipe"),
    Input("inspect a watermark", pipe_as_watermark, ("inspect", "j"), 2, "pipe"),
    Input("recover a watermark", pipe_as_watermark, ("recover", "j"), 2, "pipe"),
    Input("a symbolic link", victim(Path.symlink_to), ("recover", "j"), 2, "link"),
    Input("a hard link", victim(Path.hardlink_to), ("recover", "j"), 2, "name"),
    Input("a dangling lock", dangling_lock, ("recover", "j"), 2, "writer.lock"),
    Input(
        "a device", journal_of(lambda at: at.symlink_to("/dev/zero")), ("inspect", "j"), 2, "link"
    ),
    Input("a tebibyte", journal_of(sparse), ("recover", "j", "--dry-run"), 0, "cut"),
    Input(
        "a name that is no UTF-8",
        journal_of(lambda at: Path(os.fsdecode(bytes(at.parent) + b"/\xff.wal")).touch()),
        ("inspect", "j"),
        0,
        "\\udcff",
    ),
    Input("reproducers", unwritable, (*CHECK, "--reproducers", "file/x"), 2, "file/x"),
    Input("a report", unwritable, (*CHECK, "--html", "file/x/o.html"), 2, "file/x/o.html"),
    Input("events", unwritable, (*CHECK, "--events", "/proc/none/e"), 2, "/proc/none/e"),
    Input("quotes", nothing, ("check", "--program", "'x"), 2, "'x"),
)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` in whatever still waits after so many seconds."""

    def strike(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return the kind of everything below a directory, and what is in small files."""
    return {
        str(path.relative_to(directory)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and path.stat().st_size < 1 << 20 else b"",
        )
        for path in directory.rglob("*")
    }


@pytest.mark.parametrize("given", INPUTS, ids=lambda given: given.name)
def test_what_was_sent_to_harm_ends_as_documented(given: Input, tmp_path: Path) -> None:
    """The exit code is the documented one, the reason one line, and nothing has changed."""
    place, scratch = tmp_path / "place", tmp_path / "scratch"
    place.mkdir()
    scratch.mkdir()
    given.make(place)
    before = tree(place)
    with chdir(place), within(PATIENCE):
        ended = CliRunner().invoke(main, given.words, env={"TMPDIR": str(scratch)})
    assert (ended.exit_code, given.says in ended.output) == (given.exit_code, True), ended.output
    assert ended.stderr.count("\n") <= 1
    assert "Traceback" not in ended.output
    after = tree(place)
    lock = after.pop("j/writer.lock", None) if given.words[0] == "recover" else None
    assert lock is None or lock[1] == b""  # recovery takes the lock, and its file stays
    assert after == {name: each for name, each in before.items() if name != "j/writer.lock"}
    assert tree(scratch) == {}
    assert not [path for path in (Path("/tmp/pwned"), Path("/tmp/pwned.txt")) if path.exists()]
