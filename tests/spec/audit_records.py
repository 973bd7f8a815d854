"""
Audits as bytes, a second time.

An encoder of the few kinds of CBOR that a record needs, written from RFC 8949
with `struct` alone, and the layout of keys, written from `spec/audit.md`.  It
shares no code with the reference, so the two can disagree, and then one of them
is wrong.
"""

import struct
from collections.abc import Mapping
from typing import Any


def head(major: int, argument: int) -> bytes:
    """Write a major type and its argument in the shortest form (RFC 8949, 4.2.1)."""
    if argument < 24:
        return bytes([major << 5 | argument])
    for information, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes([major << 5 | information]) + argument.to_bytes(size, "big")
    raise ValueError(f"{argument} does not fit 64 bits")


def cbor_float(number: float) -> bytes:
    """Write a float in the shortest of 16, 32 and 64 bits that keeps its value."""
    for initial, form in ((b"\xf9", ">e"), (b"\xfa", ">f"), (b"\xfb", ">d")):
        try:
            packed = struct.pack(form, number)
        except OverflowError:
            continue
        if struct.unpack(form, packed) == (number,):
            return initial + packed
    raise ValueError(f"{number} is no number")


def cbor(value: Any) -> bytes:
    """Write a value in the one deterministic form (RFC 8949, 4.2)."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return cbor_float(value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    pairs = sorted((cbor(key), cbor(content)) for key, content in value.items())
    return head(5, len(pairs)) + b"".join(key + content for key, content in pairs)


def nearest32(number: float) -> float:
    """Round to 32 bits."""
    (rounded,) = struct.unpack(">f", struct.pack(">f", number))
    return float(rounded)


def record(audit: Mapping[str, Any]) -> bytes:
    """Write an audit as AUD-16 asks."""
    return cbor({"version": 1, **audit})


def keys(*audits: Mapping[str, Any]) -> list[bytes]:
    """List the keys of these audits as AUD-1, AUD-2, AUD-9 and AUD-12 ask, in order."""
    listed = []
    for audit in audits:
        moment = struct.pack(">Q", audit["timestamp"]) + b":" + audit["query_id"]
        listed += [b"\x00AUD:" + audit["query_id"], b"\x00AUDT:" + moment]
        if audit["agent_id"] is not None:
            listed.append(b"\x00AUDA:" + audit["agent_id"] + b":" + moment)
    return sorted(listed)
