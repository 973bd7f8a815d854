"""
Frame v2: how one record looks on disk.

    offset  0        4        8                               40
            ┌────────┬────────┬───────────────────────────────┬─────────────┐
            │ length │ crc32c │            blake3             │   payload   │
            │ u32 LE │ u32 LE │           32 bytes            │  N bytes    │
            └────────┴────────┴───────────────────────────────┴─────────────┘
                        └── covers bytes 0–3, 8–39 and the payload

The two checksums have different purposes.  CRC32C is cheap and detects torn writes and flipped
bits; BLAKE3 identifies the content, so that an index or an auditor can refer to a record by its
hash.  A frame with a right CRC and a wrong hash was written wrong, not damaged later, so the two
failures are reported as different errors (FRM-4).

Everything here is a pure function of bytes.  No disk, no clock, no state.
"""

import struct
from collections.abc import Iterator
from enum import StrEnum

from attrs import frozen
from blake3 import blake3
from crc32c import crc32c

from tornproof.errors import TooLarge

HEADER_BYTES = 40
"""Bytes before the payload: a length, a CRC and a hash (FRM-1)."""

MAX_PAYLOAD_BYTES = 16 << 20
"""
Largest payload accepted by default: 16 MiB (FRM-8).

A reader must hold one whole record in memory (REC-9), and a length taken from
a torn header must not be believed beyond reason (FRM-5); both want a bound.
"""

_LENGTH = struct.Struct("<I")
_LENGTH_AND_CRC = struct.Struct("<II")


class Damage(StrEnum):
    """What is wrong with the bytes at an offset, from the first check that fails."""

    HEADER_CUT = "header cut short"
    LENGTH_ABOVE_MAXIMUM = "length above the maximum"
    PAYLOAD_CUT = "payload cut short"
    CRC_MISMATCH = "CRC32C mismatch"
    HASH_MISMATCH = "BLAKE3 mismatch"


@frozen
class Record:
    """A payload that passed both checks, and the bytes its frame takes."""

    payload: bytes
    frame_bytes: int


def frame_size(payload_bytes: int) -> int:
    """Count the bytes of the frame around a payload of so many bytes."""
    return HEADER_BYTES + payload_bytes


def check_size(payload_bytes: int, *, maximum: int) -> None:
    """Raise `TooLarge` for a payload above the maximum (FRM-8)."""
    if payload_bytes > maximum:
        raise TooLarge(
            f"payload of {payload_bytes} bytes is above the maximum of {maximum}: split it, "
            "or open the journal with a larger max_payload"
        )


def encode(payload: bytes, *, maximum: int = MAX_PAYLOAD_BYTES) -> bytes:
    """
    Frame a payload.

    The same payload always gives the same bytes, and different payloads give
    different bytes (FRM-9).  Raises `TooLarge` above the maximum (FRM-8).
    """
    check_size(len(payload), maximum=maximum)
    length = _LENGTH.pack(len(payload))
    digest = blake3(payload).digest()
    crc = crc32c(payload, crc32c(digest, crc32c(length)))
    return b"".join((_LENGTH_AND_CRC.pack(len(payload), crc), digest, payload))


def payload_length(header: bytes, remaining: int, *, maximum: int) -> int | Damage:
    """
    Read the length out of a header, if it can be believed.

    `header` holds the first bytes of a frame and `remaining` counts the bytes
    from its first byte to the end of the file.  Both bounds are checked here,
    before anybody allocates or reads a payload (FRM-5).
    """
    if len(header) < HEADER_BYTES or remaining < HEADER_BYTES:
        return Damage.HEADER_CUT
    (length,) = _LENGTH.unpack_from(header)
    if length > maximum:
        return Damage.LENGTH_ABOVE_MAXIMUM
    if length > remaining - HEADER_BYTES:
        return Damage.PAYLOAD_CUT
    return int(length)


def decode(data: bytes, at: int = 0, *, maximum: int = MAX_PAYLOAD_BYTES) -> Record | Damage:
    """
    Read the frame whose first byte is `data[at]`.

    Returns a record only if both checks hold (FRM-4).  A run of zero bytes is
    never one: the CRC of a zero header is not zero (FRM-6).
    """
    # bounds
    header = data[at : at + HEADER_BYTES]
    length = payload_length(header, len(data) - at, maximum=maximum)
    if isinstance(length, Damage):
        return length

    # checks
    end = at + HEADER_BYTES + length
    _, crc = _LENGTH_AND_CRC.unpack_from(header)
    if crc32c(data[at + 8 : end], crc32c(header[:4])) != crc:
        return Damage.CRC_MISMATCH
    payload = data[at + HEADER_BYTES : end]
    if blake3(payload).digest() != header[8:]:
        return Damage.HASH_MISMATCH
    return Record(payload, HEADER_BYTES + length)


def scan(data: bytes, *, maximum: int = MAX_PAYLOAD_BYTES) -> Iterator[tuple[int, Record | Damage]]:
    """
    Walk the frames in `data`, from its first byte to its end or first damage.

    Yields the offset of each frame with its record.  Damage, if any, is the
    last thing yielded: what follows it cannot be trusted, because frames are
    found only through the lengths of those before them.
    """
    at = 0
    while at < len(data):
        found = decode(data, at, maximum=maximum)
        yield at, found
        if isinstance(found, Damage):
            return
        at += found.frame_bytes
