"""After a fork there is one writer, one reader, one group commit and one queue: the parent's."""

import os
import signal
from pathlib import Path

import pytest
from tornproof.audit import AuditStore
from tornproof.drainer import DeferredAuditQueue
from tornproof.errors import Locked, Unfinished
from tornproof.journal import Cursor, GroupCommitBuffer, Journal, JournalReader, recover
from tornproof.kv import SqliteKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.drainer_world import event, ids, open_queue
from tests.reference.forks import LivingChild, in_child


def payloads(directory: Path) -> list[bytes]:
    """Return what a fresh opening shows."""
    with Journal.open(directory) as journal:
        return [payload for _, payload in journal.scan()]


@requirement("JRN-13")
def test_a_child_appends_nothing(tmp_path: Path) -> None:
    """It is refused, and the parent goes on where it was: both records are there."""
    journal = Journal.open(tmp_path / "j", durability="eventual")
    journal.append(b"before")
    for action in (
        lambda: journal.append(b"of the child"),
        journal.sync,
        journal.rotate,
        journal.cleanup,
        lambda: journal.read(0),
        lambda: list(journal.scan()),
    ):
        assert in_child(action) == "Forked"
    journal.append(b"after")
    journal.close()

    assert payloads(tmp_path / "j") == [b"before", b"after"]


@requirement("JRN-13", "JRN-14")
def test_a_child_may_close_and_the_parent_keeps_the_lock(tmp_path: Path) -> None:
    """Closing in the child writes nothing and unlocks nothing."""
    with Journal.open(tmp_path / "j") as journal:
        journal.append(b"before")
        before = {path.name: path.read_bytes() for path in (tmp_path / "j").iterdir()}
        assert in_child(journal.close) == "None"
        assert {path.name: path.read_bytes() for path in (tmp_path / "j").iterdir()} == before
        with pytest.raises(Locked):
            recover(tmp_path / "j")
        journal.append(b"after")


@requirement("JRN-13")
def test_a_living_child_does_not_keep_the_lock_from_a_parent_that_closed(tmp_path: Path) -> None:
    """The journal opens again at once."""
    journal = Journal.open(tmp_path / "j")
    journal.append(b"last words")
    with LivingChild():
        journal.close()
        assert payloads(tmp_path / "j") == [b"last words"]


@requirement("JRN-13", "JRN-9")
def test_a_living_child_does_not_keep_the_lock_of_a_parent_that_died(tmp_path: Path) -> None:
    """Nobody closed it, and the journal is free all the same."""

    def open_and_leave_a_child() -> int:
        journal = Journal.open(tmp_path / "j")
        journal.append(b"last words")
        child = LivingChild()
        child.__enter__()
        return child.number

    child = int(in_child(open_and_leave_a_child))
    try:
        assert payloads(tmp_path / "j") == [b"last words"]
    finally:
        os.kill(child, signal.SIGKILL)


@requirement("RDR-7", "CUR-4")
def test_a_child_reads_and_moves_nothing(tmp_path: Path) -> None:
    """A reader and a cursor are the parent's; the child opens its own."""
    with Journal.open(tmp_path / "j") as journal:
        end = [journal.append(b"one"), journal.append(b"two")][1]
    reader = JournalReader(tmp_path / "j")
    under_way = reader.scan()
    next(under_way)
    cursor = Cursor.open(tmp_path / "j", "c")

    for action in (
        lambda: reader.read(0),
        reader.end,
        lambda: list(reader.scan()),
        lambda: next(under_way),
        lambda: cursor.advance(end),
    ):
        assert in_child(action) == "Forked"
    assert Cursor.open(tmp_path / "j", "c").position == 0
    assert in_child(lambda: JournalReader(tmp_path / "j").read(0)) == "b'one'"
    assert next(under_way) == (end, b"two")


@requirement("GRP-8")
def test_a_group_commit_in_a_child_refuses_at_once(tmp_path: Path) -> None:
    """Nobody waits there for a thread that is not there, nor for a future of its."""
    buffer = GroupCommitBuffer(Journal.open(tmp_path / "j", durability="batched"), max_delay=60)
    first = buffer.append(b"first")
    first.result()
    waiting = [buffer.append(b"x"), buffer.append(b"y")]

    assert in_child(lambda: buffer.append(b"of the child")) == "Forked"
    assert in_child(buffer.cleanup) == "Forked"
    assert in_child(waiting[0].result) == "Forked"
    assert in_child(buffer.close) == "None"

    buffer.close()
    assert [future.result() for future in waiting] == [45, 86]
    assert payloads(tmp_path / "j") == [b"first", b"x", b"y"]


@requirement("DRN-28")
@pytest.mark.parametrize("paused", [False, True])
def test_a_queue_in_a_child_admits_nothing(tmp_path: Path, paused: bool) -> None:
    """It says so at once, drains nothing, and closing it there leaves the parent's alone."""
    queue = open_queue(tmp_path, paused=paused)
    assert queue.submit(event(event_id="a"))

    def submit() -> tuple[bool, bool]:
        receipt = queue.submit(event(event_id="of the child"))
        return receipt.admitted, receipt.definite

    assert in_child(submit) == "(False, True)"
    assert in_child(lambda: queue.drain_pending(5)) == "Forked"
    assert in_child(lambda: bool(queue.close_and_flush())) == "False"

    assert queue.submit(event(event_id="b"))
    assert queue.close_and_flush()
    assert ids(tmp_path) == ["a", "b"]


@requirement("DRN-28")
def test_a_volatile_queue_in_a_child_admits_nothing(tmp_path: Path) -> None:
    """Its buffer is a copy that nobody will ever drain."""
    queue = DeferredAuditQueue.open(tmp_path / "audit.db", spool=None)
    assert in_child(lambda: queue.submit(event(event_id="of the child")).admitted) == "False"
    assert in_child(lambda: bool(queue.close_and_flush())) == "False"
    assert queue.submit(event(event_id="a"))
    assert queue.close_and_flush()
    assert ids(tmp_path) == ["a"]


@requirement("JRN-13")
def test_an_index_in_a_child_is_left_alone(tmp_path: Path) -> None:
    """SQLite's connections do not survive a fork; the child is told so and may close."""
    store = AuditStore(SqliteKeyValueStore(tmp_path / "audit.db"))
    assert in_child(lambda: store.has(bytes(32))) == "Forked"
    assert in_child(store.close) == "None"
    assert store.has(bytes(32)) is False
    store.close()


def test_the_error_of_a_wait_is_a_timeout() -> None:
    """Whoever catches what futures raise catches it too."""
    assert issubclass(Unfinished, TimeoutError)
