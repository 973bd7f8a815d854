"""
The queue of v0.7, by the numbers of its features.

The numbers B1 to B27 are those of the list of features that was taken from the
v0.7 queue; what each test expects stands in that list.  Where this specification
asks for more, the test says so.

"""

import inspect
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pytest
from attrs import asdict
from tornproof.chain import connect, prepare, verify
from tornproof.drainer import Allow, Bash, DeferredAuditQueue, Metrics, Refuse
from tornproof.drainer.failure import Failure, classify
from tornproof.drainer.sink import ChainSink
from tornproof.drainer.supervisor import State
from tornproof.errors import InputOutput
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.faulty_database import MemoryDatabase

from tests.reference.drainer_world import chain, dead_letters, event, volatile
from tests.reference.worked_cases import test_worked_events_and_chain
from tests.reference.worked_cases.worked_tables import columns

REJECTED = Strike(Kind.NO_SUCH_COLUMN, point="insert")


# Queue


@requirement("DRN-2")
def test_b12_submit_says_whether_it_queued(world: MemoryDatabase) -> None:
    """True if queued; false, and counted, once nobody drains; never an exception."""
    queue = volatile(world)
    assert queue.submit_refusal("agent", Bash("ls"), Refuse("R", "r"))
    assert not queue.submit_refusal("agent", Bash("ls"), Allow())
    queue.close_and_flush()

    assert not queue.submit(event())
    assert not queue.submit(None)  # type: ignore[arg-type]
    assert queue.metrics == Metrics(submitted=3, refused=2, chained=1)


@requirement("DRN-13")
def test_b13_producers_share_one_queue_and_one_set_of_counters(world: MemoryDatabase) -> None:
    """Four threads, ten events each; anybody sees forty."""
    queue = volatile(world)

    def produce() -> None:
        for number in range(10):
            queue.submit(event(number))

    threads = [Thread(target=produce) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert queue.metrics.submitted == 40


@requirement("DRN-6")
def test_b14_a_sink_error_is_counted_and_the_loop_goes_on(world: MemoryDatabase) -> None:
    """The first of three fails; the others land."""
    queue = volatile(world)
    world.plan.strikes.append(REJECTED)
    for number in (1, 2, 3):
        queue.submit(event(number, event_id=f"e{number}"))
        queue.drain_pending()

    assert [name for _, name in chain(world)] == ["e2", "e3"]
    assert queue.metrics.append_failures == 1


@requirement("DRN-4", "DRN-5")
@pytest.mark.parametrize(("lost", "retries", "dead"), [(5, 5, 0), (6, 5, 1)])
def test_b15_five_retries_and_then_the_dead_letters(
    world: MemoryDatabase, lost: int, retries: int, dead: int
) -> None:
    """UNIQUE on sequence, extended code 2067; each retry is counted."""
    queue = volatile(world)
    world.plan.strikes.append(Strike(Kind.UNIQUE, point="insert", times=lost))
    queue.submit(event())
    queue.drain_pending()

    assert queue.metrics.race_retries == retries
    assert (len(chain(world)), queue.dlq_size()) == (1 - dead, dead)


@requirement("DRN-6")
def test_b16_the_extended_code_decides_through_any_wrapping() -> None:
    """2067 is a race, BUSY (5) is none, and the text says nothing."""
    unique = sqlite3.IntegrityError("database is locked")
    unique.sqlite_errorcode = 2067
    busy = sqlite3.OperationalError("UNIQUE constraint failed: signed_events.sequence")
    busy.sqlite_errorcode = 5
    wrapped = InputOutput("something went wrong")
    wrapped.__cause__ = unique

    assert [classify(each) for each in (unique, wrapped, busy)] == [
        Failure.RACE,
        Failure.RACE,
        Failure.TRANSIENT,
    ]


def test_b17_signed_events_dlq_has_these_columns_and_indexes(world: MemoryDatabase) -> None:
    """The seven columns of an event, its id not unique, the reason and the moment."""
    assert columns(world, "signed_events_dlq")[:10] == [
        ("dlq_id", "INTEGER", 0, None, 1),
        ("id", "TEXT", 1, None, 0),
        ("agent_id", "TEXT", 1, None, 0),
        ("event_type", "TEXT", 1, None, 0),
        ("payload_hash", "BLOB", 1, None, 0),
        ("signature", "BLOB", 0, None, 0),
        ("attest_level", "TEXT", 1, "'unsigned'", 0),
        ("timestamp", "TEXT", 1, None, 0),
        ("failure_reason", "TEXT", 1, None, 0),
        ("failed_at", "TEXT", 1, None, 0),
    ]
    (statement,) = world.look("SELECT sql FROM sqlite_master WHERE name = 'signed_events_dlq'")
    assert "AUTOINCREMENT" in statement[0]
    indexed = {
        world.look(f"PRAGMA index_info({name})")[0][2]
        for _, name, *_ in world.look("PRAGMA index_list(signed_events_dlq)")
    }
    assert {"failed_at", "agent_id"} <= indexed


@requirement("DRN-1", "DRN-10")
def test_b18_appended_dead_lettered_or_neither(world: MemoryDatabase) -> None:
    """Three outcomes; what neither table took is not dropped here, but waits."""
    queue = volatile(world)
    queue.submit(event(1, event_id="e1"))
    queue.drain_pending()
    world.plan.strikes.append(REJECTED)
    queue.submit(event(2, event_id="e2"))
    queue.drain_pending()
    refused = Strike(Kind.NO_SUCH_COLUMN, point="dead letter", times=100)
    world.plan.strikes += [REJECTED, refused]
    queue.submit(event(3, event_id="e3"))
    drained = queue.drain_pending(1.0)

    assert (chain(world), dead_letters(world)) == ([(1, "e1")], ["e2"])
    assert (bool(drained), drained.pending) == (False, ("e3",))


@requirement("DRN-8")
def test_b19_the_connection_is_lazy_and_rebuilt_after_a_panic(world: MemoryDatabase) -> None:
    """None before the first event, one for it, another after a panic."""
    queue = volatile(world)
    world.plan.visited.clear()
    assert queue.step() is None
    opened = [world.plan.visited.count("open")]

    queue.submit(event(1))
    queue.drain_pending()
    opened.append(world.plan.visited.count("open"))
    world.plan.strikes.append(Strike(Kind.PANIC, point="insert"))
    queue.submit(event(2))
    queue.drain_pending()
    opened.append(world.plan.visited.count("open"))

    assert opened == [0, 1, 2]
    assert len(chain(world)) == 2


@requirement("DRN-8")
@pytest.mark.parametrize(("panics", "state"), [(2, State.RUNNING), (3, State.FAILED)])
def test_b20_panics_are_survived_up_to_max_restarts(
    world: MemoryDatabase, panics: int, state: State
) -> None:
    """With max_restarts = 2; each panic is counted."""
    queue = volatile(world, max_restarts=2)
    world.plan.strikes.append(Strike(Kind.PANIC, point="begin", times=panics))
    queue.submit(event())
    queue.drain_pending()

    assert queue.metrics.panics == panics
    assert queue.state is state


# Waiting and ending


@requirement("DRN-11")
@pytest.mark.parametrize("events", [0, 1, 7])
def test_b21_close_and_flush_lands_everything(world: MemoryDatabase, events: int) -> None:
    """Every event submitted before is in the chain after; none is fine too."""
    queue = volatile(world)
    for number in range(events):
        queue.submit(event(number))

    assert queue.close_and_flush()
    assert len(chain(world)) == events


@requirement("DRN-12")
def test_b22_drain_pending_is_a_bounded_wait(world: MemoryDatabase) -> None:
    """True at once when nothing is pending, false when the time is up; 5 s by default."""
    queue = volatile(world)
    assert queue.drain_pending(0.0)
    world.plan.strikes.append(Strike(Kind.BUSY, point="begin", times=1000))
    queue.submit(event())

    assert not queue.drain_pending(0.5)
    world.plan.strikes.clear()
    assert queue.submit(event())
    assert queue.drain_pending()
    timeout = inspect.signature(DeferredAuditQueue.drain_pending).parameters["timeout"]
    assert timeout.default == 5.0


@requirement("DRN-13")
def test_b23_counters_are_all_there_and_begin_at_zero(world: MemoryDatabase) -> None:
    """The seven of v0.7, under names that partition the events; and what is attempted, apart."""
    now = asdict(volatile(world).metrics)

    v07 = {
        "submitted": "submitted",
        "appended": "chained",
        "send_failures": "refused",
        "append_failures": "append_failures",
        "drainer_panics": "panics",
        "dlq_landed": "dead_lettered",
        "unique_race_retries": "race_retries",
    }
    assert set(v07.values()) <= set(now)
    assert set(now.values()) == {0}


@requirement("DRN-14")
def test_b24_dlq_size_is_a_live_count(world: MemoryDatabase) -> None:
    """It follows what somebody else does to the table."""
    queue = volatile(world)
    sizes = [queue.dlq_size()]
    world.plan.strikes.append(REJECTED)
    queue.submit(event())
    queue.drain_pending()
    sizes.append(queue.dlq_size())
    world.anchor.execute("DELETE FROM signed_events_dlq")
    sizes.append(queue.dlq_size())

    assert sizes == [0, 1, 0]


@requirement("DRN-1")
def test_b25_one_call_installs_everything(tmp_path: Path) -> None:
    """A path is enough: tables, drainer and supervisor are there, and it runs."""
    path = tmp_path / "audit.db"
    with DeferredAuditQueue.open(path, spool=None) as queue:
        assert queue.submit(event())
        assert queue.drain_pending()

    with closing(connect(path, read_only=True)) as connection:
        assert verify(connection).rows == 1


@requirement("DRN-2")
def test_b26_two_hundred_events_into_a_sink_of_a_millisecond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None refused, none lost."""
    quick = ChainSink.append

    def slow(self: ChainSink, batch: Any) -> Any:
        sleep(0.001 * len(batch))
        return quick(self, batch)

    monkeypatch.setattr(ChainSink, "append", slow)
    with DeferredAuditQueue.open(tmp_path / "audit.db", spool=None) as queue:
        receipts = [queue.submit(event(number)) for number in range(200)]

    assert all(receipts)
    assert queue.metrics == Metrics(submitted=200, chained=200)


@requirement("DRN-1")
def test_b27_exactly_once_or_recoverable_from_the_dead_letters(tmp_path: Path) -> None:
    """One of three is rejected and waits among the dead letters, until it is replayed."""
    path = tmp_path / "audit.db"
    with closing(connect(path)) as connection:
        prepare(connection, str(path))
        connection.execute(
            "CREATE TRIGGER picky BEFORE INSERT ON signed_events WHEN NEW.id = 'e2'"
            " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
        with DeferredAuditQueue.open(path, spool=tmp_path / "spool") as queue:
            for number in (1, 2, 3):
                queue.submit(event(number, event_id=f"e{number}"))
            queue.drain_pending()
            rows = connection.execute("SELECT id FROM signed_events ORDER BY sequence").fetchall()
            assert [name for (name,) in rows] == ["e1", "e3"]
            assert queue.dlq_size() == 1

            connection.execute("DROP TRIGGER picky")
            assert queue.replay_dlq().replayed == ("e2",)
            assert queue.dlq_size() == 0
        assert verify(connection).rows == 3


def test_every_number_has_its_test() -> None:
    """B1 to B27."""
    names = {*globals(), *vars(test_worked_events_and_chain)}
    numbers = {name.split("_")[1] for name in names if name.startswith("test_b")}
    assert numbers == {f"b{number}" for number in range(1, 28)}
