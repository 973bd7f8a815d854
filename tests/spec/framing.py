"""
A second framing, written from the text of `spec/frame.md`.

It shares no code with the reference, so the two can disagree, and then one of
them is wrong.
"""

import struct
from typing import Any

from blake3 import blake3
from crc32c import crc32c


def digest(data: bytes) -> bytes:
    """Hash as FRM-3 asks."""
    return blake3(data).digest()


def frame(payload: bytes, **wrong: Any) -> bytes:
    """Frame a payload as FRM-1 to FRM-3 ask, but for the fields given by name."""
    length = wrong.get("length", struct.pack("<I", len(payload)))
    hashed = wrong.get("hash", digest(payload))
    crc = wrong.get("crc", struct.pack("<I", crc32c(length + hashed + payload)))
    return bytes(length + crc + hashed + payload)


def frames(*payloads: bytes) -> bytes:
    """Put frames back to back."""
    return b"".join(map(frame, payloads))


def name(base: int) -> str:
    """Name a segment as SEG-1 asks."""
    return f"{base:016x}.wal"
