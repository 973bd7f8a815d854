"""
Read an ext4 image after a crash: replay the journal, walk a directory.

In process, because there are thousands of images; `e2fsprogs` and a kernel that mounts them are
asked for the same, and agree.  Only what the laboratory's filesystems have is read: blocks of
4096 bytes, extents, one journal inside; no fast commits.

Sources: the kernel's Documentation/filesystems/ext4, and fs/jbd2/recovery.c for the three passes
(find the last transaction, collect revocations, replay).
"""

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum

from attrs import define, field
from tornproof_models.disk.trace import Image

from tornproof_kernels.disk_server import BLOCK, Blocks

JOURNAL_INODE = 8
LARGEST_FILE_BYTES = 1 << 26
_ZERO = bytes(BLOCK)
_NEEDS_RECOVERY, _WIDE_GROUPS = 4, 0x80
_MAGIC = 0xC03B3998
_ESCAPED, _SAME_UUID, _LAST_TAG = 1, 2, 8
_WIDE, _CHECKSUM_3 = 2, 16


class Block(IntEnum):
    """What a block of the journal is."""

    DESCRIPTOR = 1
    COMMIT = 2
    REVOKE = 5


class Unreadable(Exception):
    """What is wrong with an image."""


@define
class Transaction:
    """What the journal holds of one transaction."""

    number: int
    writes: list[tuple[int, bytes]] = field(factory=list)
    revokes: list[int] = field(factory=list)


class Ext4:
    """One image; `replay` changes it."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = dict(blocks)
        self._read_superblock()

    def block(self, number: int) -> bytes:
        """Return a block of the disk."""
        return self.blocks.get(number, _ZERO)

    def _read_superblock(self) -> None:
        raw = self.block(0)[1024:2048]
        if raw[56:58] != b"\x53\xef":
            raise Unreadable("it has no superblock")
        self._incompat = struct.unpack_from("<I", raw, 96)[0]
        self._inodes_per_group = struct.unpack_from("<I", raw, 40)[0]
        self._inode_size = struct.unpack_from("<H", raw, 88)[0]
        wide = self._incompat & _WIDE_GROUPS
        self._descriptor_size = struct.unpack_from("<H", raw, 254)[0] if wide else 32

    # Inodes

    def inode(self, number: int) -> bytes:
        """Return an inode."""
        group, index = divmod(number - 1, self._inodes_per_group)
        at = group * self._descriptor_size
        descriptor = self.block(1 + at // BLOCK)[at % BLOCK : at % BLOCK + self._descriptor_size]
        table = struct.unpack_from("<I", descriptor, 8)[0]
        at = index * self._inode_size
        return self.block(table + at // BLOCK)[at % BLOCK : at % BLOCK + self._inode_size]

    def extents(self, node: bytes) -> Iterator[tuple[int, int, int, bool]]:
        """Yield (first block of the file, count, first block of the disk, written or not)."""
        magic, entries, _, depth = struct.unpack_from("<HHHH", node)
        if magic != 0xF30A:
            raise Unreadable("an inode has no extents")
        for i in range(entries):
            if depth:
                _, low, high = struct.unpack_from("<IIH", node, 12 + 12 * i)
                yield from self.extents(self.block(low | high << 32))
            else:
                first, count, high, low = struct.unpack_from("<IHHI", node, 12 + 12 * i)
                written = count <= 1 << 15
                yield first, count if written else count - (1 << 15), low | high << 32, written

    def content(self, inode: bytes) -> bytes:
        """Return what a file or directory holds; unwritten extents and holes are zeros."""
        low, high = struct.unpack_from("<I", inode, 4)[0], struct.unpack_from("<I", inode, 108)[0]
        size = low | high << 32
        if size > LARGEST_FILE_BYTES:
            raise Unreadable(f"it has a file of {size} bytes")
        found = bytearray(size)
        for first, count, place, written in self.extents(inode[40:100]):
            for i in range(count if written else 0):
                at = (first + i) * BLOCK
                if at < size:
                    data = self.block(place + i)[: size - at]
                    found[at : at + len(data)] = data
        return bytes(found)

    def entries(self, inode: bytes) -> Iterator[tuple[str, int]]:
        """Yield the names in a directory, each with its inode."""
        data, at = self.content(inode), 0
        while at < len(data):
            number, length, name_length, kind = struct.unpack_from("<IHBB", data, at)
            if length < 8:
                raise Unreadable("it has a directory entry without length")
            name = data[at + 8 : at + 8 + name_length]
            if number and kind != 0xDE and name not in (b".", b".."):  # 0xDE is the checksum
                yield name.decode(), number
            at += length

    def tree(self, top: str) -> Image:
        """Return what is below a directory of the root."""
        found = dict(self.entries(self.inode(2)))
        if top not in found:
            raise Unreadable(f"it has no /{top}")
        files: dict[str, bytes] = {}
        directories: set[str] = set()

        def walk(prefix: str, number: int) -> None:
            for name, inner in self.entries(self.inode(number)):
                path, inode = f"{prefix}/{name}", self.inode(inner)
                kind = struct.unpack_from("<H", inode)[0] & 0xF000
                if kind == 0x4000:
                    directories.add(path)
                    walk(path, inner)
                elif kind == 0x8000:
                    files[path] = self.content(inode)
                else:
                    raise Unreadable(f"{path} is neither a file nor a directory")

        walk("", found[top])
        return Image(files, frozenset(directories))

    # The journal

    def journal_blocks(self) -> list[int]:
        """List the blocks of the disk that hold the journal, in order."""
        places = {
            first + i: place + i
            for first, count, place, _ in self.extents(self.inode(JOURNAL_INODE)[40:100])
            for i in range(count)
        }
        return [places[i] for i in range(len(places))]

    def replay(self) -> int:
        """Do what recovery does; return how many transactions there were."""
        if not self._incompat & _NEEDS_RECOVERY:
            return 0
        transactions = list(self._transactions([self.block(n) for n in self.journal_blocks()]))
        revoked = {block: each.number for each in transactions for block in each.revokes}
        for transaction in transactions:
            for block, data in transaction.writes:
                if revoked.get(block, -1) < transaction.number:
                    self.blocks[block] = data
        self._read_superblock()
        return len(transactions)

    def _transactions(self, log: Sequence[bytes]) -> Iterator[Transaction]:
        """Yield the transactions that have their commit block, up to the first that has none."""
        maximum, first, sequence, at = struct.unpack_from(">IIII", log[0], 16)
        features = struct.unpack_from(">I", log[0], 40)[0]
        if not at:
            return
        found = Transaction(sequence)
        while True:
            magic, kind, number = struct.unpack_from(">III", log[at])
            if magic != _MAGIC or number != found.number:
                return
            after = 1
            match kind:
                case Block.DESCRIPTOR:
                    tags = list(_tags(log[at], features))
                    for i, (block, escaped) in enumerate(tags, start=1):
                        data = log[_step(at, i, first, maximum)]
                        data = log[0][:4] + data[4:] if escaped else data
                        found.writes.append((block, data))
                    after += len(tags)
                case Block.REVOKE:
                    found.revokes += _revoked(log[at], features)
                case Block.COMMIT:
                    yield found
                    found = Transaction(found.number + 1)
                case _:
                    return
            at = _step(at, after, first, maximum)


def _step(at: int, by: int, first: int, maximum: int) -> int:
    """Go forward in the journal, which is a ring from `first` to `maximum`, exclusive."""
    return at + by if at + by < maximum else at + by - maximum + first


def _tags(descriptor: bytes, features: int) -> Iterator[tuple[int, bool]]:
    """Yield where each block of a descriptor belongs, and whether its magic was escaped."""
    offset = 12
    while True:
        if features & _CHECKSUM_3:
            low, flags, high, _ = struct.unpack_from(">IIII", descriptor, offset)
            offset += 16
        else:
            low, _, flags = struct.unpack_from(">IHH", descriptor, offset)
            high = struct.unpack_from(">I", descriptor, offset + 8)[0] if features & _WIDE else 0
            offset += 12 if features & _WIDE else 8
        yield low | high << 32, bool(flags & _ESCAPED)
        offset += 0 if flags & _SAME_UUID else 16
        if flags & _LAST_TAG:
            return


def _revoked(block: bytes, features: int) -> Iterator[int]:
    used, step = struct.unpack_from(">I", block, 12)[0], 8 if features & _WIDE else 4
    for offset in range(16, used, step):
        yield int.from_bytes(block[offset : offset + step], "big")


def recover(blocks: Blocks, top: str = "t") -> Image:
    """Replay the journal of an image, and read what is below a directory.  Raises `Unreadable`."""
    disk = Ext4(blocks)
    disk.replay()
    return disk.tree(top)
