"""What looks at a journal without its lock is not misled by what happens meanwhile."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
from tornproof.drainer import DeferredAuditQueue, spool_owner
from tornproof.errors import Corrupt, InputOutput, Locked
from tornproof.journal import Cursor, Journal, salvage
from tornproof.journal.cursor import read_cursors
from tornproof.journal.recovery import examine
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.filesystem import ModelFilesystem

DIRECTORY = "/journal"
SCAN = os.scandir


class Meanwhile(ModelFilesystem):
    """Lets something happen between a listing and what is done with it, once."""

    then: Callable[[], object] | None = None

    def list_directory(self, path: str) -> list[str]:
        names = super().list_directory(path)
        then, self.then = self.then, None
        if then is not None:
            then()
        return names


@pytest.fixture
def disk() -> Meanwhile:
    return Meanwhile()


@pytest.fixture
def journal(disk: Meanwhile) -> Journal:
    """Three segments of two records of 41 bytes each."""
    journal = Journal.open(DIRECTORY, segment_bytes=82, filesystem=disk)
    for payload in (b"a", b"b", b"c", b"d", b"e", b"f"):
        journal.append(payload)
    return journal


def consumer(disk: Meanwhile, name: str, position: int) -> Cursor:
    cursor = Cursor.open(DIRECTORY, name, filesystem=disk)
    cursor.advance(position)
    return cursor


# Recovery in a dry run


def test_a_segment_that_was_cleaned_up_is_no_damage(disk: Meanwhile, journal: Journal) -> None:
    """It was there when the directory was listed, and lies below every cursor."""
    consumer(disk, "kitchen", 164)
    disk.then = journal.cleanup
    report = examine(disk, DIRECTORY, max_payload=100)
    assert (report.first, report.end, report.records) == (164, 246, 2)


@requirement("REC-12")
def test_what_was_written_since_is_not_missing(disk: Meanwhile, journal: Journal) -> None:
    """The writer begins a segment behind the listing, and the watermark covers it."""
    disk.then = lambda: [journal.append(b"g"), journal.append(b"h")]
    report = examine(disk, DIRECTORY, max_payload=100)
    assert (report.end, report.cut) == (246, None)


def test_what_is_damaged_stays_so(disk: Meanwhile, journal: Journal) -> None:
    """Also where cleanup has removed other segments meanwhile."""
    consumer(disk, "kitchen", 82)
    disk.open(f"{DIRECTORY}/{82:016x}.wal").write_at(50, b"?")
    disk.then = journal.cleanup
    with pytest.raises(Corrupt, match="of a sealed segment"):
        examine(disk, DIRECTORY, max_payload=100)


# Salvage


def test_salvage_takes_what_cleanup_leaves(disk: Meanwhile, journal: Journal) -> None:
    """The segments that went meanwhile are a hole."""
    consumer(disk, "kitchen", 164)
    disk.then = journal.cleanup
    report = salvage(DIRECTORY, "/saved", filesystem=disk)
    assert (report.records, report.holes[0].start, report.holes[0].end) == (2, 0, 164)


# Cleanup


@requirement("SEG-7")
def test_a_cursor_that_goes_meanwhile_holds_nothing_back(disk: Meanwhile, journal: Journal) -> None:
    """Whoever removes it has no consumer any more."""
    consumer(disk, "kitchen", 164)
    consumer(disk, "bar", 0)
    disk.then = lambda: disk.unlink(f"{DIRECTORY}/bar.cursor")
    assert journal.cleanup() == 164


def test_a_cursor_that_was_removed_is_not_moved(disk: Meanwhile, journal: Journal) -> None:
    """Its consumer is told, and none appears in its place."""
    cursor = consumer(disk, "kitchen", 82)
    disk.unlink(f"{DIRECTORY}/kitchen.cursor")
    with pytest.raises(InputOutput, match="is gone: open the cursor again"):
        cursor.advance(164)
    assert read_cursors(disk, DIRECTORY) == {}
    assert journal.cleanup() == 0


class Overlooking(ModelFilesystem):
    """Leaves a name out of some listings, as btrfs does with one that is renamed meanwhile."""

    listings = 0
    overlooked: Callable[[int], bool] = staticmethod(lambda _: False)

    def list_directory(self, path: str) -> list[str]:
        self.listings += 1
        names = super().list_directory(path)
        return [
            each for each in names if each != "bar.cursor" or not self.overlooked(self.listings)
        ]


@requirement("SEG-7", "CUR-2")
@pytest.mark.parametrize("is_odd", [False, True])
def test_a_cursor_that_one_listing_overlooks_still_holds_on(is_odd: bool) -> None:
    """Its consumer was moving it, and needs everything from there on."""
    disk = Overlooking()
    journal = Journal.open(DIRECTORY, segment_bytes=82, filesystem=disk)
    for payload in (b"a", b"b", b"c", b"d", b"e", b"f"):
        journal.append(payload)
    for name, position in (("kitchen", 246), ("bar", 82)):
        Cursor.open(DIRECTORY, name, filesystem=disk).advance(position)
    disk.overlooked = lambda number: number % 2 == is_odd
    assert journal.cleanup() == 82


@requirement("SEG-7")
def test_a_cursor_that_is_known_is_asked_for_by_name() -> None:
    """No listing has it any more, and its file is there."""
    disk = Overlooking()
    journal = Journal.open(DIRECTORY, segment_bytes=82, filesystem=disk)
    for payload in (b"a", b"b", b"c", b"d", b"e", b"f"):
        journal.append(payload)
    for name, position in (("kitchen", 246), ("bar", 82)):
        Cursor.open(DIRECTORY, name, filesystem=disk).advance(position)
    assert journal.cleanup() == 82
    disk.overlooked = lambda _: True
    assert journal.cleanup() == 82
    assert Cursor.open(DIRECTORY, "bar", filesystem=disk).position == 82


# Spools


def test_a_spool_in_use_is_locked_whatever_its_owner_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that vanishes between the listing and the look at it is no fault of the disk."""
    spool = tmp_path / "spool"
    vanishing = spool / "drainer.cursor.tmp"

    @contextmanager
    def scan(path: str) -> Iterator[list[os.DirEntry[str]]]:
        with SCAN(path) as entries:
            listed = list(entries)
        vanishing.unlink(missing_ok=True)
        yield listed

    with DeferredAuditQueue.open(tmp_path / "audit.db", spool=spool, paused=True):
        vanishing.touch()
        monkeypatch.setattr(spool_owner, "os", Mock(wraps=os, scandir=scan))
        with pytest.raises(Locked):
            DeferredAuditQueue.open(tmp_path / "audit.db", spool=spool)
    assert not vanishing.exists()
