"""
One row of the chain, as the bytes that are signed and hashed.

    content = tag ‖ sequence ‖ prev_hash ‖ id ‖ agent_id ‖ event_type ‖ payload_hash
                  ‖ attest_level ‖ timestamp ‖ public_key
    hash    = SHA-256(content ‖ signature)

Each field follows its length in eight bytes, so no two rows have the same bytes (CHN-4).
`prev_hash` is the hash of the row before, so the hash of a row covers all rows up to it
(CHN-3).  The signature covers the content (CHN-7).

Pure functions of bytes: no database, no key.
"""

import struct
from enum import StrEnum
from hashlib import sha256

from attrs import frozen

TAG = b"tornproof/chain/row/v1"
"""Keeps the bytes of a row from being taken for anything else that is hashed or signed."""

HASH_BYTES = 32

_LENGTH = struct.Struct(">Q")
_SEQUENCE = struct.Struct(">Q")


class AttestLevel(StrEnum):
    """Who vouches for a row."""

    UNSIGNED = "unsigned"
    SELF_SIGNED = "self_signed"
    PEER_ATTESTED = "peer_attested"
    SIGNED_BY_PEER = "signed_by_peer"
    DAEMON_SIGNED = "daemon_signed"


@frozen
class Head:
    """The last row of a chain: its number and its hash, which covers all rows."""

    sequence: int
    hash: bytes


GENESIS = Head(0, bytes(HASH_BYTES))
"""The head of an empty chain (CHN-1, CHN-2)."""


@frozen
class Entry:
    """What is to be appended: an event before it has a place."""

    id: str
    agent_id: str
    event_type: str
    timestamp: str
    payload: bytes


@frozen
class Row:
    """A row as it stands in the database, in the order of its columns."""

    id: str
    agent_id: str
    event_type: str
    payload_hash: bytes
    signature: bytes | None
    attest_level: str
    timestamp: str
    prev_hash: bytes
    sequence: int
    payload: bytes
    public_key: bytes | None
    row_hash: bytes


COLUMNS = ", ".join(Row.__annotations__)


def content(
    sequence: int,
    prev_hash: bytes,
    entry_id: str,
    agent_id: str,
    event_type: str,
    payload_hash: bytes,
    attest_level: str,
    timestamp: str,
    public_key: bytes | None,
) -> bytes:
    """
    Write down everything about a row but its signature.

    Raises `ValueError` for what has no such form: text that is not Unicode, a
    sequence outside `[0, 2**64)`.
    """
    try:
        place = _SEQUENCE.pack(sequence)
    except struct.error:
        raise ValueError(f"sequence {sequence} is outside of 64 bits") from None
    return behind_lengths(
        TAG,
        place,
        prev_hash,
        entry_id.encode(),
        agent_id.encode(),
        event_type.encode(),
        payload_hash,
        attest_level.encode(),
        timestamp.encode(),
        public_key or b"",
    )


def content_of(row: Row) -> bytes:
    """Write down the content of a row that is in the database."""
    return content(
        row.sequence,
        row.prev_hash,
        row.id,
        row.agent_id,
        row.event_type,
        row.payload_hash,
        row.attest_level,
        row.timestamp,
        row.public_key,
    )


def row_hash(content: bytes, signature: bytes | None) -> bytes:
    """Hash a row: its content and its signature, 32 bytes."""
    return sha256(content + behind_lengths(signature or b"")).digest()


def behind_lengths(*values: bytes) -> bytes:
    """Join fields, each behind its length in eight bytes, most significant first (CHN-4)."""
    return b"".join([part for value in values for part in (_LENGTH.pack(len(value)), value)])
