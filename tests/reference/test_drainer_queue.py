"""The queue: submit, drain, close; the worked cases, with real threads on real SQLite."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pytest
from tornproof.chain import Ed25519Signer, connect, verify
from tornproof.drainer import (
    Allow,
    Bash,
    Custom,
    DeferredAuditQueue,
    Escalate,
    FilesystemWrite,
    Refuse,
    Warn,
    dlq_size,
)
from tornproof.drainer.buffer import Buffer
from tornproof.drainer.sink import Admitted, ChainSink, Residence, Sink
from tornproof.drainer.supervisor import State
from tornproof.errors import Closed, InputOutput, QueueFull, TornproofError
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.database_faults import Kind, Strike, When
from tornproof_models.disk.filesystem import ModelFilesystem

from tests.reference.drainer_world import chain, database, dead_letters, encoded, event, volatile

CRASH_MODELS = pytest.mark.parametrize("durable", [True, False], ids=["durable", "volatile"])


def open_queue(directory: Path, durable: bool, **options: Any) -> DeferredAuditQueue:
    spool = directory / "spool" if durable else None
    return DeferredAuditQueue.open(directory / "audit.db", spool=spool, **options)


@pytest.fixture
def look(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An observer's connection, opened when the database is there."""
    with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as connection:
        yield connection


def ids(connection: sqlite3.Connection, table: str = "signed_events") -> list[str]:
    rows = connection.execute(f"SELECT id FROM {table} ORDER BY rowid").fetchall()
    return [name for (name,) in rows]


# Worked cases


@requirement("DRN-1", "DRN-2", "DRN-13")
@CRASH_MODELS
def test_two_hundred_events_at_once(tmp_path: Path, durable: bool) -> None:
    """From eight threads: none refused, none lost, and the chain verifies."""
    with open_queue(tmp_path, durable) as queue:
        receipts: list[Any] = []

        def produce(first: int) -> None:
            receipts.extend(queue.submit(event(number)) for number in range(first, first + 25))

        threads = [Thread(target=produce, args=(first,)) for first in range(0, 200, 25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        drained = queue.drain_pending(timeout=60)

    assert all(receipts)
    assert drained
    assert queue.metrics == type(queue.metrics)(submitted=200, chained=200)
    with closing(connect(tmp_path / "audit.db")) as connection:
        assert verify(connection).holds
        assert sorted(ids(connection)) == sorted(receipt.event_id for receipt in receipts)


@requirement("DRN-2")
@CRASH_MODELS
def test_two_hundred_events_into_a_slow_sink(
    tmp_path: Path, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sink of a millisecond for each event: none refused, none lost (case B26)."""
    quick = ChainSink.append

    def slow(self: ChainSink, batch: Any) -> Any:
        sleep(0.001 * len(batch))
        return quick(self, batch)

    monkeypatch.setattr(ChainSink, "append", slow)
    with open_queue(tmp_path, durable) as queue:
        receipts = [queue.submit(event(number)) for number in range(200)]

    assert all(receipts)
    assert queue.metrics == type(queue.metrics)(submitted=200, chained=200)
    with closing(connect(tmp_path / "audit.db")) as connection:
        assert ids(connection) == [receipt.event_id for receipt in receipts]


@requirement("DRN-5", "DRN-6", "DRN-14")
@CRASH_MODELS
def test_a_missing_column_puts_the_event_into_the_dead_letters(
    tmp_path: Path, durable: bool, look: sqlite3.Connection
) -> None:
    """The chain does not advance, one dead letter is counted, live and in the metrics."""
    with open_queue(tmp_path, durable) as queue:
        look.execute("DROP INDEX signed_events_type")
        look.execute("ALTER TABLE signed_events DROP COLUMN event_type")
        receipt = queue.submit(event())
        drained = queue.drain_pending(timeout=60)

        assert drained
        assert (ids(look), queue.dlq_size()) == ([], 1)
        assert queue.metrics.dead_lettered == 1
    assert ids(look, "signed_events_dlq") == [receipt.event_id]


@requirement("DRN-2", "DRN-10", "DRN-12")
def test_a_database_that_cannot_be_opened_appends_nothing() -> None:
    """Failures are counted, the event is pending and named, and it lands when the file is back."""
    world = database()
    queue = volatile(world)
    receipt = queue.submit(event())
    world.plan.strikes.append(Strike(Kind.READ_ONLY, point="open", times=100))

    drained = queue.drain_pending(timeout=5)
    assert (bool(drained), drained.pending) == (False, (receipt.event_id,))
    assert queue.metrics.append_failures > 3
    assert (chain(world), queue.metrics.pending) == ([], 1)

    world.plan.strikes.clear()
    assert queue.drain_pending()
    assert chain(world) == [(1, receipt.event_id)]


@requirement("DRN-6", "DRN-9")
def test_a_sink_that_fails_once_among_three() -> None:
    """Two are appended, one failure is counted, and the one that failed is a dead letter."""
    world = database()
    queue = volatile(world)
    world.plan.strikes.append(Strike(Kind.NO_SUCH_COLUMN, point="insert", nth=2))
    receipts = []
    for number in range(3):
        receipts.append(queue.submit(event(number)).event_id)
        queue.drain_pending()

    assert chain(world) == [(1, receipts[0]), (2, receipts[2])]
    assert dead_letters(world) == [receipts[1]]
    assert (queue.metrics.chained, queue.metrics.append_failures) == (2, 1)


# Submitting


@requirement("DRN-2", "EVT-5")
@CRASH_MODELS
@pytest.mark.parametrize(
    "bad",
    [
        event(action=Custom("k", float("nan"))),
        event(action=FilesystemWrite("\udcff")),
        event(event_id=""),
        event(10**30),
        None,
        "an event",
    ],
    ids=["nan", "path", "id", "time", "none", "text"],
)
def test_what_cannot_be_admitted_is_refused_and_never_raised(
    tmp_path: Path, durable: bool, bad: Any
) -> None:
    """With a reason, definitely, and counted; what follows is not disturbed."""
    with open_queue(tmp_path, durable, paused=True) as queue:
        receipt = queue.submit(bad)
        good = queue.submit(event())
        drained = queue.drain_pending()

    assert (bool(receipt), receipt.definite, bool(receipt.reason)) == (False, True, True)
    assert (bool(good), bool(drained)) == (True, True)
    assert queue.metrics == type(queue.metrics)(submitted=2, refused=1, chained=1)


@requirement("EVT-1")
@pytest.mark.parametrize("decision", [Allow(), Warn("R", "r")])
def test_decisions_that_block_nothing_make_no_event(decision: Any) -> None:
    """False, and counted nowhere."""
    queue = volatile(database())

    assert not queue.submit_refusal("agent", Bash("ls"), decision)
    assert queue.metrics == type(queue.metrics)()


@requirement("EVT-1")
def test_what_is_escalated_makes_an_event() -> None:
    """The action did not go on, so there is something to record."""
    world = database()
    with volatile(world) as queue:
        assert queue.submit_refusal("agent", Bash("ls"), Escalate("R", "ask somebody"))
    assert queue.metrics == type(queue.metrics)(submitted=1, chained=1)


@requirement("DRN-8", "DRN-17")
@pytest.mark.parametrize("spool", [None, "/spool"])
def test_a_sink_of_ones_own_lands_the_events(spool: str | None) -> None:
    """It is made of a connection and the id of the spool, and a fresh one after a panic."""
    world, made = database(), list[str | None]()

    class Counted(ChainSink):
        def append(self, batch: Sequence[Admitted]) -> list[Residence]:
            if len(made) == 1:
                raise RuntimeError("a defect")
            return super().append(batch)

    def make_sink(connection: sqlite3.Connection, spool_id: str | None) -> Sink:
        made.append(spool_id)
        return Counted(connection, spool_id=spool_id, clock=lambda: 0)

    with volatile(world, spool=spool, filesystem=ModelFilesystem(), make_sink=make_sink) as queue:
        assert queue.state is State.STARTING
        queue.submit(event(event_id="e1"))
    assert chain(world) == [(1, "e1")]
    assert (len(made), made[0] is None) == (2, spool is None)


@requirement("EVT-4")
def test_a_refusal_is_built_and_submitted_in_one_call() -> None:
    """With the time of the call; a wrong type is refused, not raised."""
    world = database()
    queue = volatile(world, clock=lambda: 1_769_860_800_000_000_000)

    assert queue.submit_refusal("agent", Bash("ls"), Refuse("R1", "because"))
    assert not queue.submit_refusal(7, Bash("ls"), Refuse("R1", "because"))  # type: ignore[arg-type]
    queue.drain_pending()
    assert world.look("SELECT timestamp FROM signed_events") == [
        ("2026-01-31T12:00:00.000000000Z",)
    ]
    assert (queue.metrics.submitted, queue.metrics.refused) == (2, 1)


@requirement("EVT-6", "DRN-7")
def test_an_event_that_is_submitted_again_under_its_id_is_one_event() -> None:
    """Both submits are admitted, and both are in the chain: it is the same row."""
    world = database()
    queue = volatile(world)
    first = queue.submit(event())
    queue.drain_pending()

    assert queue.submit(event(event_id=first.event_id))
    assert queue.drain_pending()
    assert (chain(world), queue.metrics.chained) == ([(1, first.event_id)], 2)


@requirement("EVT-6", "DRN-6")
def test_another_event_under_the_same_id_is_dead_lettered() -> None:
    """The first keeps its place; the second is not lost, and the reason says 1555."""
    world = database()
    queue = volatile(world)
    queue.submit(event(1, event_id="x"))
    queue.submit(event(2, event_id="x"))
    queue.drain_pending()

    assert (chain(world), dead_letters(world)) == ([(1, "x")], ["x"])
    [(reason,)] = world.look("SELECT failure_reason FROM signed_events_dlq")
    assert reason.startswith("SQLITE_CONSTRAINT_PRIMARYKEY")


@requirement("DRN-2")
@CRASH_MODELS
def test_submits_go_on_while_a_sibling_holds_the_lock(
    tmp_path: Path, durable: bool, look: sqlite3.Connection
) -> None:
    """
    Everything is admitted, nothing lands, and all of it does once the lock is gone.

    The lock goes only after the last submit has returned: one that waited for it
    would wait for ever.
    """
    with open_queue(tmp_path, durable) as queue:
        look.execute("BEGIN IMMEDIATE")
        receipts = [queue.submit(event(number)) for number in range(100)]
        while not queue.metrics.append_failures:  # until SQLite gives up waiting for the lock
            sleep(0.001)
        waiting = queue.drain_pending(timeout=0)
        landed_under_lock = queue.metrics.chained
        look.execute("ROLLBACK")
        drained = queue.drain_pending(timeout=60)

    assert all(receipts)
    assert (bool(waiting), len(waiting.pending), landed_under_lock) == (False, 100, 0)
    assert drained
    assert ids(look) == [receipt.event_id for receipt in receipts]
    assert queue.metrics.dead_lettered == 0


@requirement("DRN-2", "DRN-18")
def test_a_full_buffer_says_so() -> None:
    """The volatile mode is bounded in memory; what is turned away is counted."""
    queue = volatile(database(), capacity=2)
    receipts = [queue.submit(event(number)) for number in range(3)]

    assert [bool(receipt) for receipt in receipts] == [True, True, False]
    assert "2 events are waiting" in receipts[2].reason
    assert queue.drain_pending()
    assert queue.submit(event(4))


def test_a_buffer_is_read_by_position() -> None:
    """And forgets what was released."""
    buffer = Buffer(capacity=3)
    for number in (1, 2, 3):
        buffer.admit(encoded(number))
    with pytest.raises(QueueFull):
        buffer.admit(encoded(4))
    buffer.release(2)

    assert [each.event.event_id for each in buffer.read(2, 5)] == ["e3"]
    assert (buffer.read(3, 5), buffer.end) == ([], 3)
    assert (buffer.abandon(), buffer.abandon()) == (1, 0)
    with pytest.raises(Closed):
        buffer.admit(encoded(5))


# Waiting and ending


@requirement("DRN-12")
def test_draining_nothing_is_done_at_once() -> None:
    """Also before the first event."""
    assert volatile(database()).drain_pending(timeout=0)


@requirement("DRN-8", "DRN-12", "DRN-13")
@pytest.mark.parametrize("paused", [True, False])
def test_giving_up_wakes_whoever_waits(paused: bool) -> None:
    """The drain returns, names the event and the reason; submits are refused; losses counted."""
    world = database()
    world.plan.strikes.append(Strike(Kind.PANIC, point="begin", times=2))
    queue = volatile(world, paused=paused, max_restarts=1)
    receipt = queue.submit(event())
    drained = queue.drain_pending(timeout=None)

    assert (bool(drained), drained.pending) == (False, (receipt.event_id,))
    assert "panic at the BEGIN" in drained.reason
    assert queue.state is State.FAILED
    late = queue.submit(event())
    assert "gave up" in late.reason
    assert (queue.metrics.lost, queue.metrics.refused, queue.metrics.pending) == (1, 1, 0)
    assert not queue.close_and_flush()


@requirement("DRN-8", "DRN-12")
def test_giving_up_wakes_everybody() -> None:
    """Four who wait without a limit, and one who closes, while the database is locked at first."""
    world = database()
    world.plan.strikes += [
        Strike(Kind.BUSY, point="begin", times=4),
        Strike(Kind.PANIC, point="begin"),
    ]
    queue = volatile(world, paused=False, max_restarts=0)
    receipt = queue.submit(event())
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(queue.drain_pending, None) for _ in range(4)]
        waiting.append(pool.submit(queue.close_and_flush, None))
        answers = [each.result() for each in waiting]

    assert not any(answers)
    assert {each.pending for each in answers} <= {(receipt.event_id,), ()}
    assert queue.state is State.FAILED
    assert (queue.metrics.lost, queue.metrics.pending) == (1, 0)


@requirement("DRN-3", "DRN-8")
def test_what_a_failed_drainer_leaves_in_the_spool_is_for_the_next_process(tmp_path: Path) -> None:
    """Nothing is lost in the durable mode, and it lands before what comes later."""
    world = database()
    spool = tmp_path / "spool"
    queue = volatile(world, spool=spool, max_restarts=0)
    world.plan.strikes.append(Strike(Kind.PANIC, point="begin", times=9))
    first = queue.submit(event(1))
    queue.drain_pending()
    assert (queue.state, queue.metrics.lost, queue.metrics.pending) == (State.FAILED, 0, 1)
    queue.close_and_flush()
    world.kill()

    with volatile(world, spool=spool) as queue:
        second = queue.submit(event(2))
        assert queue.metrics.recovered == 1
    assert chain(world) == [(1, first.event_id), (2, second.event_id)]


@requirement("DRN-11")
@CRASH_MODELS
def test_closing_flushes_whoever_still_holds_the_queue(tmp_path: Path, durable: bool) -> None:
    """Everything is in the chain, later submits are refused, and closing again changes nothing."""
    queue = open_queue(tmp_path, durable)
    producer = queue
    receipts = [producer.submit(event(number)) for number in range(50)]

    assert queue.close_and_flush()
    assert queue.close_and_flush()
    assert not producer.submit(event())
    assert producer.drain_pending()
    assert queue.state is State.CLOSED
    with closing(connect(tmp_path / "audit.db")) as connection:
        assert ids(connection) == [receipt.event_id for receipt in receipts]


@requirement("DRN-11")
@CRASH_MODELS
def test_closing_while_producers_submit(tmp_path: Path, durable: bool) -> None:
    """Each submit is either admitted, and then in the chain, or refused, and then not."""
    queue = open_queue(tmp_path, durable)
    receipts: list[Any] = []

    def produce() -> None:
        while receipt := queue.submit(event()):
            receipts.append(receipt)

    threads = [Thread(target=produce) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(receipts) < 20:
        pass
    assert queue.close_and_flush()
    for thread in threads:
        thread.join()

    with closing(connect(tmp_path / "audit.db")) as connection:
        assert sorted(ids(connection)) == sorted(receipt.event_id for receipt in receipts)


@requirement("DRN-11", "DRN-13")
@CRASH_MODELS
def test_closing_from_many_threads(tmp_path: Path, durable: bool) -> None:
    """All of them return, to the same answer, and everything has landed once."""
    queue = open_queue(tmp_path, durable)
    receipts = [queue.submit(event(number)) for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        answers = [each.result() for each in [pool.submit(queue.close_and_flush) for _ in range(8)]]

    assert all(answers)
    assert queue.state is State.CLOSED
    assert queue.metrics == type(queue.metrics)(submitted=50, chained=50)
    with closing(connect(tmp_path / "audit.db")) as connection:
        assert ids(connection) == [receipt.event_id for receipt in receipts]


@requirement("DRN-11")
def test_closing_with_nothing_submitted(tmp_path: Path) -> None:
    """Is closing."""
    assert open_queue(tmp_path, durable=True).close_and_flush()


@requirement("DRN-13", "DRN-18")
def test_what_a_volatile_queue_cannot_flush_in_time_is_counted_as_lost() -> None:
    """The durable one keeps it."""
    world = database()
    world.plan.strikes.append(Strike(Kind.BUSY, point="begin", times=100))
    queue = volatile(world)
    queue.submit(event())

    assert not queue.close_and_flush(timeout=1)
    assert (queue.metrics.lost, queue.metrics.pending) == (1, 0)


# Looking


@requirement("DRN-14")
def test_the_size_of_the_dead_letter_queue_is_live_or_an_error() -> None:
    """It counts what others put there, and says so when it cannot count."""
    world = database()
    queue = volatile(world)
    assert queue.dlq_size() == 0
    world.anchor.execute(
        "INSERT INTO signed_events_dlq (id, agent_id, event_type, payload_hash, timestamp,"
        " failure_reason, failed_at, payload) VALUES ('x', '', '', '', '', '', '', '')"
    )

    assert queue.dlq_size() == 1
    world.plan.strikes.append(Strike(Kind.IO_ERROR, point="open"))
    with pytest.raises(InputOutput):
        queue.dlq_size()
    world.anchor.execute("DROP TABLE signed_events_dlq")
    with pytest.raises(TornproofError):
        queue.dlq_size()
    with closing(sqlite3.connect(":memory:")) as empty, pytest.raises(TornproofError):
        dlq_size(empty)


@requirement("CHN-7")
def test_a_queue_with_a_signer_signs(tmp_path: Path) -> None:
    """Each row, and the chain verifies with the key."""
    signer = Ed25519Signer(bytes(32))
    with open_queue(tmp_path, durable=True, signer=signer) as queue:
        queue.submit(event())
    with closing(connect(tmp_path / "audit.db")) as connection:
        assert verify(connection, keys=[signer.public_key], require_signatures=True).holds


def test_refusals_and_panics_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An operator who configures logging sees them."""
    world = database()
    world.plan.strikes.append(Strike(Kind.PANIC, When.BEFORE, "begin"))
    queue = volatile(world)
    with caplog.at_level(logging.WARNING, logger="tornproof.drainer"):
        queue.submit(event(action=Custom("k", float("nan"))))
        queue.submit(event())
        queue.drain_pending()

    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
