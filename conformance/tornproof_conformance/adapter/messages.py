"""
Requests and replies, and what they mean.

Pure functions between lines and values.  Bytes are standard base64 strings, and
integers above 2^53 are decimal strings: both in either direction.

Every request and every reply is held to `spec/schema/protocol.schema.json`, with a
validator for each operation that is compiled once, so that it costs microseconds
and can be done for every message there is.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import jsonschema_rs
from attrs import frozen
from tornproof.errors import Invalid, TornproofError

from tornproof_conformance.adapter.diagnosis import AdapterBroken, BreaksSchema, NotJson
from tornproof_conformance.specification import specification_directory

PROTOCOL = 1

LONGEST_COMPLAINT = 200
"""Characters of a schema's complaint that are passed on; it may quote a whole message."""

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
            raise refusal_of(code, self.error.get("message", code), definite=definite)
        raise Unsupported(f"unsupported: {self.unsupported}")


def encode_request(identifier: int, op: str, arguments: Mapping[str, Any]) -> bytes:
    """
    Write a request as a line; arguments that are none are left out.

    Raises `Invalid` if the protocol has no such request.
    """
    args = {name: encode(value) for name, value in arguments.items() if value is not None}
    if complaint := _complaint(_validator(op, "args"), args):
        raise Invalid(f"no request {op} of protocol {PROTOCOL}: {complaint}")
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
    if complaint := _complaint(_validator("reply"), data):
        raise Unreadable(BreaksSchema, f"the reply to {op}: {complaint}")
    if "ok" in data and (complaint := _complaint(_validator(op, "ok"), data["ok"])):
        raise Unreadable(BreaksSchema, f"the ok of {op}: {complaint}")
    return Reply(data["id"], data.get("ok"), data.get("error"), data.get("unsupported"))


Decoder: TypeAlias = Callable[[Any], Any]


def decode_arguments(op: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Turn the strings among the arguments of a request into the bytes and integers they stand for.

    Raises `Invalid` if the protocol has no such operation or no such arguments.
    """
    if complaint := _complaint(_validator(op, "args"), arguments):
        raise Invalid(f"no request {op} of protocol {PROTOCOL}: {complaint}")
    decoded: Mapping[str, Any] = _decoder(op, "args")(arguments)
    return decoded


def decode_ok(op: str, ok: Mapping[str, Any]) -> Mapping[str, Any]:
    """Do the same for what a valid reply holds."""
    decoded: Mapping[str, Any] = _decoder(op, "ok")(ok)
    return decoded


@cache
def _decoder(op: str, part: str) -> Decoder:
    return _decoder_of(schema()["$defs"][op]["properties"][part]) or dict


def _decoder_of(form: Mapping[str, Any]) -> Decoder | None:
    """Make the decoder of whatever has this form; none if there is nothing to decode in it."""
    match form:
        case {"$ref": "#/$defs/bytes" | "#/$defs/identifier"}:
            return b64decode
        case {"$ref": "#/$defs/integer" | "#/$defs/any-integer"}:
            return int
        case {"$ref": str(name)}:
            return _decoder_of(schema()["$defs"][name.rpartition("/")[2]])
        case {"anyOf": [inner, {"type": "null"}]}:
            return _optional(_decoder_of(inner))
        case {"items": inner}:
            return _listed(_decoder_of(inner))
        case {"properties": properties}:
            return _members({name: _decoder_of(inner) for name, inner in properties.items()})
        case _:
            return None


def _optional(decode: Decoder | None) -> Decoder | None:
    return decode and (lambda value: None if value is None else decode(value))


def _listed(decode: Decoder | None) -> Decoder | None:
    return decode and (lambda values: [decode(value) for value in values])


def _members(decoders: Mapping[str, Decoder | None]) -> Decoder:
    def decode(values: Mapping[str, Any]) -> Mapping[str, Any]:
        decoded = dict(values)
        for name, value in values.items():
            if (decoder := decoders.get(name)) is not None:
                decoded[name] = decoder(value)
        return decoded

    return decode


def to_bytes(text: str) -> bytes:
    """Read base64."""
    return b64decode(text, validate=True)


def to_integer(value: int | str) -> int:
    """Read an integer, a number or a string of digits."""
    return int(value)


def refusal_of(code: str, message: str, *, definite: bool) -> Refusal:
    """Make the exception of an error reply."""
    return _refusal_class(code, definite)(message)


@cache
def _refusal_class(code: str, definite: bool) -> type[Refusal]:
    """Make the class of a code: callers ask exceptions for `code` and `definite`."""
    return type("Refusal", (Refusal,), {"code": code, "definite": definite})


# The schema


@cache
def schema() -> Mapping[str, Any]:
    """Read the schema of the protocol."""
    path = specification_directory() / "schema" / "protocol.schema.json"
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@cache
def profiles() -> frozenset[str]:
    """Name the profiles that an adapter can claim."""
    return frozenset(schema()["$defs"]["profile"]["enum"])


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
