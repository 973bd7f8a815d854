"""
Parse frames of format v2, without the reference.

The checks and the reports look at bytes on disk.  They must not do so with the
code that is being judged, so this reads frames on its own.
"""

import re
import struct
from collections.abc import Iterator

from attrs import frozen
from blake3 import blake3
from crc32c import crc32c

HEADER_BYTES = 40

SEGMENT = re.compile(r"[0-9a-f]{16}\.wal(\.tmp)?")
"""The names of files that hold frames (SEG-1)."""


@frozen
class Frame:
    """A frame found in a file, or the bytes where none could be read."""

    position: int
    size: int
    payload: bytes | None
    """The payload if both checks hold."""

    verdict: str


def make_frame(payload: bytes) -> bytes:
    """Frame a payload, straight from the layout (FRM-1, FRM-2, FRM-3)."""
    covered = struct.pack("<I", len(payload)) + blake3(payload).digest() + payload
    return covered[:4] + struct.pack("<I", crc32c(covered)) + covered[4:]


def read_frames(data: bytes) -> Iterator[Frame]:
    """Yield the frames of a file in order; the last may be damage."""
    position = 0
    while position < len(data):
        rest = data[position:]
        if len(rest) < HEADER_BYTES:
            yield Frame(position, len(rest), None, "header cut short")
            return
        length, crc = struct.unpack_from("<II", rest)
        if length > len(rest) - HEADER_BYTES:
            yield Frame(position, len(rest), None, f"length {length} reaches beyond the file")
            return
        payload = rest[HEADER_BYTES : HEADER_BYTES + length]
        if crc32c(rest[:4] + rest[8:HEADER_BYTES] + payload) != crc:
            yield Frame(position, len(rest), None, "CRC32C mismatch")
            return
        if blake3(payload).digest() != rest[8:HEADER_BYTES]:
            yield Frame(position, len(rest), None, "BLAKE3 mismatch")
            return
        yield Frame(position, HEADER_BYTES + length, payload, "valid")
        position += HEADER_BYTES + length
