"""
A partition table: one disk with a partition for each run of a program.

Source: UEFI specification 2.10, chapter 5 (GUID Partition Table).
"""

import struct
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

SECTOR = 512
_MARGIN = 1 << 20
_ENTRIES = 128
_LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4").bytes_le
MOST = 120
"""How many partitions a disk gets here; the table has room for 128."""


@frozen
class Layout:
    """Where everything lies, in bytes."""

    offsets: tuple[int, ...]
    total: int
    head: bytes
    tail: bytes

    def write(self, path: Path) -> None:
        """Make a sparse file with the table, and nothing in the partitions."""
        with path.open("wb") as file:
            file.truncate(self.total)
            file.write(self.head)
            file.seek(self.total - len(self.tail))
            file.write(self.tail)


def lay_out(sizes: Sequence[int]) -> Layout:
    """Lay out partitions one behind another.  `sizes` are multiples of 1 MiB, at most 120."""
    assert len(sizes) <= MOST
    offsets, at = [], _MARGIN
    for size in sizes:
        offsets.append(at)
        at += size
    total = at + _MARGIN
    last = total // SECTOR - 1
    entries = bytearray(_ENTRIES * 128)
    for i, (offset, size) in enumerate(zip(offsets, sizes, strict=True)):
        ends = struct.pack("<QQQ", offset // SECTOR, (offset + size) // SECTOR - 1, 0)
        entry = _LINUX + uuid.UUID(int=i + 1).bytes_le + ends
        entries[i * 128 : i * 128 + len(entry)] = entry
    table = bytes(entries)
    protective = bytearray(SECTOR)
    protective[446:462] = struct.pack("<BBBBBBBBII", 0, 0, 2, 0, 0xEE, 255, 255, 255, 1, last)
    protective[510:] = b"\x55\xaa"
    head = bytes(protective) + _header(1, last, 2, last, table) + table
    tail = table + _header(last, 1, last - 32, last, table)
    return Layout(tuple(offsets), total, head, tail)


def _header(here: int, there: int, entries: int, last: int, table: bytes) -> bytes:
    def pack(crc: int) -> bytes:
        return struct.pack(
            "<8sIIIIQQQQ16sQIII",
            *(b"EFI PART", 0x10000, 92, crc, 0, here, there, 34, last - 33),
            *(uuid.UUID(int=99).bytes_le, entries, _ENTRIES, 128, zlib.crc32(table)),
        )

    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")
