"""The supervisor: panics lose nothing, and giving up is public."""

from collections.abc import Callable

import pytest
from tornproof.chain import verify
from tornproof.drainer.buffer import Buffer
from tornproof.drainer.metrics import Counters
from tornproof.drainer.sink import ChainSink
from tornproof.drainer.supervisor import MAX_RESTARTS, State, Supervisor
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.database_faults import Kind, Panic, Strike, When
from tornproof_models.faulty_database import MemoryDatabase

from tests.reference.drainer_world import (
    chain,
    database,
    dead_letters,
    encoded,
    event,
    sink,
    volatile,
)


def supervised(
    world: MemoryDatabase,
    events: int,
    open_sink: Callable[[], ChainSink] | None = None,
    buffer: Buffer | None = None,
) -> tuple[Supervisor, Counters]:
    """A supervisor with so many events in a buffer."""
    buffer, counters = buffer or Buffer(), Counters()
    for number in range(1, events + 1):
        buffer.admit(encoded(number))
        counters.add(submitted=1)
    return Supervisor(buffer, open_sink or (lambda: sink(world)), counters), counters


def run(supervisor: Supervisor) -> list[float]:
    """Step until there is nothing to do, and return the delays that were asked for."""
    delays = []
    while (wait := supervisor.step()) is not None:
        delays += [wait] if wait else []
        assert len(delays) < 100
    return delays


def test_no_sink_is_made_before_there_is_something_to_land() -> None:
    """The connection is lazy."""

    def refuse() -> ChainSink:
        raise AssertionError("nobody needs a sink yet")

    supervisor, _ = supervised(database(), 0, refuse)

    assert run(supervisor) == []
    assert supervisor.life.state is State.STARTING


@requirement("DRN-8")
@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
@pytest.mark.parametrize("point", ["begin", "residence", "head", "insert", "cursor", "commit"])
def test_a_panic_anywhere_loses_nothing(point: str, when: When) -> None:
    """A fresh sink, the event in flight first, and each event once."""
    world = database()
    supervisor, counters = supervised(world, 3)
    world.plan.strikes.append(Strike(Kind.PANIC, when, point))

    run(supervisor)
    assert chain(world) == [(1, "e1"), (2, "e2"), (3, "e3")]
    assert (counters.now.panics, counters.now.chained) == (1, 3)
    assert verify(world.anchor).holds


@requirement("DRN-8")
def test_five_panics_in_a_row_are_survived_and_six_are_not() -> None:
    """The state says so, the reason says why, and what was in flight is still there."""
    for panics in (MAX_RESTARTS, MAX_RESTARTS + 1):
        world = database()
        supervisor, counters = supervised(world, 2)
        world.plan.strikes.append(Strike(Kind.PANIC, point="insert", times=panics))
        run(supervisor)

        survived = panics == MAX_RESTARTS
        assert supervisor.life.state is (State.RUNNING if survived else State.FAILED)
        assert len(chain(world)) == (2 if survived else 0)
        assert counters.now.panics == panics
    assert supervisor.life.reason.startswith("Panic: panic at the insertion")
    assert [each.event.event_id for each in supervisor.core.in_flight] == ["e1", "e2"]
    assert supervisor.step() is None


@requirement("DRN-8")
def test_only_panics_in_a_row_count() -> None:
    """A landing in between begins the count anew."""
    world = database()
    buffer = Buffer()
    supervisor, counters = supervised(world, 0, buffer=buffer)
    for number in range(1, 11):
        buffer.admit(encoded(number))
        world.plan.strikes.append(Strike(Kind.PANIC, point="begin", times=MAX_RESTARTS))
        run(supervisor)

    assert (len(chain(world)), counters.now.panics) == (10, 10 * MAX_RESTARTS)


@requirement("DRN-8")
def test_restarts_back_off() -> None:
    """Each delay is twice the one before."""
    world = database()
    supervisor, _ = supervised(world, 1)
    world.plan.strikes.append(Strike(Kind.PANIC, point="begin", times=4))

    assert run(supervisor) == [0.01, 0.02, 0.04, 0.08]


@requirement("DRN-8")
def test_a_factory_that_panics_is_supervised_too() -> None:
    """It counts like any other panic."""
    world = database()
    attempts = 0

    def open_sink() -> ChainSink:
        nonlocal attempts
        attempts += 1
        if attempts <= 2:
            raise Panic("in the factory")
        return sink(world)

    supervisor, counters = supervised(world, 1, open_sink)
    run(supervisor)

    assert (chain(world), counters.now.panics) == ([(1, "e1")], 2)


@requirement("DRN-6", "DRN-8")
def test_a_database_that_cannot_be_opened_is_waited_for() -> None:
    """That is no panic: it is tried again for as long as it takes, with growing delays."""
    world = database()
    supervisor, counters = supervised(world, 1)
    world.plan.strikes.append(Strike(Kind.BUSY, point="open", times=8))
    delays = run(supervisor)

    assert chain(world) == [(1, "e1")]
    assert (counters.now.panics, counters.now.append_failures) == (0, 8)
    assert delays == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0]


@requirement("DRN-8")
def test_a_broken_connection_is_replaced() -> None:
    """A transaction that cannot be rolled back is a panic, and the next sink lands the event."""
    world = database()
    supervisor, counters = supervised(world, 1)
    world.plan.strikes += [
        Strike(Kind.FULL, point="insert"),
        Strike(Kind.IO_ERROR, point="rollback"),
    ]
    run(supervisor)

    assert (chain(world), counters.now.panics) == ([(1, "e1")], 1)


@requirement("DRN-8")
def test_a_sink_that_cannot_even_be_closed_is_dropped() -> None:
    """What is broken may be broken in every way."""
    world = database()

    class Stubborn(ChainSink):
        def close(self) -> None:
            raise Panic("in close")

    def open_sink() -> ChainSink:
        return Stubborn(world.connect(), clock=lambda: 0)

    supervisor, counters = supervised(world, 1, open_sink)
    world.plan.strikes.append(Strike(Kind.PANIC, point="head"))
    run(supervisor)

    assert (chain(world), counters.now.panics) == ([(1, "e1")], 1)


@requirement("DRN-4", "DRN-5", "DRN-13")
def test_races_are_counted_as_retries_and_the_last_one_is_none() -> None:
    """Six lost races are five retries and a dead letter."""
    world = database()
    supervisor, counters = supervised(world, 1)
    world.plan.strikes.append(Strike(Kind.UNIQUE, point="insert", times=6))
    run(supervisor)

    now = counters.now
    assert dead_letters(world) == ["e1"]
    assert (now.race_retries, now.append_failures, now.dead_lettered) == (5, 6, 1)
    [(reason,)] = world.look("SELECT failure_reason FROM signed_events_dlq")
    assert reason.startswith("lost the race for a sequence 6 times: SQLITE_CONSTRAINT_UNIQUE")


@requirement("DRN-10")
def test_what_the_dead_letters_refuse_blocks_and_is_not_lost() -> None:
    """The event stays, those behind it stay, and both land when the database is well."""
    world = database()
    supervisor, counters = supervised(world, 2)
    world.plan.strikes += [
        Strike(Kind.NO_SUCH_COLUMN, point="insert", times=2),
        Strike(Kind.FULL, point="dead letter", times=3),
    ]
    run(supervisor)

    assert (dead_letters(world), chain(world)) == (["e1"], [(1, "e2")])
    assert counters.now.dead_letter_failures == 3


@requirement("DRN-7", "DRN-13")
def test_an_ambiguous_commit_is_counted_once() -> None:
    """The row is there, the counter says one, and nothing is dead."""
    world = database()
    supervisor, counters = supervised(world, 1)
    world.plan.strikes.append(Strike(Kind.IO_ERROR, When.AFTER, "commit"))
    run(supervisor)

    assert (chain(world), dead_letters(world)) == ([(1, "e1")], [])
    assert (counters.now.chained, counters.now.pending) == (1, 0)


@requirement("DRN-8")
def test_the_panics_of_a_real_thread_are_survived() -> None:
    """The same, with the thread that users have."""
    world = database()
    world.plan.strikes.append(Strike(Kind.PANIC, When.AFTER, "commit", times=2))
    with volatile(world, paused=False) as queue:
        admitted = [bool(queue.submit(event(number))) for number in range(20)]
        drained = queue.drain_pending(timeout=60)

    assert all(admitted)
    assert drained
    assert (len(chain(world)), queue.metrics.panics) == (20, 2)
