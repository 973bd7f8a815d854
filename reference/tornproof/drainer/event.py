"""
What is queued: a refusal, written down in exactly one way.

A governance hook looks at what an agent is about to do, an *action*, and comes
to a *decision*.  Only a refusal makes an event (EVT-1).  The event is admitted
as bytes, not as an object: everything that could go wrong with it goes wrong
here, in the caller's hands and with a reason, and never later in the drainer,
where nobody could be told (EVT-5).

The bytes are RFC 8785 JSON, which has one spelling for each value, so the hash
of an event does not depend on who computes it (EVT-2, EVT-3).
"""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar

import rfc8785
from attrs import Attribute, asdict, field, fields, frozen

from tornproof.errors import Invalid, Unencodable

EVENT_TYPE = "governance.refusal"

MAX_EVENT_BYTES = 16 << 20
"""Largest canonical form accepted: what a record of the spool may hold (FRM-8)."""

_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)

_TEXTS = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))

_TYPE_NAMES: Mapping[type, str] = {str: "text", int: "an integer", tuple: "a list of texts"}


def _checked(kind: type, *, optional: bool = False) -> Callable[[Any, "Attribute[Any]", Any], None]:
    """Make a validator that insists on a type; a bool is not an integer here."""

    def check(owner: object, attribute: "Attribute[Any]", value: object) -> None:
        right = isinstance(value, kind) and not isinstance(value, bool)
        if isinstance(value, tuple):
            right = right and all(isinstance(item, str) for item in value)
        if not right and not (optional and value is None):
            raise Invalid(
                f"{attribute.name} of {type(owner).__name__} must be {_TYPE_NAMES[kind]}, "
                f"not {value!r}"
            )

    return check


def _frozen_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_TEXT = _checked(str)
_OPTIONAL_TEXT = _checked(str, optional=True)


# Actions


@frozen
class Bash:
    """A shell command."""

    kind: ClassVar = "bash"
    command: str = field(validator=_TEXT)
    cwd: str | None = field(default=None, validator=_OPTIONAL_TEXT)


@frozen
class FilesystemWrite:
    """A write to a file, with the bytes it may come to."""

    kind: ClassVar = "filesystem_write"
    path: str = field(validator=_TEXT)
    byte_estimate: int | None = field(default=None, validator=_checked(int, optional=True))


@frozen
class NetworkRequest:
    """A request over the network."""

    kind: ClassVar = "network_request"
    host: str = field(validator=_TEXT)
    scheme: str = field(validator=_TEXT)


@frozen
class ProcessSpawn:
    """A process that is started without a shell."""

    kind: ClassVar = "process_spawn"
    binary: str = field(validator=_TEXT)
    args: tuple[str, ...] = field(default=(), converter=_frozen_list, validator=_checked(tuple))


@frozen
class Custom:
    """Anything else; `payload` is any JSON value."""

    kind: ClassVar = "custom"
    custom_kind: str = field(validator=_TEXT)
    payload: Any


@frozen
class ReadAction:
    """A read through one of the system's surfaces."""

    kind: ClassVar = "read_action"
    surface: str = field(validator=_TEXT)
    namespace: str | None = field(default=None, validator=_OPTIONAL_TEXT)
    query: str | None = field(default=None, validator=_OPTIONAL_TEXT)


Action = Bash | FilesystemWrite | NetworkRequest | ProcessSpawn | Custom | ReadAction
ACTIONS: Mapping[str, type[Action]] = {
    action.kind: action
    for action in (Bash, FilesystemWrite, NetworkRequest, ProcessSpawn, Custom, ReadAction)
}


# Decisions


@frozen
class Allow:
    """The action may go on."""

    kind: ClassVar = "allow"


@frozen
class Refuse:
    """The action must not go on: the one decision that makes an event."""

    kind: ClassVar = "refuse"
    rule_id: str = field(validator=_TEXT)
    reason: str = field(validator=_TEXT)


@frozen
class Warn:
    """The action may go on, and somebody should look at it."""

    kind: ClassVar = "warn"
    rule_id: str = field(validator=_TEXT)
    reason: str = field(validator=_TEXT)


@frozen
class Escalate:
    """Somebody else decides."""

    kind: ClassVar = "escalate"
    rule_id: str = field(validator=_TEXT)
    reason: str = field(validator=_TEXT)


Decision = Allow | Refuse | Warn | Escalate
DECISIONS: Mapping[str, type[Decision]] = {
    decision.kind: decision for decision in (Allow, Refuse, Warn, Escalate)
}


# Events


@frozen
class Event:
    """
    A refusal: who, what, why and when.

    `timestamp` counts nanoseconds since 1970 in UTC.  `event_id` is left out by
    the caller and minted at admission (EVT-6); a caller who does not know the
    outcome of an earlier submit gives the id of that one, and submits the same
    event instead of a second.
    """

    agent_id: str = field(validator=_TEXT)
    action: Action
    decision: Decision
    timestamp: int = field(validator=_checked(int))
    event_id: str | None = field(default=None, validator=_OPTIONAL_TEXT)

    @property
    def is_refusal(self) -> bool:
        """Say whether there is anything to record (EVT-1)."""
        return isinstance(self.decision, Refuse)

    @property
    def rule_id(self) -> str | None:
        """The rule that refused, or none (EVT-4)."""
        return self.decision.rule_id if isinstance(self.decision, Refuse) else None

    @property
    def reason(self) -> str | None:
        """Why it was refused, or none (EVT-4)."""
        return self.decision.reason if isinstance(self.decision, Refuse) else None


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
    keys that are not text, values that are not JSON, cycles; and for what is
    larger than `MAX_EVENT_BYTES`.
    """
    if not event.event_id or not event.is_refusal:
        raise Unencodable("only a refusal with an id has a canonical form")
    timestamp = format_timestamp(event.timestamp)
    value: dict[str, Any] = {
        "action": _tagged("kind", event.action),
        "agent_id": event.agent_id,
        "decision": _tagged("decision", event.decision),
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
    except (ValueError, KeyError, TypeError) as error:
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
            action=_untagged("kind", ACTIONS, value["action"]),
            decision=_untagged("decision", DECISIONS, value["decision"]),
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


def _tagged(tag: str, value: Action | Decision) -> dict[str, Any]:
    """Write a variant as an object whose `tag` says which one it is; none is left out."""
    members = asdict(value, recurse=False)
    for attribute in fields(type(value)):
        if attribute.default is None and members[attribute.name] is None:
            del members[attribute.name]
    return {tag: value.kind, **members}


def _untagged(tag: str, variants: Mapping[str, type[Any]], value: Any) -> Any:
    """Read such an object back."""
    if not isinstance(value, Mapping) or value.get(tag) not in variants:
        raise Invalid(f"{tag} must be one of {', '.join(variants)}, in {value!r}")
    try:
        return variants[value[tag]](**{name: value[name] for name in value if name != tag})
    except TypeError as error:
        raise Invalid(f"{value[tag]}: {error}") from None


# Time


def format_timestamp(nanoseconds: int) -> str:
    """
    Write a moment as RFC 3339 with exactly nine fractional digits and `Z` (EVT-2).

    Raises `Unencodable` outside the years 1 to 9999.
    """
    seconds, fraction = divmod(nanoseconds, _SECOND)
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise Unencodable(f"timestamp {nanoseconds} lies outside the years 1 to 9999") from None
    return f"{moment.isoformat()}.{fraction:09d}Z"


def parse_timestamp(text: object) -> int:
    """
    Read RFC 3339 with any offset and up to nine fractional digits, as nanoseconds since 1970.

    Raises `Invalid` for anything else, a leap second included.
    """
    found = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Invalid(f"timestamp {text!r} is not RFC 3339, such as 2026-01-31T12:00:00.5Z")
    date, time, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}+00:00")
    except ValueError as error:
        raise Invalid(f"timestamp {text!r}: {error}") from None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    since = moment - _EPOCH.replace(tzinfo=UTC) + (offset if sign == "-" else -offset)
    return (since.days * 86_400 + since.seconds) * _SECOND + int((fraction or "").ljust(9, "0"))
