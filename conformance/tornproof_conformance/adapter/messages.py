"""
Requests and replies, and what they mean.

Pure functions between lines and values.  Bytes are standard base64 strings, and
integers above 2^53 are decimal strings: both in either direction.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

from attrs import frozen
from tornproof.errors import TornproofError

from tornproof_conformance.adapter.diagnosis import AdapterBroken, BreaksSchema, NotJson

EXACT_INTEGERS = 1 << 53
"""Up to here a JSON number is exact everywhere; above, integers are strings of digits."""


class Refusal(TornproofError):
    """An implementation answered with an error; its code and definiteness are the adapter's."""


class Unsupported(TornproofError):
    """An adapter does not have an operation."""

    code = "unsupported"


class Unreadable(Exception):
    """A line is no reply; says what kind of mistake it is."""

    def __init__(self, kind: type[AdapterBroken], message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@frozen
class Reply:
    """A reply that keeps to the protocol."""

    id: Any
    ok: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    unsupported: str | None = None

    def outcome(self) -> Mapping[str, Any]:
        """Return what it holds; raises `Refusal` or `Unsupported`."""
        if self.ok is not None:
            return self.ok
        if self.error is not None:
            raise refusal(self.error)
        raise Unsupported(f"unsupported: {self.unsupported}")


def encode_request(identifier: int, op: str, arguments: Mapping[str, Any]) -> bytes:
    """Write a request as a line."""
    args = {name: encode(value) for name, value in arguments.items() if value is not None}
    return (json.dumps({"id": identifier, "op": op, "args": args}) + "\n").encode()


def encode(value: Any) -> Any:
    """Put a value into the protocol's JSON: bytes and large integers become strings."""
    match value:
        case bytes():
            return b64encode(value).decode()
        case bool():
            return value
        case int() if value > EXACT_INTEGERS:
            return str(value)
        case list() | tuple():
            return [encode(each) for each in value]
        case dict():
            return {name: encode(each) for name, each in value.items()}
        case _:
            return value


def decode_reply(line: bytes, op: str) -> Reply:
    """Read a line as the reply to an operation.  Raises `Unreadable`."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise Unreadable(NotJson, f"wrote something else than JSON when asked for {op}") from None
    if not isinstance(data, dict) or "id" not in data:
        raise Unreadable(BreaksSchema, f"the reply to {op} is no object with an id")
    outcomes = [name for name in ("ok", "error", "unsupported") if name in data]
    if len(outcomes) != 1:
        message = f"the reply to {op} holds {len(outcomes)} of ok, error and unsupported, not one"
        raise Unreadable(BreaksSchema, message)
    return Reply(data["id"], **{outcomes[0]: data[outcomes[0]]})


def to_bytes(text: str) -> bytes:
    """Read base64."""
    return b64decode(text, validate=True)


def to_integer(value: int | str) -> int:
    """Read an integer, a number or a string of digits."""
    return int(value)


def refusal(error: Mapping[str, Any]) -> Refusal:
    """Make the exception of an error reply; without `definite` the effect is unknown."""
    kind = _refusal_class(error["code"], error.get("definite", False))
    return kind(error.get("message", error["code"]))


@cache
def _refusal_class(code: str, definite: bool) -> type[Refusal]:
    """Make the class of a code: callers ask exceptions for `code` and `definite`."""
    return type("Refusal", (Refusal,), {"code": code, "definite": definite})
