"""The frozen bytes of events, rows, cursors and watermarks agree with the reference."""

import json
import struct
from collections.abc import Callable, Mapping
from contextlib import closing
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from tornproof.chain import Ed25519Signer, prepare
from tornproof.chain.row import Row, content_of, row_hash
from tornproof.chain.signatures import signature_holds
from tornproof.drainer.event import encode, from_json
from tornproof.journal.cursor import decode_cursor, encode_cursor
from tornproof.journal.watermark import decode_slots
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.vectors.vector import cases
from tornproof_models.faulty_database import MemoryDatabase

Case = Mapping[str, Any]

SECRET = bytes(32)
"""Of the key that has signed the rows."""


def spell(case: Case) -> Any:
    """Spell JSON as an event's bytes are."""
    return {"bytes": rfc8785.dumps(json.loads(case["json"])).hex()}


def spell_number(case: Case) -> Any:
    """Spell a double."""
    (number,) = struct.unpack(">d", bytes.fromhex(case["double"]))
    return {"bytes": rfc8785.dumps(number).hex()}


def write_event(case: Case) -> Any:
    """Encode an event."""
    encoded = encode(from_json(case["event"]))
    assert sha256(encoded.payload).digest() == encoded.payload_hash
    return {"payload": encoded.payload.hex(), "payload_hash": encoded.payload_hash.hex()}


def write_row(case: Case) -> Any:
    """Write what is hashed of a row, sign it, and hash it."""
    fields = dict(case["row"])
    for name in ("prev_hash", "payload_hash", "public_key"):
        fields[name] = bytes.fromhex(fields[name])
    signer = Ed25519Signer(SECRET)
    is_signed = bool(fields["public_key"])
    assert fields["public_key"] in (b"", signer.public_key)
    row = Row(**fields, payload=b"{}", signature=None, row_hash=b"")
    content = content_of(row)
    signature = signer.sign(content) if is_signed else None
    if signature:
        assert signature_holds(signer.public_key, signature, content)
    return {
        "content": content.hex(),
        "signature": (signature or b"").hex(),
        "row_hash": row_hash(content, signature).hex(),
    }


def sign(case: Case) -> Any:
    """Sign a message."""
    signer = Ed25519Signer(bytes.fromhex(case["secret"]))
    assert signer.public_key.hex() == case["public"]
    return {"signature": signer.sign(bytes.fromhex(case["message"])).hex()}


def write_cursor(case: Case) -> Any:
    """Write a cursor, and read it back."""
    written = encode_cursor(int(case["offset"]))
    assert decode_cursor(written, "a cursor") == int(case["offset"])
    return {"bytes": written.hex()}


def read_watermark(case: Case) -> Any:
    """Read both slots."""
    durable, _ = decode_slots(bytes.fromhex(case["file"]))
    return {"durable": durable}


def list_columns(case: Case) -> Any:
    """Make the tables, and ask SQLite."""
    with closing(MemoryDatabase()) as database:
        prepare(database.anchor, "memory")
        rows = database.look(f"PRAGMA table_info({case['table']})")
    return {"columns": [row[1] for row in rows]}


ANSWERS: Mapping[str, Callable[[Case], Any]] = {
    "json": spell,
    "number": spell_number,
    "event": write_event,
    "row": write_row,
    "signature": sign,
    "cursor": write_cursor,
    "watermark": read_watermark,
    "columns": list_columns,
}
CASES = [case for case in cases() if case["kind"] in ANSWERS]


def test_there_are_cases_of_each_kind() -> None:
    """And none of a kind that nobody answers."""
    assert {case["kind"] for case in CASES} == set(ANSWERS)
    assert len(CASES) >= 44


@pytest.mark.parametrize(
    "case",
    [pytest.param(each, id=each["id"], marks=requirement(*each["requirements"])) for each in CASES],
)
def test_the_reference_writes_and_reads_the_same(case: Case) -> None:
    """Each value becomes the bytes that were frozen."""
    assert ANSWERS[case["kind"]](case) == case["expect"]
