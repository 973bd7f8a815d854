"""
The events and the chain of the v0.7 queue, by the numbers of its features.

The numbers B1 to B27 are those of the list of features that was taken from the
v0.7 queue; what each test expects stands in that list.  Where this specification
asks for more, the test says so.

"""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from tornproof.chain import AttestLevel, Ed25519Signer, Entry, append, verify
from tornproof.chain.pairwise import verify_pairwise
from tornproof.drainer import (
    Allow,
    Bash,
    Custom,
    Escalate,
    Event,
    FilesystemWrite,
    NetworkRequest,
    ProcessSpawn,
    ReadAction,
    Refuse,
    Warn,
    encode,
)
from tornproof.errors import UnsequencedRow
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.faulty_database import MemoryDatabase

from tests.reference.drainer_world import chain, event, volatile
from tests.reference.worked_cases.worked_tables import columns

NOON = 1_769_860_800 * 10**9
"""2026-01-31T12:00:00Z, in nanoseconds since 1970."""


def written(of: Event) -> Any:
    """Read the canonical bytes of an event as JSON."""
    return json.loads(encode(of).payload)


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
