"""Whoever goes on in a forked child, waits without end or touches evidence is found out."""

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import define, frozen
from tornproof.drainer import Drained
from tornproof.filesystem import Filesystem
from tornproof.journal import GroupCommitBuffer
from tornproof_conformance.lifetime import forking
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS, waiting
from tornproof_conformance.subjects import group_commits
from tornproof_conformance.subjects.reference import ReferenceSubject, find_subject
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.crash.subject import JournalUnderTest, Options, Subject
from tornproof_models.machines.cursor_machine import ReferenceConsumers
from tornproof_models.machines.reference_queue import ReferenceQueue
from tornproof_models.miniatures.cleanup_miniatures import CONSUMERS, SMALL_CONSUMERS
from tornproof_models.miniatures.journal_miniatures import SMALL, MiniatureSubject
from tornproof_models.miniatures.reader_miniatures import READERS, SMALL_READER, SmallReaderSubject
from tornproof_models.miniatures.small_journal import SmallJournal

from tests.conformance.test_consumer_scenarios import Assembled

LIFE = {
    "a-forked-child-has-no-journal": "JRN-13",
    "a-forked-child-has-no-reader": "RDR-7",
    "a-forked-child-moves-no-cursor": "CUR-4",
    "a-forked-child-commits-nothing": "GRP-8",
    "a-forked-child-admits-nothing": "DRN-28",
    "only-its-own-files-are-opened": "REC-13",
    "no-link-leads-out": "REC-13",
    "who-waits-is-told-in-time": "GRP-9",
    "a-close-ends-in-time": "DRN-29",
    "reading-evidence-changes-nothing": "AUD-17",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a second for what does not come, and not ten."""
    for module in (forking, waiting):
        monkeypatch.setattr(module, "PATIENCE", 1)


def found_by(scenario: str, subject: Any) -> set[str]:
    """Return the requirements that a subject violates in a scenario, to which it is put."""
    assert SCENARIOS[scenario].applies(subject)
    return {each.requirement for each in SCENARIOS[scenario].judge(subject)}


# Those that are right


class CopiesAtRecovery(MiniatureSubject):
    """Reads a segment that has a second name, and goes on with a copy of it under the first."""

    def open(self, filesystem: Any, options: Options) -> JournalUnderTest:
        for path in filesystem.root.glob("journal/*.wal"):
            if path.lstat().st_nlink > 1 and path.is_file():
                copy = path.with_suffix(".copy")
                copy.write_bytes(path.read_bytes())
                copy.replace(path)
        return super().open(filesystem, options)


@requirement(*LIFE.values())
@pytest.mark.parametrize("scenario", LIFE)
def test_the_reference_holds_them(scenario: str) -> None:
    """Nothing is found."""
    assert found_by(scenario, ReferenceSubject()) == set()


@pytest.mark.parametrize(
    ("scenario", "subject"),
    [
        ("a-forked-child-has-no-journal", SMALL),
        ("only-its-own-files-are-opened", SMALL),
        ("only-its-own-files-are-opened", CopiesAtRecovery("copies at recovery", SmallJournal)),
        ("no-link-leads-out", SMALL),
        ("a-forked-child-moves-no-cursor", SMALL_CONSUMERS),
        ("a-forked-child-has-no-reader", Assembled(ReferenceConsumers(), SMALL_READER)),
    ],
)
def test_others_hold_them(scenario: str, subject: Subject) -> None:
    """Small ones, which share no code with the reference."""
    assert found_by(scenario, subject) == set()


# Miniatures


@requirement("JRN-13", "REC-13", "CUR-4", "RDR-7")
@pytest.mark.parametrize(
    ("scenario", "subject"),
    [
        ("a-forked-child-has-no-journal", find_subject("written-by-a-child")),
        ("only-its-own-files-are-opened", find_subject("links-followed")),
        ("no-link-leads-out", find_subject("links-followed")),
        ("a-forked-child-moves-no-cursor", CONSUMERS["moved-by-a-child"]),
        (
            "a-forked-child-has-no-reader",
            Assembled(
                ReferenceConsumers(), SmallReaderSubject("child", READERS["read-on-in-a-child"])
            ),
        ),
    ],
    ids=["journal", "links", "leading out", "cursor", "reader"],
)
def test_a_miniature_is_found_out(scenario: str, subject: Subject) -> None:
    """For what it breaks, and for nothing else."""
    assert found_by(scenario, subject) == {LIFE[scenario]}


# Group commits


@define
class TakesInAChild:
    """Takes a record into a queue on which nobody works."""

    buffer: GroupCommitBuffer

    def append(self, payload: bytes) -> "Future[int]":
        """Hand a record over, here or nowhere."""
        try:
            return self.buffer.append(payload)
        except Exception:
            return Future()

    def close(self, timeout: float | None = None) -> None:
        """Close."""
        self.buffer.close(timeout)


@define
class WaitsOn(TakesInAChild):
    """Closes when everything is written, however long that takes."""

    def append(self, payload: bytes) -> "Future[int]":
        """Hand a record over."""
        return self.buffer.append(payload)

    def close(self, timeout: float | None = None) -> None:
        """Forget the limit."""
        del timeout
        self.buffer.close(None)


@frozen
class WrongGroup(ReferenceSubject):
    """The reference with another group commit."""

    make: Callable[[GroupCommitBuffer], group_commits.Group] = WaitsOn

    def open_group(  # type: ignore[override]
        self, filesystem: Filesystem, **options: Any
    ) -> group_commits.Group:
        """Open it."""
        return self.make(super().open_group(filesystem, **options))


@pytest.mark.usefixtures("impatient")
@requirement("GRP-8", "GRP-9")
@pytest.mark.parametrize(
    ("make", "scenario"),
    [
        (TakesInAChild, "a-forked-child-commits-nothing"),
        (WaitsOn, "who-waits-is-told-in-time"),
    ],
)
def test_a_wrong_group_commit_is_found_out(
    make: Callable[[GroupCommitBuffer], group_commits.Group], scenario: str
) -> None:
    """A child that waits for a thread of its parent's, and a close without a limit."""
    assert found_by(scenario, WrongGroup(make=make)) == {LIFE[scenario]}


# Queues


class AdmitsInAChild(ReferenceQueue):
    """Says of a copy of its buffer that it has admitted something."""

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Admit whatever is refused."""
        super().submit(event)
        return Outcome.ADMITTED


class ClosesWithoutEnd(ReferenceQueue):
    """Waits until everything has landed."""

    def close_within(self, seconds: float) -> Sequence[str]:
        """Wait for what is never told."""
        del seconds
        never = threading.Event()
        never.wait(5)
        return ()


class NamesNothing(ReferenceQueue):
    """Says of no event that it is left."""

    def close_within(self, seconds: float) -> Sequence[str]:
        """Close, and leave it at that."""
        super().close_within(seconds)
        return Drained(drained=True).pending


@frozen
class WrongQueue(ReferenceSubject):
    """The reference with another queue."""

    make: Callable[[Mode], ReferenceQueue] = NamesNothing

    def open_queue(self, crash_model: Mode) -> ReferenceQueue:
        """Make it."""
        return self.make(crash_model)


@pytest.mark.usefixtures("impatient")
@requirement("DRN-28", "DRN-29")
@pytest.mark.parametrize(
    ("make", "scenario"),
    [
        (AdmitsInAChild, "a-forked-child-admits-nothing"),
        (ClosesWithoutEnd, "a-close-ends-in-time"),
        (NamesNothing, "a-close-ends-in-time"),
    ],
)
def test_a_wrong_queue_is_found_out(make: Callable[[Mode], ReferenceQueue], scenario: str) -> None:
    """One that admits in a child, one that does not end, and one that does not say what is left."""
    assert found_by(scenario, WrongQueue(make=make)) == {LIFE[scenario]}


# Evidence


class ReadsAsAWriter(ReferenceSubject):
    """Opens a database to read as SQLite does by default, which puts its log away."""

    def verify_pairwise(self, database: Path, **more: Any) -> Any:
        """Look first, as a tool that wants to know the number of rows would."""
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("SELECT count(*) FROM signed_events").fetchall()
        return super().verify_pairwise(database, **more)


class PassesTheLogOver(ReferenceSubject):
    """Reads the database alone, as `immutable=1` does."""

    def verify_pairwise(self, database: Path, **more: Any) -> Any:
        """Read a copy without the log."""
        copy = database.parent.with_name("copy.db")
        copy.write_bytes(database.read_bytes())
        return super().verify_pairwise(copy, **more)


@requirement("AUD-17")
@pytest.mark.parametrize("make", [ReadsAsAWriter, PassesTheLogOver])
def test_who_changes_evidence_or_reads_half_of_it_is_found_out(
    make: type[ReferenceSubject],
) -> None:
    """The log of a database is not put away, and not passed over."""
    assert found_by("reading-evidence-changes-nothing", make()) == {"AUD-17"}
