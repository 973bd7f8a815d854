"""Events: what is written down, in which bytes, and what is turned away."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tornproof.drainer.action import (
    Allow,
    Bash,
    Custom,
    Escalate,
    FilesystemWrite,
    NetworkRequest,
    ProcessSpawn,
    ReadAction,
    Refuse,
    Warn,
)
from tornproof.drainer.event import Event, decode, encode, from_json, mint_id
from tornproof.drainer.timestamp import format_timestamp, parse_timestamp
from tornproof.errors import Invalid, Unencodable
from tornproof_conformance.pytest_support.plugin import requirement

NOON = 1_769_860_800_000_000_000  # 2026-01-31T12:00:00Z
EVENT = Event("agent", Bash("ls"), Refuse("R1", "because"), NOON, "the-id")


def event_with(payload: Any) -> Event:
    return evolve(EVENT, action=Custom("k", payload))


@requirement("EVT-2", "EVT-3")
def test_canonical_bytes_are_written_out_here_by_hand() -> None:
    """Keys are sorted at every level, nothing is padded, and the hash is of exactly that."""
    expected = (
        b'{"action":{"args":["-a","\xc3\xa9"],"binary":"/bin/ls","kind":"process_spawn"},'
        b'"agent_id":"agent","decision":{"decision":"refuse","reason":"because","rule_id":"R1"},'
        b'"event_id":"the-id","timestamp":"2026-01-31T12:00:00.000000001Z"}'
    )
    event = evolve(EVENT, action=ProcessSpawn("/bin/ls", ("-a", "é")), timestamp=NOON + 1)

    assert encode(event).payload == expected
    assert encode(event).payload_hash == sha256(expected).digest()


@requirement("EVT-2")
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Bash("ls"), {"kind": "bash", "command": "ls"}),
        (Bash("ls", "/"), {"kind": "bash", "command": "ls", "cwd": "/"}),
        (FilesystemWrite("/a"), {"kind": "filesystem_write", "path": "/a"}),
        (
            FilesystemWrite("/a", 0),
            {"kind": "filesystem_write", "path": "/a", "byte_estimate": 0},
        ),
        (NetworkRequest("h", "https"), {"kind": "network_request", "host": "h", "scheme": "https"}),
        (ProcessSpawn("a"), {"kind": "process_spawn", "binary": "a", "args": []}),
        (Custom("x", None), {"kind": "custom", "custom_kind": "x", "payload": None}),
        (ReadAction("s", query="q"), {"kind": "read_action", "surface": "s", "query": "q"}),
    ],
)
def test_every_action_is_tagged_and_leaves_out_what_is_not_there(
    action: Any, expected: dict[str, Any]
) -> None:
    """An action is an object with its kind; an optional member that is none is absent."""
    assert json.loads(encode(evolve(EVENT, action=action)).payload)["action"] == expected


@requirement("EVT-1")
@pytest.mark.parametrize("decision", [Allow(), Warn("R", "r")])
def test_only_what_blocks_has_a_canonical_form(decision: Any) -> None:
    """Allow and warn make no event."""
    event = evolve(EVENT, decision=decision)

    assert (event.blocks, event.rule_id, event.reason) == (False, None, None)
    with pytest.raises(Unencodable):
        encode(event)


@requirement("EVT-4")
def test_rule_and_reason_are_those_of_the_decision() -> None:
    """An event names the rule and the reason of its decision, a refusal or not."""
    escalated = evolve(EVENT, decision=Escalate("R2", "ask"))

    assert (EVENT.rule_id, EVENT.reason) == ("R1", "because")
    assert (escalated.rule_id, escalated.reason) == ("R2", "ask")
    assert json.loads(encode(escalated).payload)["decision"] == {
        "decision": "escalate",
        "reason": "ask",
        "rule_id": "R2",
    }


LOOP: list[Any] = []
LOOP.append(LOOP)


@requirement("EVT-5")
@pytest.mark.parametrize(
    "payload",
    [
        float("nan"),
        float("inf"),
        2**53,
        "\ud800",
        {"\udc80": 1},
        {1: "not text"},
        b"bytes",
        {1, 2},
        object(),
        LOOP,
        "x" * (16 << 20),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_canonical_form_is_refused_with_a_reason(payload: Any) -> None:
    """NaN, inexact integers, lone surrogates, foreign types, cycles, and too much of anything."""
    with pytest.raises(Unencodable, match=r"the event (has no|is nested|takes)"):
        encode(event_with(payload))


@requirement("EVT-5")
def test_a_path_with_undecodable_bytes_is_refused() -> None:
    """What `os.fsdecode` makes of bytes that are not text cannot be written down."""
    with pytest.raises(Unencodable):
        encode(evolve(EVENT, action=FilesystemWrite(b"\xff".decode(errors="surrogateescape"))))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bash(b"ls"),  # type: ignore[arg-type]
        lambda: FilesystemWrite("/a", byte_estimate=True),
        lambda: FilesystemWrite("/a", byte_estimate=1.5),  # type: ignore[arg-type]
        lambda: ProcessSpawn("a", ("b", 3)),
        lambda: ProcessSpawn("a", "b"),
        lambda: Event(None, Bash("ls"), Allow(), 0),  # type: ignore[arg-type]
        lambda: Event("a", Bash("ls"), Allow(), "today"),  # type: ignore[arg-type]
    ],
)
def test_a_member_of_the_wrong_type_is_a_typed_error(make: Any) -> None:
    """The error names the member and what was given."""
    with pytest.raises(Invalid, match="must be"):
        make()


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
"""Ids and agents: a column of text holds no U+0000 (EVT-5)."""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def as_double(digits: str) -> int | float:
    """Read an integer as RFC 8785 means it: above 2^53 it was a double."""
    return int(digits) if abs(int(digits)) < 2**53 else float(digits)


@requirement("EVT-2", "EVT-5")
@given(JSON, NAMES)
def test_any_json_survives_the_round_trip(payload: Any, agent: str) -> None:
    """A JSON parser reads back what went in, and encoding that again gives the same bytes."""
    encoded = encode(evolve(event_with(payload), agent_id=agent))
    value = json.loads(encoded.payload, parse_int=as_double)
    again = from_json(value)

    assert value["action"]["payload"] == payload
    assert encode(again) == encoded
    assert decode(encoded.payload) == encoded


ACTIONS = (
    st.builds(Bash, st.text(), st.none() | st.text())
    | st.builds(FilesystemWrite, st.text(), st.none() | st.integers(0, 2**53 - 1))
    | st.builds(NetworkRequest, st.text(), st.text())
    | st.builds(ProcessSpawn, st.text(), st.lists(st.text(), max_size=3))
    | st.builds(Custom, st.text(), JSON)
    | st.builds(ReadAction, st.text(), st.none() | st.text(), st.none() | st.text())
)


@requirement("EVT-2")
@given(ACTIONS, NAMES, st.text(), NAMES.filter(bool))
def test_the_bytes_are_those_of_rfc_8785(action: Any, agent: str, why: str, name: str) -> None:
    """A canonicaliser of its own finds nothing to change in them, whatever is in the texts."""
    encoded = encode(Event(agent, action, Refuse(why, why), NOON, name))

    value = json.loads(encoded.payload, parse_int=as_double)
    assert rfc8785.dumps(value) == encoded.payload


@requirement("EVT-6")
def test_ids_are_fresh_version_4_uuids() -> None:
    """Two mints never agree, and each is a random UUID in its usual spelling."""
    first, second = mint_id(), mint_id()

    assert first != second
    assert (UUID(first).version, str(UUID(first))) == (4, first)


@requirement("EVT-2")
@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), st.integers(0, 999_999_999))
def test_timestamps_have_nine_digits_and_a_z(moment: datetime, fraction: int) -> None:
    """The text is what the standard library writes, with nine digits and a Z after it."""
    moment = moment.replace(microsecond=0)
    nanoseconds = (moment - datetime(1970, 1, 1)) // timedelta(seconds=1) * 10**9 + fraction
    text = format_timestamp(nanoseconds)

    assert text == f"{moment.isoformat()}.{fraction:09d}Z"
    assert parse_timestamp(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.5z", 500_000_000),
        ("1970-01-01T00:00:00.000000001+00:00", 1),
        ("1970-01-01T01:30:00+01:30", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
    ],
)
def test_timestamps_are_read_with_any_offset(text: str, expected: int) -> None:
    """RFC 3339 in, nanoseconds since 1970 out."""
    assert parse_timestamp(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00.1234567890Z",
        "٢٠٢٦-01-31T12:00:00Z",
        5,
        None,
    ],
)
def test_other_texts_are_not_timestamps(text: object) -> None:
    """No zone, no such day, a leap second, ten digits, digits of another script, no text."""
    with pytest.raises(Invalid, match="timestamp"):
        parse_timestamp(text)


@requirement("EVT-5")
@pytest.mark.parametrize("year", [-2, 20_000])
def test_a_moment_outside_the_four_digit_years_is_refused(year: int) -> None:
    """RFC 3339 has four digits for the year."""
    days = year * 366 - 719_162
    with pytest.raises(Unencodable, match="1 to 9999"):
        format_timestamp(days * 86_400 * 10**9)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"agent_id": "a", "action": 3, "decision": {"decision": "allow"}, "timestamp": "x"},
        {"agent_id": "a", "action": {"kind": "sing"}, "decision": {}, "timestamp": "x"},
        {"agent_id": "a", "action": {"kind": "bash"}, "decision": {}, "timestamp": "x"},
        {
            "agent_id": "a",
            "action": {"kind": "bash", "command": "ls", "colour": "red"},
            "decision": {},
            "timestamp": "x",
        },
    ],
)
def test_json_that_is_no_event_is_a_typed_error(value: dict[str, Any]) -> None:
    """A missing member, an unknown kind, a member that the kind does not have."""
    with pytest.raises(Invalid):
        from_json(value)


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[]", b"{}", b'{"event_id":1,"agent_id":2,"timestamp":3}']
)
def test_bytes_that_are_no_event_are_a_typed_error(payload: bytes) -> None:
    """Decoding says so instead of inventing columns."""
    with pytest.raises(Invalid, match="not the canonical bytes"):
        decode(payload)


def test_the_time_of_the_standard_library_agrees() -> None:
    """The constant above is noon of that day."""
    assert datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp() * 10**9 == NOON
