"""
Build the image that a choice of versions stands for.

A choice says which pending versions a crash kept, and what the sectors hold that kept
none.  The names that were kept make a tree; sizes and sectors make the content of each
file in it.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from hashlib import blake2b

from attrs import define, field, frozen

from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import ROOT, Image
from tornproof_models.disk.versions import Data, Name, Register, Size, Version

REMEMBERED = 1 << 10
"""Contents of files that a builder remembers, at most."""


@frozen
class Choice:
    """One image, as what it keeps: a bit for each pending version, and fillings."""

    kept: int
    fillings: tuple[tuple[int, int], ...] = ()
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
        return sum(digest_sector(path, -2, b"") for path in self.directories)

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

    _contents: dict[tuple[int, int, tuple[tuple[int, int], ...]], bytes] = field(factory=dict)
    _trees: dict[int, Tree] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for i, version in enumerate(self.versions):
            if isinstance(version.register, Name):
                self._names_mask |= 1 << i
            else:
                inode = version.register.inode
                if isinstance(version.register, Size):
                    self._sizes.setdefault(inode, []).append(i)
                self._file_masks[inode] = self._file_masks.get(inode, 0) | 1 << i

    def build(self, choice: Choice) -> Image:
        """Build the image of a choice."""
        tree = self.tree(choice.kept)
        files = {path: self._content(inode, choice) for path, inode in tree.files}
        return Image(files, tree.directories)

    def digest(self, choice: Choice) -> int:
        """Return the digest of a choice's image: equal images have equal ones."""
        tree = self.tree(choice.kept)
        total, size = tree.digest, self.registers.sector_bytes
        for path, inode in tree.files:
            content = self._content(inode, choice)
            total += digest_sector(path, -1, b"%d" % len(content))
            for sector in range(-(-len(content) // size)):
                visible = content[sector * size : (sector + 1) * size]
                total += digest_sector(path, sector, visible)
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

    def _content(self, inode: int, choice: Choice) -> bytes:
        """Return a file's content."""
        mask = self._file_masks.get(inode, 0)
        fillings = tuple(pair for pair in choice.fillings if mask >> pair[0] & 1)
        key = (inode, choice.kept & mask, fillings)
        if key not in self._contents:
            if len(self._contents) >= REMEMBERED:
                self._contents.clear()
            self._contents[key] = self._build_content(*key)
        return self._contents[key]

    def _build_content(self, inode: int, kept: int, fillings: tuple[tuple[int, int], ...]) -> bytes:
        size = self.registers.sizes[inode]
        sectors = dict(self.registers.sectors[inode])
        for i in bits(kept):
            register, value = self.versions[i].register, self.versions[i].value
            if isinstance(register, Size):
                assert isinstance(value, int)
                size = value
            elif isinstance(register, Data):
                assert isinstance(value, bytes)
                sectors[register.sector] = value
        for i, number in fillings:
            register = self.versions[i].register
            assert isinstance(register, Data)
            sectors[register.sector] = self.fillings[i][number]
        sector_bytes = self.registers.sector_bytes
        zeros = bytes(sector_bytes)
        count = -(-size // sector_bytes)
        return b"".join(sectors.get(n, zeros) for n in range(count))[:size]


DIGESTS = 1 << 128
"""How many digests of images there are."""


@lru_cache(1 << 14)
def digest_sector(path: str, sector: int, content: bytes) -> int:
    """
    Return what a sector contributes to the digest of an image, which is the sum of all.

    Sector -1 stands for the size, and -2 for the name of a directory.
    """
    state = blake2b(f"{path}\0{sector}\0".encode(), digest_size=16)
    state.update(content)
    return int.from_bytes(state.digest(), "big")


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
