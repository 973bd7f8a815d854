"""Bad input: spools and databases that are damaged, forbidden, or somebody else's."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tornproof.chain import connect
from tornproof.drainer import DeferredAuditQueue
from tornproof.drainer.spool import CURSOR, Spool
from tornproof.drainer.supervisor import State
from tornproof.errors import (
    Corrupt,
    ForeignSpool,
    InputOutput,
    Invalid,
    NotADatabase,
    WrongSchema,
)
from tornproof.filesystem import OsFilesystem
from tornproof.journal import Journal
from tornproof.journal.segments import segment_name
from tornproof.journal.watermark import WATERMARK_NAME
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem

from tests.reference.drainer_world import (
    chain,
    contents,
    database,
    encoded,
    event,
    ids,
    leave_behind,
    open_queue,
    volatile,
)

# What does not belong together


@requirement("DRN-17")
def test_a_spool_of_another_database_is_refused(tmp_path: Path) -> None:
    """Both keep what they have, byte for byte."""
    leave_behind(tmp_path, "a")
    other = tmp_path / "other"
    other.mkdir()
    with open_queue(other):
        pass
    before = contents(tmp_path)
    with pytest.raises(ForeignSpool, match="open it with its own"):
        DeferredAuditQueue.open(other / "audit.db", spool=tmp_path / "spool")

    assert contents(tmp_path) == before
    with open_queue(tmp_path):
        pass
    assert ids(tmp_path) == ["a"]


@requirement("DRN-17")
def test_a_journal_that_is_no_spool_is_refused(tmp_path: Path) -> None:
    """Somebody's records are not events, and are left as they are."""
    with Journal.open(str(tmp_path / "spool")) as journal:
        journal.append(b"something else")
    before = contents(tmp_path / "spool")

    with pytest.raises(ForeignSpool, match="no spool"):
        open_queue(tmp_path)
    assert contents(tmp_path / "spool") == before


@requirement("DRN-17")
def test_an_older_copy_of_the_spool_is_refused(tmp_path: Path) -> None:
    """The database has drained further than the copy reaches: new events would look as landed."""
    with open_queue(tmp_path) as queue:
        queue.submit(event(event_id="a"))
    shutil.copytree(tmp_path / "spool", tmp_path / "copy")
    with open_queue(tmp_path) as queue:
        queue.submit(event(event_id="b"))
    shutil.rmtree(tmp_path / "spool")
    (tmp_path / "copy").rename(tmp_path / "spool")

    with pytest.raises(ForeignSpool, match="older copy"):
        open_queue(tmp_path)
    assert ids(tmp_path) == ["a", "b"]


@requirement("DRN-17")
def test_an_older_database_whose_events_were_cleaned_up_is_refused(tmp_path: Path) -> None:
    """What it has not is no longer in the spool, and nobody may pretend otherwise."""
    with open_queue(tmp_path, spool_segment_bytes=64) as queue:
        queue.submit(event(event_id="a"))
    shutil.copy(tmp_path / "audit.db", tmp_path / "copy.db")
    for number in range(3):
        with open_queue(tmp_path, spool_segment_bytes=64) as queue:
            queue.submit(event(event_id=f"{number}"))
    shutil.copy(tmp_path / "copy.db", tmp_path / "audit.db")

    with pytest.raises(ForeignSpool, match="older copy"):
        open_queue(tmp_path)


@requirement("DRN-7", "DRN-17")
def test_a_spool_that_the_database_has_forgotten_is_drained_again(tmp_path: Path) -> None:
    """While all of it is there: what has landed is found where it is, and landed no second time."""
    with open_queue(tmp_path) as queue:
        queue.submit(event(event_id="a"))
    forget_spools(tmp_path)
    with open_queue(tmp_path) as queue:
        assert queue.metrics.recovered == 1

    assert ids(tmp_path) == ["a"]


@requirement("DRN-17")
def test_a_forgotten_spool_that_was_cleaned_up_is_refused(tmp_path: Path) -> None:
    """Nobody can say any more what the database has missed."""
    for name in ("a", "b", "c"):
        with open_queue(tmp_path) as queue:
            queue.submit(event(event_id=name))
    assert not (tmp_path / "spool" / segment_name(0)).exists()
    forget_spools(tmp_path)

    with pytest.raises(ForeignSpool, match="not know it now"):
        open_queue(tmp_path)


def forget_spools(directory: Path) -> None:
    """Let the database be as it was before the first spool."""
    with closing(connect(directory / "audit.db")) as database:
        database.execute("DELETE FROM signed_events_spools")


@requirement("DRN-17")
def test_a_position_inside_a_record_is_refused(tmp_path: Path) -> None:
    """Somebody else wrote to the database, and what would be read there is no event."""
    leave_behind(tmp_path, "a")
    with closing(connect(tmp_path / "audit.db")) as database:
        database.execute("UPDATE signed_events_spools SET position = 7")

    with pytest.raises(ForeignSpool, match="no record begins"):
        open_queue(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"spool": "s", "data": 1}'])
def test_a_damaged_identity_is_refused(tmp_path: Path, text: str) -> None:
    """The file says whose the spool is; without it nothing is drained, and nothing lost."""
    leave_behind(tmp_path, "a")
    identity = tmp_path / "spool" / "spool.json"
    whole = identity.read_text()
    identity.write_text(text)
    with pytest.raises(Corrupt, match="restore it"):
        open_queue(tmp_path)

    identity.write_text(whole)
    with open_queue(tmp_path):
        pass
    assert ids(tmp_path) == ["a"]


def test_a_record_that_is_no_event_is_refused_on_opening(tmp_path: Path) -> None:
    """Before anything is drained: what comes after it must not overtake it."""
    leave_behind(tmp_path, "a")
    with Journal.open(str(tmp_path / "spool")) as journal:
        journal.append(b"no event")

    with pytest.raises(Corrupt, match="is no event"):
        open_queue(tmp_path)
    assert ids(tmp_path) == []


@requirement("DRN-8")
def test_damage_to_what_was_acknowledged_ends_in_public(tmp_path: Path) -> None:
    """While the queue runs: it gives up and says why; it neither waits for ever nor passes over."""
    queue = open_queue(tmp_path, paused=True, sleep=lambda _: None)
    for name in ("a", "b"):
        queue.submit(event(event_id=name))
    [segment] = (tmp_path / "spool").glob("*.wal")
    content = bytearray(segment.read_bytes())
    content[50] ^= 1
    segment.write_bytes(content)
    with pytest.raises(Corrupt, match="below the durable watermark"):
        queue.drain_pending()

    assert queue.state is State.FAILED
    assert "below the durable watermark" in queue.last_panic
    assert queue.metrics.pending == 2
    with pytest.raises(Corrupt):  # closed all the same
        queue.close_and_flush()


@requirement("DRN-3", "DRN-16")
def test_damage_to_what_was_acknowledged_is_refused_on_opening(tmp_path: Path) -> None:
    """It is no torn tail, and is not cut off; with the file restored everything lands."""
    leave_behind(tmp_path, "a", "b")
    [segment] = (tmp_path / "spool").glob("*.wal")
    content = segment.read_bytes()
    segment.write_bytes(bytes([*content[:50], content[50] ^ 1, *content[51:]]))
    before = contents(tmp_path / "spool")
    with pytest.raises(Corrupt):
        open_queue(tmp_path)
    assert contents(tmp_path / "spool") == before

    segment.write_bytes(content)
    with open_queue(tmp_path):
        pass
    assert ids(tmp_path) == ["a", "b"]


def test_nothing_where_acknowledged_events_should_be_is_damage(tmp_path: Path) -> None:
    """Also where the files do not tell: the spool knows what it has acknowledged."""
    with open_queue(tmp_path), closing(connect(tmp_path / "audit.db")) as database:
        [(identity,)] = database.execute("SELECT id FROM signed_events_database")
    spool = Spool.open(str(tmp_path / "spool"), identity, OsFilesystem())
    spool.admit(encoded(1))
    for file in (tmp_path / "spool").glob("*.wal"):
        file.write_bytes(b"")
    (tmp_path / "spool" / WATERMARK_NAME).unlink()

    with pytest.raises(Corrupt, match="were acknowledged"):
        spool.read(0, 1)
    spool.close()


def test_a_damaged_cursor_is_refused(tmp_path: Path) -> None:
    """It is what cleanup goes by."""
    leave_behind(tmp_path, "a")
    (tmp_path / "spool" / f"{CURSOR}.cursor").write_bytes(b"damage")

    with pytest.raises(Corrupt, match="is not a cursor"):
        open_queue(tmp_path)


# Databases that are none, or somebody's


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """And not changed; no spool is made for it."""
    (tmp_path / "audit.db").write_text("some text of somebody's, of more than a hundred bytes " * 4)
    before = contents(tmp_path)

    with pytest.raises(NotADatabase):
        open_queue(tmp_path)
    assert contents(tmp_path) == before


def test_a_database_of_another_schema_is_refused(tmp_path: Path) -> None:
    """The table has our name and another shape; its rows are still there, and no spool is made."""
    with closing(sqlite3.connect(tmp_path / "audit.db")) as database:
        database.execute("CREATE TABLE signed_events (id TEXT, something TEXT)")
        database.execute("INSERT INTO signed_events VALUES ('1', 'else')")
        database.commit()

    with pytest.raises(WrongSchema, match="another version"):
        open_queue(tmp_path)
    assert not (tmp_path / "spool").exists()
    with closing(sqlite3.connect(tmp_path / "audit.db")) as database:
        assert database.execute("SELECT * FROM signed_events").fetchall() == [("1", "else")]


@requirement("DRN-1", "DRN-15", "CHN-1")
def test_a_chain_with_a_row_without_number_takes_no_more(tmp_path: Path) -> None:
    """The events are dead letters with that reason; when it is mended they are replayed."""
    with open_queue(tmp_path) as queue:
        queue.submit(event(event_id="a"))
        queue.drain_pending()
        with closing(connect(tmp_path / "audit.db")) as database:
            database.execute(
                "INSERT INTO signed_events (id, agent_id, event_type, payload_hash, timestamp,"
                " payload, row_hash) VALUES ('intruder', '', '', '', '', '', '')"
            )
            queue.submit(event(event_id="b"))
            assert queue.drain_pending()
            [(reason,)] = database.execute("SELECT failure_reason FROM signed_events_dlq")
            assert "'intruder' of the chain has no sequence" in reason

            database.execute("DELETE FROM signed_events WHERE id = 'intruder'")
        assert queue.replay_dlq().replayed == ("b",)
    assert ids(tmp_path) == ["a", "b"]


# Permissions


@pytest.fixture
def forbidden(tmp_path: Path) -> Iterator[Path]:
    """A directory that nobody may enter, also not the superuser, who becomes somebody else."""
    directory = tmp_path / "forbidden"
    directory.mkdir()
    directory.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield directory
    if user == 0:
        os.seteuid(0)
    directory.chmod(0o700)


def test_a_spool_in_a_forbidden_directory_is_a_typed_error(forbidden: Path) -> None:
    """With the reason of the system, and nothing is made."""
    world = database()
    with pytest.raises(InputOutput, match="Permission denied"):
        volatile(world, spool=str(forbidden / "spool"))
    assert world.look("SELECT count(*) FROM signed_events_spools") == [(1,)]


def test_a_database_in_a_forbidden_directory_is_a_typed_error(forbidden: Path) -> None:
    """Before the spool is touched."""
    with pytest.raises(InputOutput, match="Permission denied"):
        open_queue(forbidden)


def test_a_database_in_a_directory_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    """SQLite cannot open it, and the advice is about the directory."""
    with pytest.raises(Invalid, match="its directory must exist"):
        open_queue(tmp_path / "nowhere")
    assert contents(tmp_path) == {}


def test_a_spool_whose_disk_fails_while_it_is_made_is_made_the_next_time() -> None:
    """Wherever the disk fails on opening: a typed error, and then a queue that works."""
    failures = 0
    for nth in range(1, 30):
        world, disk = database(), ModelFilesystem()
        disk.fail(nth, Fault.NO_SPACE)
        try:
            queue = volatile(world, spool="/spool", filesystem=disk)
        except InputOutput:
            failures += 1
            queue = volatile(world, spool="/spool", filesystem=disk)
        disk.disarm()
        queue.submit(event(event_id="a"))
        assert queue.drain_pending()
        assert chain(world) == [(1, "a")]
    assert failures > 5
