"""
Build the image that a choice of versions stands for.

A choice says which pending versions a crash kept, and what the sectors hold that kept
none.  The names that were kept make a tree; sizes and sectors make the content of each
file in it.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

from attrs import define, field, frozen

from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.digests import (
    DIGESTS,
    WIDTH,
    digest_directories,
    digest_sector,
    digest_size,
)
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.sparse import SparseContent, SparseFiles
from tornproof_models.disk.trace import ROOT, Image
from tornproof_models.disk.versions import Data, Name, Register, Size, Version

REMEMBERED = 1 << 10
"""Contents of files that a builder remembers, at most."""

SPARSE_FROM = 1 << 14
"""Bytes beyond which a file is not put together before somebody wants its bytes."""

Fillings: TypeAlias = tuple[tuple[int, int], ...]
"""Pairs (first version of a sector, which filling), for sectors that kept no version."""

Part: TypeAlias = tuple[int, int, Fillings]
"""An inode, and what a choice says of it: the versions that it keeps, and the fillings."""


@frozen
class Choice:
    """One image, as what it keeps: a bit for each pending version, and fillings."""

    kept: int
    fillings: Fillings = ()
    """Pairs (first version of a sector, which filling), for sectors that kept no version."""


@frozen(eq=False, slots=False)
class Tree:
    """The names of an image."""

    directories: frozenset[str]
    files: tuple[tuple[str, int], ...]
    """Pairs (path, inode), by path."""

    inodes: tuple[int, ...]
    """The inode of every path in the order of the paths, as `number_inodes` has it; the root's."""

    @cached_property
    def digest(self) -> int:
        """What the names contribute to the digest of an image."""
        return digest_directories(self.directories)

    @property
    def names(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """The paths of the directories and of the files."""
        return self.directories, tuple(path for path, _ in self.files)


@define
class Builder:
    """Turns choices into images, remembering the latest contents of files."""

    registers: Registers
    versions: Sequence[Version]
    fillings: dict[int, tuple[bytes, ...]]
    _names_mask: int = 0
    _file_masks: dict[int, int] = field(factory=dict)
    _sizes: dict[int, list[int]] = field(factory=dict)
    """The positions of the versions of each file's size."""

    _values: dict[int, list[tuple[int, int | None, Any]]] = field(factory=dict)
    """For each file, its versions: the bit, the sector or none for the size, and the value."""

    _changed: dict[Part, tuple[int, dict[int, bytes]]] = field(factory=dict)
    _contents: dict[Part, bytes] = field(factory=dict)
    _digests: dict[tuple[str, Part], int] = field(factory=dict)
    _floors: dict[int, dict[int, bytes]] = field(factory=dict)
    """What is durable of each large file: images built later share it."""

    _durable_digests: dict[tuple[str, int, int], int] = field(factory=dict)
    """What the durable sectors of a file contribute, by its path, inode and size."""

    _trees: dict[int, Tree] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for i, version in enumerate(self.versions):
            if isinstance(version.register, Name):
                self._names_mask |= 1 << i
            else:
                inode = version.register.inode
                sector = version.register.sector if isinstance(version.register, Data) else None
                self._values.setdefault(inode, []).append((1 << i, sector, version.value))
                if isinstance(version.register, Size):
                    self._sizes.setdefault(inode, []).append(i)
                self._file_masks[inode] = self._file_masks.get(inode, 0) | 1 << i

    def build(self, choice: Choice) -> Image:
        """
        Build the image of a choice.

        Large files are kept as what they differ in, and put together when they are read.
        """
        tree = self.tree(choice.kept)
        known = self.digest(choice) if self.registers.sector_bytes == WIDTH else None
        if any(self.size(inode, choice.kept) > SPARSE_FROM for _, inode in tree.files):
            sparse = {path: self._sparse(self._part(inode, choice)) for path, inode in tree.files}
            return Image(SparseFiles(sparse), tree.directories, known_digest=known)
        files = {path: self._content(self._part(inode, choice)) for path, inode in tree.files}
        return Image(files, tree.directories, known_digest=known)

    def digest(self, choice: Choice) -> int:
        """Return the digest of a choice's image: equal images have equal ones."""
        tree = self.tree(choice.kept)
        total = tree.digest
        for path, inode in tree.files:
            key = path, self._part(inode, choice)
            if key not in self._digests:
                if len(self._digests) >= REMEMBERED:
                    self._digests.clear()
                self._digests[key] = self._digest(*key)
            total += self._digests[key]
        return total % DIGESTS

    def size(self, inode: int, kept: int) -> int:
        """Return the size of a file if these versions were kept."""
        size = self.registers.sizes[inode]
        for i in self._sizes.get(inode, ()):
            if kept >> i & 1:
                value = self.versions[i].value
                assert isinstance(value, int)
                size = value
        return size

    def tree(self, kept: int) -> Tree:
        """Return the names that are there if these versions were kept."""
        names = kept & self._names_mask
        if names not in self._trees:
            self._trees[names] = self._tree(names)
        return self._trees[names]

    def describe(self, register: Register) -> str:
        """Name a register in words."""
        match register:
            case Data(inode, sector):
                start = sector * self.registers.sector_bytes
                where = f"bytes {start}–{start + self.registers.sector_bytes - 1}"
                return f"{where} of {self.registers.path_of(inode)}"
            case Size(inode):
                return f"size of {self.registers.path_of(inode)}"
            case Name(directory, name):
                return f"name {name} in {self.registers.path_of(directory)}"

    def _tree(self, kept: int) -> Tree:
        """Walk the names from the root; a directory that nothing names is gone."""
        names = {directory: dict(entries) for directory, entries in self.registers.names.items()}
        for i in bits(kept):
            version = self.versions[i]
            assert isinstance(version.register, Name)
            entries = names[version.register.directory]
            if version.value is None:
                entries.pop(version.register.name, None)
            else:
                assert isinstance(version.value, int)
                entries[version.register.name] = version.value
        directories, files, pending = {"": ROOT}, [], [("", ROOT)]
        while pending:
            prefix, directory = pending.pop()
            for name, inode in names[directory].items():
                path = f"{prefix}/{name}"
                if inode in names:
                    directories[path] = inode
                    pending.append((path, inode))
                else:
                    files.append((path, inode))
        inodes = sorted({**directories, **dict(files)}.items())
        return Tree(
            frozenset(directories) - {""},
            tuple(sorted(files)),
            tuple(inode for _, inode in inodes),
        )

    def _part(self, inode: int, choice: Choice) -> Part:
        mask = self._file_masks.get(inode, 0)
        fillings = choice.fillings
        if fillings:
            fillings = tuple(pair for pair in fillings if mask >> pair[0] & 1)
        return inode, choice.kept & mask, fillings

    def _digest(self, path: str, part: Part) -> int:
        """Return what a file contributes: what is durable of it, but for what has changed."""
        (size, changed), width = self._changes(part), self.registers.sector_bytes
        durable = self.registers.sectors[part[0]]
        key = path, part[0], size
        if key not in self._durable_digests:
            self._durable_digests[key] = digest_size(path, size) + sum(
                digest_sector(path, sector, content[: max(size - sector * width, 0)])
                for sector, content in durable.items()
            )
        total = self._durable_digests[key]
        for sector, content in changed.items():
            visible = max(size - sector * width, 0)
            total += digest_sector(path, sector, content[:visible])
            if sector in durable:
                total -= digest_sector(path, sector, durable[sector][:visible])
        return total

    def _content(self, part: Part) -> bytes:
        """Return a file's content."""
        if part not in self._contents:
            if len(self._contents) >= REMEMBERED:
                self._contents.clear()
            size, changed = self._changes(part)
            sectors = self.registers.sectors[part[0]] | changed
            zeros, width = bytes(self.registers.sector_bytes), self.registers.sector_bytes
            count = -(-size // width)
            self._contents[part] = b"".join(sectors.get(n, zeros) for n in range(count))[:size]
        return self._contents[part]

    def _sparse(self, part: Part) -> SparseContent:
        inode, width = part[0], self.registers.sector_bytes
        if inode not in self._floors:
            self._floors[inode] = dict(self.registers.sectors[inode])
        size, changed = self._changes(part)
        return SparseContent(size, width, self._floors[inode], changed)

    def _changes(self, part: Part) -> tuple[int, dict[int, bytes]]:
        """Return a file's size, and the sectors that do not hold what is durable."""
        if part in self._changed:
            return self._changed[part]
        inode, kept, fillings = part
        size, changed = self.registers.sizes[inode], dict[int, bytes]()
        for bit, sector, value in self._values.get(inode, ()):
            if kept & bit:
                if sector is None:
                    size = value
                else:
                    changed[sector] = value
        for i, number in fillings:
            register = self.versions[i].register
            assert isinstance(register, Data)
            changed[register.sector] = self.fillings[i][number]
        if len(self._changed) >= REMEMBERED:
            self._changed.clear()
        self._changed[part] = size, changed
        return size, changed


@lru_cache(1 << 12)
def garbage(sector: int, size: int) -> bytes:
    """Return what a sector holds that nobody ever wrote: the same noise every time."""
    return random.Random(sector).randbytes(size)


def unwritten_contents(
    registers: Registers, crash_model: CrashModel, versions: Sequence[Version]
) -> dict[int, tuple[bytes, ...]]:
    """Find, for the first version of each new sector, what it may hold besides zeros."""
    if not crash_model.unwritten_sectors:
        return {}
    found: dict[int, tuple[bytes, ...]] = {}
    seen: set[Data] = set()
    size = registers.sector_bytes
    for i, version in enumerate(versions):
        register = version.register
        if not isinstance(register, Data) or register in seen:
            continue
        seen.add(register)
        if registers.is_new(register):
            options = [garbage(register.sector, size), *registers.cut.get(register, ())]
            if crash_model.recycled_blocks:
                options += [
                    file[register.sector] for file in registers.freed if register.sector in file
                ]
            found[i] = tuple(dict.fromkeys(option for option in options if any(option)))
    return found


def bits(mask: int) -> Iterator[int]:
    """Yield the positions of the bits that are set, from the lowest."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
