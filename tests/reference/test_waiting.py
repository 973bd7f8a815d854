"""Whoever waits is told, after a time, what is left (GRP-9, DRN-29)."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tornproof.chain import connect
from tornproof.drainer import DeferredAuditQueue
from tornproof.drainer.sink import Admitted, ChainSink, Residence
from tornproof.errors import Locked, QueueFull, Unfinished
from tornproof.filesystem import OsFile, OsFilesystem
from tornproof.journal import GroupCommitBuffer, Journal
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.drainer_world import event, ids, open_queue

SHORT = 0.05
"""Seconds: the limit that is waited for, not a time that is measured."""


class Hanging(OsFilesystem):
    """A disk whose syncs of segments return when it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open a file; a segment hangs."""
        file = super().open(path, create=create, exclusive=exclusive)
        if ".wal" in path:
            sync = file.sync

            def hang() -> None:
                self.answers.wait()
                sync()

            file.sync = hang  # type: ignore[method-assign]
        return file


@pytest.fixture
def disk() -> Iterator[Hanging]:
    """A hanging disk that answers in the end."""
    disk = Hanging()
    yield disk
    disk.answers.set()


def opened(directory: Path, disk: Hanging, *, queue_records: int = 8) -> GroupCommitBuffer:
    """Open a group commit on it."""
    journal = Journal.open(directory / "j", durability="batched", filesystem=disk)
    return GroupCommitBuffer(journal, queue_records=queue_records, wait=SHORT)


@requirement("GRP-9")
def test_a_future_says_how_many_are_on_their_way(tmp_path: Path, disk: Hanging) -> None:
    """It is a TimeoutError, leaves the outcome open, and may be waited for again."""
    buffer = opened(tmp_path, disk)
    futures = [buffer.append(b"one"), buffer.append(b"two")]
    with pytest.raises(Unfinished, match="2 records are on their way") as caught:
        futures[0].result(timeout=SHORT)
    assert isinstance(caught.value, TimeoutError)
    assert not caught.value.definite

    disk.answers.set()
    assert [future.result() for future in futures] == [0, 43]
    buffer.close()


@requirement("GRP-9", "GRP-5")
def test_a_place_in_the_queue_is_waited_for_with_a_limit(tmp_path: Path, disk: Hanging) -> None:
    """The producer is told that the queue is full, and nothing was taken in."""
    buffer = opened(tmp_path, disk, queue_records=1)
    first = buffer.append(b"one")
    with pytest.raises(QueueFull, match="1 records on their way"):
        buffer.append(b"two")

    disk.answers.set()
    first.result()
    buffer.close()
    with Journal.open(tmp_path / "j") as journal:
        assert [payload for _, payload in journal.scan()] == [b"one"]


@requirement("GRP-9", "GRP-7")
def test_closing_has_a_limit_and_may_be_done_again(tmp_path: Path, disk: Hanging) -> None:
    """What was handed over stays on its way, and the second closing waits for it."""
    buffer = opened(tmp_path, disk)
    future = buffer.append(b"one")
    with pytest.raises(Unfinished, match="1 records are on their way"):
        buffer.close(timeout=SHORT)

    disk.answers.set()
    buffer.close()
    assert future.result() == 0


@requirement("DRN-29", "DRN-12")
@pytest.mark.parametrize("spool", [True, False], ids=["durable", "volatile"])
def test_a_queue_whose_database_is_locked_ends_in_time(tmp_path: Path, spool: bool) -> None:
    """What is left is named; in a spool it waits for the next process."""
    queue = DeferredAuditQueue.open(
        tmp_path / "audit.db", spool=tmp_path / "spool" if spool else None
    )
    with closing(connect(tmp_path / "audit.db")) as sibling:
        sibling.execute("BEGIN IMMEDIATE")
        assert queue.submit(event(event_id="a"))
        drained = queue.close_and_flush(timeout=SHORT)
    assert not drained
    assert drained.pending == ("a",)
    assert queue.metrics.lost == (0 if spool else 1)
    if spool:
        with open_queue(tmp_path):
            pass
        assert ids(tmp_path) == ["a"]


@requirement("DRN-29")
def test_a_transaction_that_does_not_end_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spool stays open until it has ended, and the queue can be closed again."""
    monkeypatch.setattr("tornproof.drainer.queue.STOP_TIMEOUT", SHORT)
    inside, go_on = threading.Event(), threading.Event()

    class HangingSink(ChainSink):
        def append(self, events: Sequence[Admitted]) -> list[Residence]:
            inside.set()
            go_on.wait()
            return super().append(events)

    def make_sink(connection: sqlite3.Connection, spool: str | None) -> HangingSink:
        return HangingSink(connection, spool_id=spool, clock=time.time_ns)

    queue = open_queue(tmp_path, make_sink=make_sink)
    assert queue.submit(event(event_id="a"))
    assert inside.wait(30)
    drained = queue.close_and_flush(timeout=SHORT)
    assert "has not ended after 0.05 seconds" in drained.reason
    assert drained.pending == ("a",)
    with pytest.raises(Locked):
        open_queue(tmp_path)

    go_on.set()
    queue.close_and_flush()
    with open_queue(tmp_path):
        pass
    assert ids(tmp_path) == ["a"]
