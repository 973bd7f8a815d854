"""
The durable watermark: a lower bound of what is on disk (REC-12).

After a crash, a bad frame in the last segment may be a torn write, which recovery cuts, or
damage to an acknowledged record, which it must not cut.  The bytes do not show which.  So the
writer stores an offset up to which everything is durable.

    watermark
      byte 0     ┌───────┬──────────────┬────────┐
                 │ TPW1  │ offset u64 LE│ crc32c │   slot 0
      byte 512   ├───────┼──────────────┼────────┤
                 │ TPW1  │ offset u64 LE│ crc32c │   slot 1
                 └───────┴──────────────┴────────┘

The offset is written after each fsync of data, into the two slots in turn, without an fsync of
its own: a crash may lose the latest values, and a torn slot leaves the other.  The value that
survives is therefore a *lower bound*.  It is synced at close, with its name, so it is exact
after one.  Rotation does not sync it: damage in a sealed segment is refused anyway.
"""

import struct

from attrs import define
from crc32c import crc32c

from tornproof.filesystem import File, Filesystem

WATERMARK_NAME = "watermark"
SLOT_STRIDE = 512
"""Bytes between the slots: a sector, so that one torn write cannot hurt both."""

_MAGIC = b"TPW1"
_SLOT = struct.Struct("<4sQI")


def encode_slot(offset: int) -> bytes:
    """Write a watermark as a slot of 16 bytes."""
    body = _SLOT.pack(_MAGIC, offset, 0)[:12]
    return body + struct.pack("<I", crc32c(body))


def decode_slots(data: bytes) -> tuple[int, int]:
    """
    Read the watermark out of a file's bytes, as (offset, number of its slot).

    The higher of the valid slots counts.  Without a valid one the watermark is 0
    and the slot 1, so that the next goes to slot 0.
    """
    best = (0, 1)
    for number in (0, 1):
        slot = data[number * SLOT_STRIDE : number * SLOT_STRIDE + _SLOT.size]
        if len(slot) < _SLOT.size or slot[:4] != _MAGIC:
            continue
        _, offset, crc = _SLOT.unpack(slot)
        if crc == crc32c(slot[:12]) and offset >= best[0]:
            best = (offset, number)
    return best


def read_watermark(filesystem: Filesystem, directory: str) -> int | None:
    """
    Return the offset up to which a journal is known to be durable (exclusive).

    Returns none for a journal that keeps no watermark.  Raises `OSError` when it
    cannot be read: "unknown" would let recovery cut what it must not.
    """
    try:
        file = filesystem.open_for_reading(f"{directory}/{WATERMARK_NAME}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return decode_slots(file.read_at(0, 2 * SLOT_STRIDE))[0]
    finally:
        file.close()


@define
class Watermark:
    """The watermark of a journal that is open for writing."""

    _file: File
    offset: int
    _slot: int

    @classmethod
    def open(cls, filesystem: Filesystem, directory: str) -> "Watermark":
        """Open a journal's watermark, making it if there is none."""
        file = filesystem.open(f"{directory}/{WATERMARK_NAME}", create=True)
        try:
            offset, slot = decode_slots(file.read_at(0, 2 * SLOT_STRIDE))
        except BaseException:
            file.close()
            raise
        return cls(file, offset, slot)

    def advance(self, offset: int) -> None:
        """Note that everything below `offset` is durable; it never goes back."""
        if offset <= self.offset:
            return
        slot = 1 - self._slot
        position, content = slot * SLOT_STRIDE, encode_slot(offset)
        while content:
            written = self._file.write_at(position, content)
            position, content = position + written, content[written:]
        self.offset, self._slot = offset, slot

    def sync(self) -> None:
        """Make the latest note durable."""
        self._file.sync()

    def close(self) -> None:
        """Let go of the file; doing it again does no harm."""
        self._file.close()
