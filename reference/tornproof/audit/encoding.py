"""
Encode audits as canonical bytes, and decode them (AUD-16).

A record is one CBOR map with text keys, deterministically encoded (RFC 8949,
section 4.2): the shortest form of every number and length, keys in the order of
their bytes, nothing of indefinite length.  Equal audits have equal bytes, so
contents are compared by comparing bytes (AUD-11).

    {
      "version": 1,
      "query_id": h'…32 bytes…',        "agent_id": h'…32 bytes…' / null,
      "timestamp": 1000,                "params": {"subject": "…" / null, …},
      "result_hash": h'…' / null,       "result_confidence": 0.5,
      "contributing_assertions": [{"assertion_hash": h'…', "weight": 0.5,
                                   "source_hash": h'…', "lifecycle": "approved"}, …]
    }

Every key is present; an unknown value is null.  With text keys alone, the
two orders of keys that RFCs 7049 and 8949 prescribe are the same.

The decoder makes an audit of the bytes, encodes it again, and refuses the record unless
the bytes are the same.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import cbor2
from attrs import NOTHING, AttrsInstance, fields

from tornproof.audit.query import Contribution, QueryAudit, QueryParameters
from tornproof.errors import Corrupt, Invalid, NewerVersion

VERSION = 1
"""The newest form of a record that this code understands."""

_Made = TypeVar("_Made", bound=AttrsInstance)


def encode(audit: QueryAudit) -> bytes:
    """Write an audit as a record."""
    return cbor2.dumps({"version": VERSION, **audit_to_fields(audit)}, canonical=True)


def decode(record: bytes) -> QueryAudit:
    """
    Read an audit back.

    Raises `NewerVersion` for a record of a later version, and `Corrupt` for
    whatever `encode` would not have written: other bytes for the same audit
    would let two records disagree and say the same.
    """
    try:
        content = cbor2.loads(record)
    except cbor2.CBORDecodeError as error:
        raise Corrupt(f"the record is not CBOR: {error}") from None
    if not isinstance(content, dict):
        raise Corrupt(f"the record is not a CBOR map but {type(content).__name__}")
    version = content.pop("version", None)
    if not isinstance(version, int) or version < 1:
        raise Corrupt(f"the record's version is {version!r}, and not a number from 1")
    if version > VERSION:
        raise NewerVersion(
            f"the record has version {version}, and this software knows up to {VERSION}: upgrade it"
        )
    try:
        audit = audit_from_fields(content)
    except Invalid as error:
        raise Corrupt(f"the record holds no audit: {error}") from None
    if encode(audit) != record:
        raise Corrupt("the record is not in the one form that its audit has (RFC 8949, 4.2)")
    return audit


# Audits as plain fields


def audit_to_fields(audit: QueryAudit) -> dict[str, Any]:
    """Take an audit apart into plain values, by the names of its fields."""
    return {
        **_fields(audit),
        "params": _fields(audit.params),
        "contributing_assertions": [_fields(each) for each in audit.contributing_assertions],
    }


def _fields(value: AttrsInstance) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _required(type(value))}


def audit_from_fields(content: Mapping[str, Any]) -> QueryAudit:
    """
    Make an audit of plain values.

    Fields that may be unknown may be left out; a name that is no field raises
    `Invalid`, as does a value that does not fit.
    """
    content = dict(content)
    if "params" in content:
        content["params"] = _made(QueryParameters, content["params"], "params")
    if "contributing_assertions" in content:
        listed = content["contributing_assertions"]
        if not isinstance(listed, list | tuple):
            raise Invalid(f"contributing_assertions must be a list, not {type(listed).__name__}")
        content["contributing_assertions"] = [
            _made(Contribution, each, "contributing_assertions") for each in listed
        ]
    return _made(QueryAudit, content, "audit")


def _made(kind: type[_Made], content: object, name: str) -> _Made:
    """Make a value of its fields, naming those that are missing or too many."""
    if not isinstance(content, Mapping):
        raise Invalid(f"{name} must be a map, not {type(content).__name__}")
    required = _required(kind)
    for unknown in content.keys() - required.keys():
        raise Invalid(f"{name} has no field {unknown!r}: its fields are {', '.join(required)}")
    for field_name, needed in required.items():
        if needed and field_name not in content:
            raise Invalid(f"{name} lacks {field_name}")
    return kind(**content)


@cache
def _required(kind: type[AttrsInstance]) -> Mapping[str, bool]:
    """Say for each field of a kind of value whether it has to be given."""
    return {each.name: each.default is NOTHING for each in fields(kind)}
