"""Dead letters: they keep what they were, and a replay moves them, once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tornproof.chain import connect, verify
from tornproof.chain.database import prepare
from tornproof.drainer import DeferredAuditQueue, replay_dlq
from tornproof.drainer.sink import Admitted, ChainSink
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.database_faults import Kind, Panic, ProcessDied, Strike, When
from tornproof_models.faulty_database import MemoryDatabase

from tests.reference.drainer_world import chain, database, dead_letters, encoded, event, volatile

NOON = 1_769_860_800_000_000_000
STATEMENTS = ["begin", "remove", "residence", "head", "insert", "commit"]


def rejected(of: MemoryDatabase, *numbers: int) -> DeferredAuditQueue:
    """Make a queue that has dead-lettered events with the ids `e1`, `e2` and so on."""
    queue = volatile(of)
    for number in numbers:
        of.plan.strikes.append(Strike(Kind.NO_SUCH_COLUMN, point="insert"))
        queue.submit(event(NOON + number, event_id=f"e{number}"))
        queue.drain_pending()
    assert dead_letters(of) == [f"e{number}" for number in numbers]
    return queue


@requirement("DRN-15")
def test_a_replay_appends_what_was_kept() -> None:
    """The original id, time and bytes, at the current head; nothing of the time of the replay."""
    world = database()
    queue = rejected(world, 1)
    queue.submit(event(2, event_id="e2"))
    queue.drain_pending()

    assert queue.replay_dlq().replayed == ("e1",)
    assert (chain(world), dead_letters(world)) == ([(1, "e2"), (2, "e1")], [])
    [row] = world.look("SELECT timestamp, payload FROM signed_events WHERE id = 'e1'")
    assert row == ("2026-01-31T12:00:00.000000001Z", encoded(NOON + 1, event_id="e1").payload)
    assert verify(world.anchor).holds


@requirement("DRN-15")
def test_replaying_twice_is_replaying_once() -> None:
    """The second finds nothing to do, and says so."""
    world = database()
    queue = rejected(world, 1, 2)

    assert queue.replay_dlq().replayed == ("e1", "e2")
    assert queue.replay_dlq().replayed == ()
    assert chain(world) == [(1, "e1"), (2, "e2")]


@requirement("DRN-15")
def test_two_who_replay_at_once_share_the_work(tmp_path: Path) -> None:
    """Each dead letter is replayed by one of them, and in the chain once."""
    path = tmp_path / "audit.db"
    names = [f"e{number}" for number in range(50)]
    with closing(connect(path)) as database:
        prepare(database, "the test's")
        sink = ChainSink(database, clock=lambda: 0)
        for number in range(50):
            sink.dead_letter(Admitted(encoded(number), 0), "why")

    def replay() -> tuple[str, ...]:
        with closing(connect(path)) as database:
            return replay_dlq(database).replayed

    with ThreadPoolExecutor(4) as pool:
        replayed = [
            name for each in [pool.submit(replay) for _ in range(4)] for name in each.result()
        ]
    replayed += replay()  # where somebody had to wait for the lock for too long
    assert sorted(replayed) == sorted(names)
    with closing(connect(path)) as database:
        assert (verify(database).rows, verify(database).holds) == (50, True)


@requirement("DRN-15")
def test_a_replay_may_be_of_some() -> None:
    """By id; the others stay."""
    world = database()
    queue = rejected(world, 1, 2, 3)

    assert queue.replay_dlq(only=["e2", "unknown"]).replayed == ("e2",)
    assert dead_letters(world) == ["e1", "e3"]


@requirement("DRN-15")
@pytest.mark.parametrize("point", STATEMENTS)
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("kind", [Kind.IO_ERROR, Kind.BUSY, Kind.PANIC, Kind.DEATH])
def test_an_interrupted_replay_has_happened_or_has_not(kind: Kind, point: str, when: When) -> None:
    """Wherever it is struck the event is in one of the two places, and a second one finishes it."""
    world = database()
    queue = rejected(world, 1)
    world.plan.strikes.append(Strike(kind, when, point))
    with suppress(Panic, ProcessDied):
        queue.replay_dlq()
    places = [*dead_letters(world), *(name for _, name in chain(world))]
    world.kill()

    assert places == ["e1"]
    volatile(world).replay_dlq()
    assert (chain(world), dead_letters(world)) == ([(1, "e1")], [])


@requirement("DRN-15", "DRN-6")
def test_one_that_cannot_be_replayed_stays_and_keeps_no_other() -> None:
    """The reason is told, and the rest is replayed."""
    world = database()
    queue = rejected(world, 1, 2)
    world.anchor.execute("UPDATE signed_events_dlq SET payload = '{}' WHERE id = 'e1'")

    replay = queue.replay_dlq()
    assert replay.replayed == ("e2",)
    assert [name for name, _ in replay.failed] == ["e1"]
    assert dead_letters(world) == ["e1"]


@requirement("DRN-15", "EVT-3")
def test_a_dead_letter_that_somebody_edited_is_left_alone() -> None:
    """Its bytes do not have its hash: it is not what was admitted."""
    world = database()
    queue = rejected(world, 1)
    world.anchor.execute(
        "UPDATE signed_events_dlq SET payload = ?", (encoded(2, event_id="e1").payload,)
    )

    [(name, reason)] = queue.replay_dlq().failed
    assert (name, chain(world)) == ("e1", [])
    assert "it was edited" in reason


@requirement("DRN-1", "DRN-15")
def test_what_is_in_the_chain_already_only_leaves_the_dead_letters() -> None:
    """As after a restore of one table from an older copy: once is once."""
    world = database()
    queue = rejected(world, 1)
    letters: Any = world.look("SELECT * FROM signed_events_dlq")
    queue.replay_dlq()
    world.anchor.execute(
        f"INSERT INTO signed_events_dlq VALUES ({', '.join('?' * len(letters[0]))})", letters[0]
    )

    queue.replay_dlq()
    assert (chain(world), dead_letters(world)) == ([(1, "e1")], [])


@requirement("DRN-7", "DRN-15")
def test_what_was_replayed_is_not_dead_lettered_again() -> None:
    """An event that is submitted anew under its id, after a replay, is found in the chain."""
    world = database()
    queue = rejected(world, 1)
    queue.replay_dlq()
    queue.submit(event(NOON + 1, event_id="e1"))

    assert queue.drain_pending()
    assert (chain(world), dead_letters(world)) == ([(1, "e1")], [])


@requirement("DRN-15")
def test_a_replay_that_cannot_be_rolled_back_says_so() -> None:
    """The event is still a dead letter, and an operator sees a reason and no traceback."""
    world = database()
    queue = rejected(world, 1)
    world.plan.strikes += [
        Strike(Kind.IO_ERROR, point="insert"),
        Strike(Kind.IO_ERROR, point="rollback"),
    ]

    [(name, reason)] = queue.replay_dlq().failed
    assert (name, "cannot roll back" in reason) == ("e1", True)
    assert dead_letters(world) == ["e1"]
