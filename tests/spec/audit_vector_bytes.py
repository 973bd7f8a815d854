"""
The cases about keys and records, byte for byte.
"""

from typing import Any

from tests.spec.audit_records import cbor, nearest32, record
from tests.spec.audit_vector_cases import (
    COLON,
    COLONS,
    EVERY_HIGH,
    EVERY_LOW,
    FINAL,
    FULL,
    LAST,
    NOBODY,
    ONE,
    ZERO,
    A,
    audit,
    form,
    layout,
    no_form,
)


def spoilt(**changes: Any) -> bytes:
    """Encode an audit, some of whose fields are changed, or left out if set to `...`."""
    fields = {"version": 1, **A, **changes}
    return cbor({name: value for name, value in fields.items() if value is not ...})


RECORD = record(A)

BYTES = [
    # keys
    layout("keys-of-one-audit", "AUD-1 AUD-12", "An audit has three keys.", "", A),
    layout("keys-without-agent", "AUD-9", "Nobody's audit has two.", "anonymous-as-zeros", NOBODY),
    layout(
        "timestamps-are-big-endian",
        "AUD-2",
        "Keys sort by time: 255, 256, 65536, 2^63.",
        "little-endian",
        *(audit(bytes([n]), ONE, time) for n, time in enumerate((2**63, 65536, 256, 255))),
    ),
    layout(
        "every-byte-is-an-id",
        "AUD-1 AUD-2",
        "Ids and timestamps hold any byte, NUL and the separator included.",
        "separator-parsing text-keys",
        audit(":", COLON, COLONS),
        audit(b"\x00", ZERO, 0),
        {**audit("x", EVERY_HIGH, LAST), "query_id": EVERY_LOW},
    ),
    # records
    form("record-plain", "Unknown fields are null, and every key is there.", "missing-keys", A),
    form("record-full", "Every field, floats of 16 and 32 bits, a name not known.", "", FULL),
    form(
        "record-float-of-16-bits",
        "A float is as short as its value allows.",
        "float-too-long",
        {**A, "result_confidence": 1.5},
    ),
    form(
        "record-float-of-32-bits",
        "A tenth takes 32 bits.",
        "float-rounded float-of-64-bits",
        {**A, "result_confidence": nearest32(0.1)},
    ),
    form(
        "record-smallest-float",
        "The smallest 32-bit float is kept.",
        "subnormal-flushed",
        {**A, "result_confidence": 2.0**-149},
    ),
    form(
        "record-timestamp-0",
        "The shortest integer is one byte.",
        "integer-too-long",
        audit("a", ONE, 0),
    ),
    form("record-timestamp-last", "The longest is nine.", "signed-timestamp", FINAL),
    # no records
    no_form("record-cut", "A record cut short is none.", "", RECORD[:-1], "corrupt"),
    no_form("record-with-more", "Nor is one with a byte more.", "", RECORD + b"\x00", "corrupt"),
    no_form("record-empty", "Nothing is no record.", "", b"", "corrupt"),
    no_form(
        "record-keys-out-of-order",
        "The keys of a map are in the order of their bytes.",
        "insertion-order",
        b"\xa8" + b"".join(cbor(name) + cbor(each) for name, each in {"version": 1, **A}.items()),
        "corrupt",
    ),
    no_form(
        "record-indefinite-length",
        "No map is of indefinite length.",
        "indefinite-length",
        b"\xbf" + RECORD[1:] + b"\xff",
        "corrupt",
    ),
    no_form(
        "record-float-too-long",
        "No float takes 64 bits.",
        "float-of-64-bits",
        spoilt(result_confidence=0.1),
        "corrupt",
    ),
    no_form(
        "record-integer-too-long",
        "No integer takes more bytes than it needs.",
        "integer-too-long",
        RECORD.replace(b"timestamp\x19\x03\xe8", b"timestamp\x1a\x00\x00\x03\xe8"),
        "corrupt",
    ),
    no_form(
        "record-key-missing",
        "What is unknown is null, not left out.",
        "missing-keys",
        spoilt(agent_id=...),
        "corrupt",
    ),
    no_form(
        "record-key-unknown", "No key is added.", "unknown-keys", spoilt(colour="red"), "corrupt"
    ),
    no_form(
        "record-nan",
        "Confidence is a number.",
        "nan",
        RECORD.replace(b"\xf9\x38\x00", b"\xf9\x7e\x00"),
        "corrupt",
    ),
    no_form(
        "record-infinite",
        "Confidence is finite.",
        "infinity",
        spoilt(result_confidence=float("inf")),
        "corrupt",
    ),
    no_form(
        "record-negative-zero",
        "There is one zero.",
        "negative-zero",
        spoilt(result_confidence=-0.0),
        "corrupt",
    ),
    no_form("record-short-id", "Ids have 32 bytes.", "", spoilt(query_id=bytes(31)), "corrupt"),
    no_form(
        "record-newer", "A later version is told from damage.", "", spoilt(version=2), "invalid"
    ),
]
