"""
The frames of the small journal.

One of the three parts of `small_journal`: what a frame looks like, and how a
file of frames is read.
"""

import struct
from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar

from blake3 import blake3
from crc32c import crc32c
from tornproof.filesystem import File

from tornproof_models.crash.subject import Options

HEADER_BYTES = 40


class Damage(StrEnum):
    """What is wrong with a frame."""

    CUT_SHORT = "cut short"
    TOO_LONG = "length above the maximum"
    CRC = "CRC32C mismatch"
    HASH = "BLAKE3 mismatch"


class SmallFrames:
    """
    Frames of format v2.

    Steps: `encode`, `checksum`, `digest`, `unpack`, `check_length`,
    `check_frame`, `walk`, `read_frame`.
    """

    header: ClassVar[struct.Struct] = struct.Struct("<II32s")

    def __init__(self, options: Options) -> None:
        self.options = options

    def encode(self, payload: bytes) -> bytes:
        """Frame a payload."""
        digest = self.digest(payload)
        crc = self.checksum(len(payload), digest, payload)
        return self.header.pack(len(payload), crc, digest) + payload

    def checksum(self, length: int, digest: bytes, payload: bytes) -> int:
        """Compute the CRC of everything in a frame but itself."""
        header = self.header.pack(length, 0, digest)
        return crc32c(payload, crc32c(digest, crc32c(header[:4])))

    def digest(self, payload: bytes) -> bytes:
        """Compute the hash that names a payload."""
        return blake3(payload).digest()

    def unpack(self, header: bytes) -> tuple[int, int, bytes]:
        """Take a header apart: length, CRC, hash."""
        length, crc, digest = self.header.unpack(header)
        return length, crc, digest

    def check_length(self, length: int, remaining: int) -> Damage | None:
        """Say what is wrong with a length, before a byte of the payload is read."""
        if length > self.options.max_payload:
            return Damage.TOO_LONG
        return Damage.CUT_SHORT if length > remaining else None

    def check_frame(self, length: int, crc: int, digest: bytes, payload: bytes) -> Damage | None:
        """Say what is wrong with a whole frame."""
        if crc != self.checksum(length, digest, payload):
            return Damage.CRC
        return Damage.HASH if digest != self.digest(payload) else None

    def walk(self, file: File, size: int) -> Iterator[tuple[int, bytes | Damage]]:
        """Yield each frame's position and payload, up to the end or the first damage."""
        position = 0
        while position < size:
            found = self.read_frame(file, position, size - position)
            yield position, found
            if isinstance(found, Damage):
                return
            position += HEADER_BYTES + len(found)

    def read_frame(self, file: File, position: int, remaining: int) -> bytes | Damage:
        """Return the payload of the frame at a position, or what is wrong with it."""
        if remaining < HEADER_BYTES:
            return Damage.CUT_SHORT
        length, crc, digest = self.unpack(file.read_at(position, HEADER_BYTES))
        damage = self.check_length(length, remaining - HEADER_BYTES)
        if damage is not None:
            return damage
        payload = file.read_at(position + HEADER_BYTES, length)
        return self.check_frame(length, crc, digest, payload) or payload
