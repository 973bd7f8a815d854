"""
Encode and decode the values of messages.

Bytes are standard base64 strings, and integers above 2^53 are decimal strings: both in
either direction.  What is to be read as what follows from the schema of the protocol.

Whoever serves an adapter needs no more than this, and is started a thousand times in a
run: so this module imports little, and holds nothing to the schema.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

from tornproof.errors import TornproofError

from tornproof_conformance.specification.places import specification_directory

PROTOCOL = 1

EXACT_INTEGERS = 1 << 53
"""Up to here a JSON number is exact everywhere; above, integers are strings of digits."""


class Refusal(TornproofError):
    """An implementation answered with an error; its code and definiteness are the adapter's."""


def refusal_of(code: str, message: str, *, definite: bool) -> Refusal:
    """Make the exception of an error reply."""
    return _refusal_class(code, definite)(message)


@cache
def _refusal_class(code: str, definite: bool) -> type[Refusal]:
    """Make the class of a code, and call it so: it is what messages call an error."""
    return type(code, (Refusal,), {"code": code, "definite": definite})


# Values


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


def decode_arguments(op: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Turn the strings among the arguments of a request into the bytes and integers they are."""
    decoded: Mapping[str, Any] = _decoder(op, "args")(arguments)
    return decoded


def decode_ok(op: str, ok: Mapping[str, Any]) -> Mapping[str, Any]:
    """Do the same for what a valid reply holds."""
    decoded: Mapping[str, Any] = _decoder(op, "ok")(ok)
    return decoded


Decoder: TypeAlias = Callable[[Any], Any]


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


@cache
def schema() -> Mapping[str, Any]:
    """Read the schema of the protocol."""
    path = specification_directory() / "schema" / "protocol.schema.json"
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
