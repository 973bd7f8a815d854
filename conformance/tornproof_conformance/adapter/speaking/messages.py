"""
Requests and replies of the protocol.

Pure functions between lines and what they say; `wire` has the values in them.

Every request and every reply is held to `spec/schema/protocol.schema.json`, with a
validator for each operation that is compiled once, so that it costs microseconds
and can be done for every message there is.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
from attrs import frozen
from tornproof.errors import Invalid, TornproofError
from tornproof_models.documents.files import is_unicode

from tornproof_conformance.adapter.speaking import wire
from tornproof_conformance.adapter.speaking.diagnosis import AdapterBroken, BreaksSchema, NotJson
from tornproof_conformance.adapter.speaking.wire import (
    EXACT_INTEGERS,
    PROTOCOL,
    Refusal,
    decode_ok,
    encode,
    refusal_of,
    schema,
)

__all__ = [
    "EXACT_INTEGERS",
    "PROTOCOL",
    "Refusal",
    "Reply",
    "Unreadable",
    "Unsupported",
    "claims",
    "decode_arguments",
    "decode_ok",
    "decode_reply",
    "encode",
    "encode_request",
    "refusal_of",
    "schema",
    "to_bytes",
    "to_integer",
]

LONGEST_COMPLAINT = 200
"""Characters of a schema's complaint that are passed on; it may quote a whole message."""


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

    id: int
    ok: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    unsupported: str | None = None

    def outcome(self) -> Mapping[str, Any]:
        """Return what it holds; raises `Refusal` or `Unsupported`."""
        if self.ok is not None:
            return self.ok
        if self.error is not None:
            code, definite = self.error["code"], self.error.get("definite", False)
            raise refusal_of(code, _in_a_line(self.error.get("message", code)), definite=definite)
        raise Unsupported(f"unsupported: {self.unsupported}")


def _in_a_line(message: str) -> str:
    """Write what an adapter says, which may be a page of a stack, so that a report can quote it."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST_COMPLAINT else f"{line[:LONGEST_COMPLAINT]}…"


def encode_request(identifier: int, op: str, arguments: Mapping[str, Any]) -> bytes:
    """
    Write a request as a line; arguments that are none are left out.

    Raises `Invalid` if the protocol has no such request.
    """
    args = {name: encode(value) for name, value in arguments.items() if value is not None}
    if complaint := _complaint(_validator(op, "args"), args):
        raise Invalid(f"no request {op} of protocol {PROTOCOL}: {complaint}")
    return (json.dumps({"id": identifier, "op": op, "args": args}) + "\n").encode()


def decode_reply(line: bytes, op: str) -> Reply:
    """Read a line as the reply to an operation.  Raises `Unreadable`."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise Unreadable(NotJson, f"wrote something else than JSON when asked for {op}") from None
    if b"\\u" in line and not is_unicode(data):
        raise Unreadable(NotJson, f"wrote half of a surrogate pair when asked for {op}")
    if complaint := _complaint(_validator("reply"), data):
        raise Unreadable(BreaksSchema, f"the reply to {op}: {complaint}")
    if "ok" in data and (complaint := _complaint(_validator(op, "ok"), data["ok"])):
        raise Unreadable(BreaksSchema, f"the ok of {op}: {complaint}")
    return Reply(data["id"], data.get("ok"), data.get("error"), data.get("unsupported"))


def decode_arguments(op: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Turn the strings among the arguments of a request into the bytes and integers they stand for.

    Raises `Invalid` if the protocol has no such operation or no such arguments.
    """
    if complaint := _complaint(_validator(op, "args"), arguments):
        raise Invalid(f"no request {op} of protocol {PROTOCOL}: {complaint}")
    return wire.decode_arguments(op, arguments)


def to_bytes(text: str) -> bytes:
    """Read base64."""
    return b64decode(text, validate=True)


def to_integer(value: int | str) -> int:
    """Read an integer, a number or a string of digits."""
    return int(value)


# The schema


def describe_operation(op: str) -> str:
    """Say what an operation does, with the arguments it is given and what it returns."""
    definition = schema()["$defs"][op]
    parts = {name: definition["properties"].get(name, {}) for name in ("args", "ok")}
    takes, gives = (", ".join(part.get("properties", ())) for part in parts.values())
    told = [f"takes {takes}" if takes else "", f"returns {gives}" if gives else ""]
    words = "; ".join(filter(None, told))
    return f"{definition['description']} ({words})" if words else str(definition["description"])


@cache
def claims() -> frozenset[str]:
    """Name the claims that an adapter can claim."""
    return frozenset(schema()["$defs"]["claim"]["enum"])


@cache
def _validator(definition: str, part: str | None = None) -> jsonschema_rs.Draft202012Validator:
    definitions = schema()["$defs"]
    if definition not in definitions:
        raise Invalid(f"no operation {definition!r} in protocol {PROTOCOL}")
    where = f"#/$defs/{definition}" + (f"/properties/{part}" if part else "")
    return jsonschema_rs.Draft202012Validator({"$ref": where, "$defs": definitions})


def _complaint(validator: jsonschema_rs.Draft202012Validator, value: Any) -> str:
    """Say in a line what is wrong with a value; nothing if it is valid."""
    if validator.is_valid(value):
        return ""
    error = next(validator.iter_errors(value))
    where = "".join(
        f".{step}" if isinstance(step, str) else f"[{step}]" for step in error.instance_path
    )
    message = error.message
    if len(message) > LONGEST_COMPLAINT:
        message = f"{message[:LONGEST_COMPLAINT]}…"
    return f"{where.lstrip('.')}: {message}" if where else message
