"""
Scenarios about links, pipes and devices in the place of a journal's files.

A simulated disk has no links, so they are played in a real directory.  What a link leads to lies
beside it on the same filesystem, in a directory where nothing else may appear.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, cast

from attrs import frozen
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import DIRECTORY, JournalUnderTest, Options, Subject, new_disk
from tornproof_models.disk.filesystem import ModelFilesystem

from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.scenarios.scenario import (
    SEGMENTS,
    error_code,
    is_simulated,
    is_typed,
    scenario,
)
from tornproof_conformance.subjects.real_directory import RealDirectory
from tornproof_conformance.vectors.frames import make_frame

FIRST = "0" * 16 + ".wal"
TORN = make_frame(b"whole") + make_frame(b"torn")[:-1]


def _link_to_nothing(place: Path, victim: Path) -> None:
    place.symlink_to(victim.with_name("nothing"))


Strange: TypeAlias = tuple[str, Callable[[Path, Path], object]]
"""What it is, in words, and how it is put into a place."""

LINKS: tuple[Strange, ...] = (
    ("a symbolic link", Path.symlink_to),
    ("a link to nothing", _link_to_nothing),
)
SECOND_NAME = "a second name of a file"
STRANGE: tuple[Strange, ...] = (
    *LINKS,
    ("a link to a device", lambda place, _: place.symlink_to(os.devnull)),
    ("a directory", lambda place, _: place.mkdir()),
    (SECOND_NAME, Path.hardlink_to),
)
PIPE: Strange = ("a pipe", lambda place, _: os.mkfifo(place))


@frozen
class Place:
    """A directory for a journal, and beside it a file that a link leads to."""

    subject: Subject
    disk: ModelFilesystem
    directory: Path
    victim: Path

    def open(self) -> JournalUnderTest:
        """Open the journal."""
        return self.subject.open(self.disk, Options())

    def changes(self, content: bytes) -> bool:
        """Tell whether the file has changed, or another has appeared beside it."""
        return list(self.victim.parent.iterdir()) != [self.victim] or (
            self.victim.read_bytes() != content
        )


@contextmanager
def _place(subject: Subject) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="tornproof-") as made:
        if is_simulated(subject):
            root = Path(made)
            directory = root / DIRECTORY.lstrip("/")
            directory.mkdir()
            disk = cast("ModelFilesystem", RealDirectory(root))
        else:
            disk = new_disk(subject)
            directory = cast("DirectoryDisk", disk).directory
        beside = directory.parents[1]  # on the same filesystem, as a second name needs
        with tempfile.TemporaryDirectory(prefix="tornproof-outside-", dir=beside) as outside:
            yield Place(subject, disk, directory, Path(outside) / "victim")


@scenario("REC-13", claim=SEGMENTS)
def only_its_own_files_are_opened(subject: Subject) -> Iterator[Violation]:
    """If the last segment is a link, the file that it points to is not cut and not created."""
    found = [violation for strange in STRANGE for violation in _put(subject, *strange)]
    yield from found
    # whoever opens a pipe waits for ever: a process can be ended then, and once is enough
    if not found and not is_simulated(subject):
        yield from _put(subject, *PIPE)


def _put(subject: Subject, words: str, put: Callable[[Path, Path], object]) -> Iterator[Violation]:
    """Open a journal whose last segment is something else."""
    with _place(subject) as place:
        place.victim.write_bytes(TORN)
        put(place.directory / FIRST, place.victim)
        told = error_code(place.open)
        where = f"{words} in the place of a segment"
        # a file with two names may be read, and copied to a file of one
        if told.startswith("success") and words != SECOND_NAME:
            yield Violation("REC-13", f"{where}: it opens")
        elif not told.startswith("success") and not is_typed(told):
            yield Violation("REC-13", f"{where} gives {told}")
        if place.changes(TORN):
            yield Violation("REC-13", f"{where}: the file is changed")


@scenario("REC-13", claim=SEGMENTS)
def no_link_leads_out(subject: Subject) -> Iterator[Violation]:
    """If any file of its own is a link, what that points to is not changed and not created."""
    with _place(subject) as place:
        _fill(place)
        names = sorted(each.name for each in place.directory.iterdir() if each.is_file())
    for name in names:
        for words, put in LINKS:
            with _place(subject) as place:
                _fill(place)
                own = place.directory / name
                if not own.exists():
                    continue
                content = own.read_bytes()
                own.rename(place.victim)
                put(own, place.victim)
                told = error_code(place.open)
                where = f"{words} in the place of {name}, which it has made"
                if not told.startswith("success") and not is_typed(told):
                    yield Violation("REC-13", f"{where}, gives {told}")
                if place.changes(content):
                    yield Violation("REC-13", f"{where}: what it leads to is changed")


def _fill(place: Place) -> None:
    """Let a journal make its files."""
    journal = place.open()
    journal.append(b"kept")
    journal.close()
