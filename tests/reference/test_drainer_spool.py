"""The spool and its database: restarts, cleanup, memory, and disks that are full."""

import errno
import os
import shutil
import sqlite3
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from attrs import define
from tornproof.chain import connect
from tornproof.drainer import Bash, DeferredAuditQueue
from tornproof.drainer.spool import Spool
from tornproof.drainer.supervisor import BATCH_EVENTS
from tornproof.errors import (
    Invalid,
    Locked,
)
from tornproof.filesystem import OsFile, OsFilesystem
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem

from tests.reference.drainer_world import (
    chain,
    database,
    encoded,
    event,
    ids,
    leave_behind,
    open_queue,
    volatile,
)

SMALL = 2048
"""Bytes of a segment that holds some ten events."""


# Restarts


@requirement("DRN-9", "DRN-13", "DRN-16")
def test_what_is_left_in_the_spool_goes_before_what_comes(tmp_path: Path) -> None:
    """Over several restarts the chain is in the order of admission; what was left is counted."""
    leave_behind(tmp_path, "a", "b")
    leave_behind(tmp_path, "c")
    with open_queue(tmp_path) as queue:
        queue.submit(event(event_id="d"))
        assert queue.metrics.recovered == 3

    assert ids(tmp_path) == ["a", "b", "c", "d"]
    assert (queue.metrics.submitted, queue.metrics.chained) == (4, 4)


@requirement("DRN-17")
def test_what_has_landed_is_not_recovered(tmp_path: Path) -> None:
    """The position is the database's, so a restart finds nothing to do."""
    with open_queue(tmp_path) as queue:
        queue.submit(event(event_id="a"))
    with open_queue(tmp_path) as queue:
        assert queue.metrics == type(queue.metrics)()
    assert ids(tmp_path) == ["a"]


@requirement("DRN-1", "DRN-17")
def test_an_older_copy_of_the_database_catches_up(tmp_path: Path) -> None:
    """While the spool still has what the copy has not: everything is in the chain, once."""
    with open_queue(tmp_path) as queue:
        queue.submit(event(event_id="a"))
    shutil.copy(tmp_path / "audit.db", tmp_path / "copy.db")
    with open_queue(tmp_path) as queue:
        queue.submit(event(event_id="b"))
    shutil.copy(tmp_path / "copy.db", tmp_path / "audit.db")

    with open_queue(tmp_path) as queue:
        assert queue.metrics.recovered == 1
    assert ids(tmp_path) == ["a", "b"]


@requirement("DRN-3")
def test_a_spool_has_one_queue_at_a_time(tmp_path: Path) -> None:
    """A second one is refused, and the first goes on."""
    with open_queue(tmp_path) as queue:
        with pytest.raises(Locked):
            open_queue(tmp_path)
        assert queue.submit(event(event_id="a"))
    assert ids(tmp_path) == ["a"]


# Cleanup


@requirement("DRN-17")
def test_the_spool_is_cleaned_up_behind_the_drainer(tmp_path: Path) -> None:
    """Thirty segments' worth goes through, and a few segments stay; a restart finds its way."""
    with open_queue(tmp_path, spool_segment_bytes=SMALL) as queue:
        for number in range(30):
            queue.submit(event(event_id=f"{number}", action=Bash("x" * SMALL)))
            assert queue.drain_pending()
        segments = len(list((tmp_path / "spool").glob("*.wal")))
    with open_queue(tmp_path, spool_segment_bytes=SMALL) as queue:
        queue.submit(event(event_id="last"))

    assert segments <= 3
    assert ids(tmp_path) == [*map(str, range(30)), "last"]


def test_many_short_lives_leave_few_files(tmp_path: Path) -> None:
    """Each begins a segment; the first event that lands cleans up what the lives before left."""
    for number in range(20):
        with open_queue(tmp_path) as queue:
            queue.submit(event(event_id=f"{number}"))

    assert len(list((tmp_path / "spool").glob("*.wal"))) <= 3


@requirement("DRN-2", "DRN-10")
def test_a_cleanup_that_fails_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Wherever the disk fails: the event lands all the same, and a later one cleans up."""
    for nth in range(1, 20):
        world, disk = database(), ModelFilesystem()
        queue = volatile(world, spool="/spool", filesystem=disk, spool_segment_bytes=512)
        queue.submit(event(1, event_id="e1"))
        disk.fail(nth, Fault.ERROR)
        assert queue.drain_pending()
        disk.disarm()

        for number in range(2, 12):
            queue.submit(event(number, event_id=f"e{number}"))
            assert queue.drain_pending()
        assert [name for _, name in chain(world)] == [f"e{number}" for number in range(1, 12)]
        assert len([path for path in disk.image.files if path.endswith(".wal")]) <= 3
    assert "cannot clean up /spool" in caplog.text


def test_reading_below_what_was_cleaned_up_begins_above(tmp_path: Path) -> None:
    """Whoever names what is left may be a little behind the drainer."""
    with open_queue(tmp_path):
        pass
    with closing(connect(tmp_path / "audit.db")) as database:
        [(identity,)] = database.execute("SELECT id FROM signed_events_database")
        spool = Spool.open(str(tmp_path / "spool"), identity, OsFilesystem(), segment_bytes=64)
        for number in (1, 2, 3):
            spool.admit(encoded(number))
        first, second = spool.read(0, 2)
        spool.release(first.next)
        spool.release(second.next)

        assert [each.event.event_id for each in spool.read(0, 5)] == ["e3"]
        spool.close()


# Memory


@requirement("DRN-3")
def test_memory_does_not_grow_with_what_waits(tmp_path: Path) -> None:
    """A thousand events wait for a locked database, and a batch of them is in memory."""
    queue = open_queue(tmp_path)
    with closing(connect(tmp_path / "audit.db")) as sibling:
        sibling.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(8) as pool:
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                for _ in pool.map(lambda _: queue.submit(event()), range(1000)):
                    pass
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        queue.close_and_flush(timeout=0)

    assert queue.metrics.pending == 1000
    assert after - before < 1000 * 400, "and an event takes some 1000 bytes"
    with open_queue(tmp_path, paused=True) as queue:
        queue.step()
        assert len(queue._supervisor.core.in_flight) == BATCH_EVENTS
    assert len(ids(tmp_path)) == 1000


# Full disks


@define
class Quota(OsFilesystem):
    """The real disk, with room for so many bytes more."""

    room: int = 1 << 30

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open a file that counts."""
        return Rationed(super().open(path, create=create, exclusive=exclusive), self)


class Rationed(OsFile):
    """A file on such a disk: it takes what there is room for."""

    def __init__(self, file: OsFile, quota: Quota) -> None:
        super().__init__(file.file)
        self.quota = quota

    def write_at(self, offset: int, data: bytes) -> int:
        """Write what fits."""
        if not self.quota.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write_at(offset, data[: self.quota.room])
        self.quota.room -= written
        return written


@requirement("DRN-2", "DRN-3")
def test_a_full_disk_under_the_spool_refuses_and_recovers(tmp_path: Path) -> None:
    """What was admitted lands, what was refused does not, and with room it goes on."""
    disk = Quota()
    with open_queue(tmp_path, filesystem=disk) as queue:
        assert queue.submit(event(event_id="a"))
        disk.room = 100
        refused = [queue.submit(event(event_id="b")) for _ in range(3)]
        disk.room = 1 << 30
        assert queue.submit(event(event_id="c"))

    assert not any(refused)
    assert "No space left" in refused[0].reason
    assert ids(tmp_path) == ["a", "c"]
    assert (queue.metrics.refused, queue.metrics.lost) == (3, 0)


@requirement("DRN-6", "DRN-10")
def test_a_full_database_is_waited_for(tmp_path: Path) -> None:
    """SQLite's own SQLITE_FULL: nothing is dead-lettered or dropped, and with room it lands."""
    most = 1

    def cramped() -> sqlite3.Connection:
        connection = connect(tmp_path / "audit.db")
        connection.execute(f"PRAGMA max_page_count = {most}")
        return connection

    with open_queue(tmp_path):
        pass
    queue = open_queue(tmp_path, connect=cramped, paused=True, sleep=lambda _: None)
    names = [f"{number}" for number in range(20)]
    assert all(queue.submit(event(event_id=name, action=Bash("x" * 4000))) for name in names)
    waiting = queue.drain_pending(timeout=5)
    most = 1 << 20
    queue.close_and_flush(timeout=0)

    assert (waiting.pending, queue.metrics.dead_lettered, queue.metrics.lost) == (
        tuple(names),
        0,
        0,
    )
    assert queue.metrics.append_failures > 3
    open_queue(tmp_path).close_and_flush()
    assert ids(tmp_path) == names


@requirement("DRN-6", "DRN-8")
def test_a_database_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    """Its directory is moved while the queue is open, and moved back."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    queue = DeferredAuditQueue.open(
        home / "audit.db", spool=tmp_path / "spool", paused=True, sleep=lambda _: None
    )
    home.rename(away)
    receipt = queue.submit(event())
    assert queue.drain_pending(timeout=5).pending == (receipt.event_id,)
    with pytest.raises(Invalid, match="SQLITE_CANTOPEN"):
        queue.dlq_size()

    away.rename(home)
    assert queue.close_and_flush()
    assert ids(home) == [receipt.event_id]
