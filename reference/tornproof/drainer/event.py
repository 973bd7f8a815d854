"""
An event, a decision that blocks an action, and its canonical bytes.

A governance hook looks at what an agent is about to do, an *action*, and comes
to a *decision*.  Only a decision that blocks the action makes an event: to refuse
it, or to escalate it to somebody else (EVT-1).  The event is encoded when it is submitted, so
that an encoding error reaches the caller, and never the drainer (EVT-5).

The bytes are RFC 8785 JSON, which has one spelling for each value, so the hash
of an event does not depend on who computes it (EVT-2, EVT-3).
"""

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

import rfc8785
from attrs import field, frozen

from tornproof.drainer.action import (
    ACTIONS,
    DECISIONS,
    OPTIONAL_TEXT,
    TEXT,
    Action,
    Blocking,
    Custom,
    Decision,
    FilesystemWrite,
    checked,
    tagged,
    untagged,
)
from tornproof.drainer.timestamp import format_timestamp, parse_timestamp
from tornproof.errors import Invalid, Unencodable

EVENT_TYPE = "governance.refusal"
"""What the chain has as the type of every event, an escalated one too, as upstream does."""

MAX_EVENT_BYTES = 16 << 20
"""Largest canonical form accepted: what a record of the spool may hold (FRM-8)."""

_TEXTS = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@frozen
class Event:
    """
    A decision that blocks an action: who, what, why and when.

    `timestamp` counts nanoseconds since 1970 in UTC.  `event_id` is left out by
    the caller and minted at admission (EVT-6); a caller who does not know the
    outcome of an earlier submit gives the id of that one, and submits the same
    event instead of a second.
    """

    agent_id: str = field(validator=TEXT)
    action: Action
    decision: Decision
    timestamp: int = field(validator=checked(int))
    event_id: str | None = field(default=None, validator=OPTIONAL_TEXT)

    @property
    def blocks(self) -> bool:
        """Say whether there is anything to record (EVT-1)."""
        return isinstance(self.decision, Blocking)

    @property
    def rule_id(self) -> str | None:
        """The rule that refused or escalated, or none (EVT-4)."""
        return self.decision.rule_id if isinstance(self.decision, Blocking) else None

    @property
    def reason(self) -> str | None:
        """Why it was refused or escalated, or none (EVT-4)."""
        return self.decision.reason if isinstance(self.decision, Blocking) else None


@frozen
class Encoded:
    """An admitted event: its canonical bytes, and what the chain has columns for."""

    event_id: str
    agent_id: str
    timestamp: str
    payload: bytes

    @property
    def payload_hash(self) -> bytes:
        """SHA-256 of the canonical bytes, 32 bytes (EVT-3)."""
        return sha256(self.payload).digest()


def mint_id() -> str:
    """Make a fresh event id, a version 4 UUID (RFC 9562)."""
    return str(uuid.uuid4())


def encode(event: Event) -> Encoded:
    """
    Write an event down, or say why that cannot be done.

    Raises `Unencodable` for what has no RFC 8785 form: text that is not Unicode
    (a path with undecodable bytes), numbers that are not finite or not exact,
    keys that are not text, values that are not JSON, cycles; for an id or an agent
    with U+0000; and for what is larger than `MAX_EVENT_BYTES`.
    """
    if not event.event_id or not event.blocks:
        raise Unencodable("only a decision that blocks has a canonical form, and only with an id")
    if "\0" in event.event_id + event.agent_id:
        raise Unencodable("an id or an agent with the character U+0000 fits into no column of text")
    timestamp = format_timestamp(event.timestamp)
    value: dict[str, Any] = {
        "action": tagged("kind", event.action),
        "agent_id": event.agent_id,
        "decision": tagged("decision", event.decision),
        "event_id": event.event_id,
        "timestamp": timestamp,
    }
    try:
        payload = _canonical(value, plain=not isinstance(event.action, Custom | FilesystemWrite))
    except RecursionError:
        raise Unencodable("the event is nested too deeply, or contains itself") from None
    except (ValueError, TypeError) as error:
        raise Unencodable(f"the event has no RFC 8785 form: {error}") from error
    if len(payload) > MAX_EVENT_BYTES:
        raise Unencodable(
            f"the event takes {len(payload)} bytes, above the maximum of {MAX_EVENT_BYTES}"
        )
    return Encoded(event.event_id, event.agent_id, timestamp, payload)


def decode(payload: bytes) -> Encoded:
    """
    Read canonical bytes back, as far as the chain needs them.

    Raises `Invalid` if they are not an event's.
    """
    try:
        value = json.loads(payload)
        columns = value["event_id"], value["agent_id"], value["timestamp"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid(f"not the canonical bytes of an event: {error!r}") from None
    if not all(isinstance(column, str) for column in columns):
        raise Invalid("not the canonical bytes of an event: id, agent or time is not text")
    return Encoded(*columns, payload)


def from_json(value: Mapping[str, Any]) -> Event:
    """
    Make an event of a JSON object with the five members of the canonical form.

    `event_id` may be missing, and members that a kind does not have are refused
    rather than lost.  Raises `Invalid`, naming what is wrong.
    """
    try:
        return Event(
            agent_id=value["agent_id"],
            action=untagged("kind", ACTIONS, value["action"]),
            decision=untagged("decision", DECISIONS, value["decision"]),
            timestamp=parse_timestamp(value["timestamp"]),
            event_id=value.get("event_id"),
        )
    except KeyError as error:
        raise Invalid(f"the event has no member {error}") from None


def _canonical(value: Mapping[str, Any], *, plain: bool) -> bytes:
    """
    Write a value as RFC 8785 JSON.

    The json module writes texts as RFC 8785 does, and is several times as fast.
    A value is `plain` if it has no numbers, and no keys but ours: sorting those
    by character is sorting them by UTF-16.
    """
    if plain:
        with suppress(UnicodeEncodeError):  # the library says better what is wrong
            return _TEXTS.encode(value).encode()
    return rfc8785.dumps(dict(value))
