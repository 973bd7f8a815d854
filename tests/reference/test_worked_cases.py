"""
Every feature of the v0.7 queue, by its number, in the queue that generalises it.

The numbers B1 to B27 are those of the list of features that was taken from the
v0.7 queue; what each test expects stands in that list.  Where this specification
asks for more, the test says so.
"""

import inspect
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any
from uuid import UUID

import pytest
from attrs import asdict, evolve
from tornproof.chain import AttestLevel, Ed25519Signer, Entry, append, connect, prepare, verify
from tornproof.chain.pairwise import verify_pairwise
from tornproof.drainer import (
    Allow,
    Bash,
    Custom,
    DeferredAuditQueue,
    Escalate,
    Event,
    FilesystemWrite,
    Metrics,
    NetworkRequest,
    ProcessSpawn,
    ReadAction,
    Refuse,
    Warn,
    encode,
)
from tornproof.drainer.failure import Failure, classify
from tornproof.drainer.sink import ChainSink
from tornproof.drainer.supervisor import State
from tornproof.errors import InputOutput, UnsequencedRow
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.faulty_database import MemoryDatabase

from tests.reference.drainer_world import (
    chain,
    database,
    dead_letters,
    event,
    volatile,
)

NOON = 1_769_860_800 * 10**9
"""2026-01-31T12:00:00Z, in nanoseconds since 1970."""

REJECTED = Strike(Kind.NO_SUCH_COLUMN, point="insert")


@pytest.fixture
def world() -> Iterator[MemoryDatabase]:
    """A database with the tables."""
    made = database()
    yield made
    made.close()


def written(of: Event) -> Any:
    """Read the canonical bytes of an event as JSON."""
    return json.loads(encode(of).payload)


def columns(of: MemoryDatabase, table: str) -> list[tuple[str, str, int, str | None, int]]:
    """Name, type, whether it must not be null, default, and whether it is the key."""
    return [(n, t, nn, d, pk) for _, n, t, nn, d, pk in of.look(f"PRAGMA table_info({table})")]


# Events


@requirement("EVT-1")
def test_b1_only_a_refusal_makes_an_event(world: MemoryDatabase) -> None:
    """Agent, action, decision and a time in UTC; what allows or warns makes none."""
    queue = volatile(world)
    allowed = [queue.submit(evolve(event(), decision=each)) for each in (Allow(), Warn("R1", "r"))]
    refused = queue.submit(event())
    queue.drain_pending()

    assert [*map(bool, allowed), bool(refused)] == [False, False, True]
    assert len(chain(world)) == 1
    members = {"agent_id", "action", "decision", "timestamp"}
    assert members < set(written(event(event_id="e")))


@requirement("EVT-4")
def test_b2_rule_and_reason_are_the_refusals() -> None:
    """Read out of the refusal; a decision that has none names none."""
    refused = written(evolve(event(event_id="e"), decision=Refuse("R-7", "no")))["decision"]

    assert (refused["rule_id"], refused["reason"]) == ("R-7", "no")
    assert not hasattr(Allow(), "rule_id")


@requirement("EVT-2")
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Bash("ls"), {"kind": "bash", "command": "ls"}),
        (Bash("ls", cwd="/"), {"kind": "bash", "command": "ls", "cwd": "/"}),
        (FilesystemWrite("/a"), {"kind": "filesystem_write", "path": "/a"}),
        (
            FilesystemWrite("/a", byte_estimate=9),
            {"kind": "filesystem_write", "path": "/a", "byte_estimate": 9},
        ),
        (
            NetworkRequest("example.org", "https"),
            {"kind": "network_request", "host": "example.org", "scheme": "https"},
        ),
        (
            ProcessSpawn("git", ("push",)),
            {"kind": "process_spawn", "binary": "git", "args": ["push"]},
        ),
        (
            Custom("tool", {"a": [1, None]}),
            {"kind": "custom", "custom_kind": "tool", "payload": {"a": [1, None]}},
        ),
        (
            ReadAction("memory", namespace="n"),
            {"kind": "read_action", "surface": "memory", "namespace": "n"},
        ),
    ],
)
def test_b3_actions_are_tagged_by_kind(action: Any, expected: dict[str, Any]) -> None:
    """Members with a question mark may be left out."""
    assert written(event(event_id="e", action=action))["action"] == expected


@pytest.mark.parametrize(
    ("decision", "tag"),
    [
        (Allow(), "allow"),
        (Refuse("R", "r"), "refuse"),
        (Warn("R", "r"), "warn"),
        (Escalate("R", "r"), "escalate"),
    ],
)
def test_b4_decisions_are_tagged(decision: Any, tag: str) -> None:
    """allow, refuse, warn, and later escalate."""
    assert decision.kind == tag


@requirement("EVT-2", "EVT-3")
def test_b5_canonical_bytes_are_sorted_compact_json_and_hashed() -> None:
    """At every level; the time is RFC 3339, in UTC.  Here the id is a member as well."""
    made = encode(Event("a", Custom("k", {"z": 1, "b": 2}), Refuse("R", "r"), NOON, "e"))

    assert made.payload == (
        b'{"action":{"custom_kind":"k","kind":"custom","payload":{"b":2,"z":1}},"agent_id":"a",'
        b'"decision":{"decision":"refuse","reason":"r","rule_id":"R"},"event_id":"e",'
        b'"timestamp":"2026-01-31T12:00:00.000000000Z"}'
    )
    assert made.payload_hash == sha256(made.payload).digest()
    moment = datetime.fromisoformat(json.loads(made.payload)["timestamp"])
    assert moment == datetime(2026, 1, 31, 12, tzinfo=UTC)


@requirement("CHN-7")
def test_b6_rows_may_be_signed_at_five_levels(world: MemoryDatabase) -> None:
    """Ed25519; of the whole row here, as in the later versions."""
    levels = {"unsigned", "self_signed", "peer_attested", "signed_by_peer", "daemon_signed"}
    assert set(AttestLevel) == levels

    signer = Ed25519Signer(bytes(32), AttestLevel.DAEMON_SIGNED)
    queue = volatile(world, signer=signer)
    queue.submit(event())
    queue.drain_pending()

    (row,) = world.look("SELECT attest_level, length(signature) FROM signed_events")
    assert row == ("daemon_signed", 64)
    assert verify(world.anchor, keys=[signer.public_key], require_signatures=True).holds


@requirement("EVT-6")
def test_b7_a_row_is_a_governance_refusal_with_a_random_id(world: MemoryDatabase) -> None:
    """UUID, version 4."""
    queue = volatile(world)
    receipt = queue.submit(event())
    queue.drain_pending()

    ((name, kind),) = world.look("SELECT id, event_type FROM signed_events")
    assert (name, kind) == (receipt.event_id, "governance.refusal")
    assert UUID(name).version == 4


# Chain


def test_b8_signed_events_has_these_columns_and_indexes(world: MemoryDatabase) -> None:
    """The nine of v0.7 first; sequence is unique, and three more are indexed."""
    assert columns(world, "signed_events")[:9] == [
        ("id", "TEXT", 0, None, 1),
        ("agent_id", "TEXT", 1, None, 0),
        ("event_type", "TEXT", 1, None, 0),
        ("payload_hash", "BLOB", 1, None, 0),
        ("signature", "BLOB", 0, None, 0),
        ("attest_level", "TEXT", 1, "'unsigned'", 0),
        ("timestamp", "TEXT", 1, None, 0),
        ("prev_hash", "BLOB", 0, None, 0),
        ("sequence", "INTEGER", 0, None, 0),
    ]
    indexes = {
        world.look(f"PRAGMA index_info({name})")[0][2]: unique
        for _, name, unique, origin, _ in world.look("PRAGMA index_list(signed_events)")
        if origin == "c"
    }
    assert indexes == {"sequence": 1, "agent_id": 0, "event_type": 0, "timestamp": 0}


def v07_row(number: int, previous: bytes) -> tuple[tuple[Any, ...], bytes]:
    """Make a row the way the list describes it; return it with the hash of its bytes."""
    fields = (f"id{number}", "agent", "governance.refusal", bytes([number]) * 32, None)
    level, moment = "unsigned", f"2026-01-31T12:00:0{number}+00:00"
    parts = [
        fields[0].encode(),
        fields[1].encode(),
        fields[2].encode(),
        fields[3],
        b"",
        level.encode(),
        moment.encode(),
        number.to_bytes(8, "big"),
    ]
    return (*fields, level, moment, previous, number), sha256(b"\x1f".join(parts)).digest()


def v07_chain(count: int) -> sqlite3.Connection:
    """Make a v0.7 database."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE signed_events (id, agent_id, event_type, payload_hash, signature,"
        " attest_level, timestamp, prev_hash, sequence)"
    )
    previous = bytes(32)
    for number in range(1, count + 1):
        row, previous = v07_row(number, previous)
        connection.execute("INSERT INTO signed_events VALUES (?,?,?,?,?,?,?,?,?)", row)
    return connection


@requirement("CHN-1", "CHN-2", "CHN-9")
def test_b9_the_chain_of_v07_verifies_as_it_is_described() -> None:
    """From 1 without gaps, 32 zero bytes first, eight fields joined with 0x1F."""
    with closing(v07_chain(3)) as connection:
        seen = verify_pairwise(connection)

    assert (seen.rows, seen.breaks) == (3, ())


@requirement("CHN-8")
def test_b10_an_append_is_one_immediate_transaction_and_refuses_rows_without_a_number(
    world: MemoryDatabase,
) -> None:
    """BEGIN IMMEDIATE, the head, the insertion, COMMIT; nothing behind a NULL."""
    statements: list[str] = []
    world.anchor.set_trace_callback(statements.append)
    append(world.anchor, [Entry("a", "agent", "type", "2026", b"")])
    world.anchor.set_trace_callback(None)
    assert [each.split()[0] for each in statements] == ["BEGIN", "SELECT", "INSERT", "COMMIT"]
    assert statements[0] == "BEGIN IMMEDIATE"

    append(world.anchor, [Entry("b", "agent", "type", "2026", b"")])
    world.anchor.execute("UPDATE signed_events SET sequence = NULL WHERE id = 'a'")
    with pytest.raises(UnsequencedRow):
        append(world.anchor, [Entry("c", "agent", "type", "2026", b"")])


@requirement("CHN-6", "CHN-9")
def test_b11_verification_counts_rows_and_finds_gaps_links_and_signatures() -> None:
    """The first break, and here all that follow it."""
    with closing(v07_chain(5)) as connection:
        connection.execute("DELETE FROM signed_events WHERE sequence = 2")
        connection.execute("UPDATE signed_events SET prev_hash = x'00' WHERE sequence = 4")
        connection.execute("UPDATE signed_events SET signature = x'00' WHERE sequence = 5")
        seen = verify_pairwise(connection, keys=[bytes(32)])

    assert seen.rows == 4
    found = {(each.sequence, each.kind.value) for each in seen.breaks}
    assert (3, "gap in the sequence") in found
    assert (4, "not linked to the row before") in found
    assert (5, "signature wrong") in found


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
    numbers = {name.split("_")[1] for name in globals() if name.startswith("test_b")}
    assert numbers == {f"b{number}" for number in range(1, 28)}
