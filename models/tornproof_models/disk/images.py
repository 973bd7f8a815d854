"""
Count the images that a crash may leave, list them, sample them, build them.

The pending versions and a profile's rules form a partially ordered set: "a
implies b" puts b below a.  A crash keeps a set of versions that contains, with
each, all that it implies: a *down-set*.  So the images of a crash point are the
down-sets of a small order, and counting them needs no image at all.

One recursion does everything.  Pick a version: the down-sets without it are
those of the order less everything above it; the down-sets with it are those of
the order less everything below it.  Versions that are not related, directly or
through others, are counted apart and multiplied.

Where nothing at all of a new sector has been kept, a profile may allow more
than zeros in it.  These *fillings* multiply the choices further.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod

from attrs import define, field, frozen

from tornproof_models.disk.profiles import Profile
from tornproof_models.disk.registers import Data, Name, Register, Registers, Size, Version
from tornproof_models.disk.trace import ROOT, Image, combine_digests, digest_content


@frozen
class Choice:
    """One image, as what it keeps: a bit for each pending version, and fillings."""

    kept: int
    fillings: tuple[tuple[int, int], ...] = ()
    """Pairs (first version of a sector, which filling), for sectors that kept no version."""


class ImageSpace:
    """
    All images that a crash may leave at one moment under one profile.

    Takes the state of `registers` as it is; later changes there do not matter
    to counting, but build images before advancing the registers.
    """

    def __init__(self, registers: Registers, profile: Profile) -> None:
        self.versions: Sequence[Version] = tuple(registers.pending)
        self.everything = (1 << len(self.versions)) - 1
        self.below, self.above = self._closures(profile)
        self.fillings = _fillings(registers, profile, self.versions)
        self.components = self._components(self.everything)
        self.builder = Builder(registers, self.versions, self.fillings)
        self.histories: dict[Register, list[int]] = {}
        for position, version in enumerate(self.versions):
            self.histories.setdefault(version.register, []).append(position)
        self._counts: dict[int, int] = {0: 1}
        self._pivots: dict[int, int] = {}

    # Counting and listing

    def count(self) -> int:
        """Count the choices without building any."""
        return prod(self._count(component) for component in self.components)

    def count_among(self, remaining: int) -> int:
        """Count the choices among some of the versions, the others being decided."""
        return prod(self._count(component) for component in self._components(remaining))

    def choices(self) -> Iterator[Choice]:
        """Yield every choice once; all-lost comes first, all-kept last."""
        parts = [list(self._down_sets(component)) for component in self.components]
        for combination in product(*parts):
            yield _join(combination)

    def within(self, deviations: int) -> Iterator[Choice]:
        """
        Yield every choice within so many deviations of all-kept or of all-lost.

        One deviation from all-kept drops one version, and what is above it; one
        from all-lost keeps one version, and what is below it; filling a lost
        sector is one as well.  Most bugs need very few.
        """
        seen: set[Choice] = set()
        drops = [(self.above[i], filling) for i, filling in self._moves()]
        keeps = [(self.below[i], ()) for i in range(len(self.versions))]
        fills = [(0, filling) for _, filling in self._moves() if filling]
        for number in range(deviations + 1):
            for moves in combinations(drops, number):
                kept = self.everything & ~_union(mask for mask, _ in moves)
                yield from self._new(seen, kept, [filling for _, filling in moves])
            for moves in combinations(keeps + fills, number):
                kept = _union(mask for mask, _ in moves)
                yield from self._new(seen, kept, [filling for _, filling in moves])

    def sample(self, number: int, seed: int) -> Iterator[Choice]:
        """Yield choices drawn uniformly and independently, the same for the same seed."""
        source, total = random.Random(seed), self.count()
        for _ in range(number):
            yield self.unrank(source.randrange(total))

    def unrank(self, index: int) -> Choice:
        """Return the choice with a number in `[0, count())`."""
        parts = []
        for component in self.components:
            index, remainder = divmod(index, self._count(component))
            parts.append(self._unrank(component, remainder))
        return _join(parts)

    @property
    def all_kept(self) -> Choice:
        """The choice that loses nothing."""
        return Choice(self.everything)

    def deviations(self, choice: Choice) -> int:
        """
        Count what a choice has lost, and what it has filled.

        What is lost because it hangs on something else lost does not count, and
        the parts of an atomic operation count as one.
        """
        lost = self.everything & ~choice.kept
        minimal = {
            self.below[i] & self.above[i]
            for i in bits(lost)
            if self.below[i] & lost & ~self.above[i] == 0
        }
        return len(minimal) + len(choice.fillings)

    def describe_losses(self, choice: Choice) -> tuple[str, ...]:
        """Say in words what a crash with this outcome lost or damaged."""
        lost = [
            f"{self.builder.describe(version.register)} lost"
            for i, version in enumerate(self.versions)
            if not choice.kept >> i & 1
        ]
        filled = [
            f"{self.builder.describe(self.versions[i].register)} holds stale bytes or garbage"
            for i, _ in choice.fillings
        ]
        return tuple(dict.fromkeys(filled + lost))

    # The recursion

    def _count(self, remaining: int) -> int:
        if remaining not in self._counts:
            parts = self._components(remaining)
            if len(parts) > 1:
                self._counts[remaining] = prod(self._count(part) for part in parts)
                return self._counts[remaining]
            pivot = self._pivot(remaining)
            without = self._count(remaining & ~self.above[pivot])
            weight = prod(
                1 + len(self.fillings[i])
                for i in bits(remaining & self.above[pivot])
                if i in self.fillings
            )
            with_it = self._count(remaining & ~self.below[pivot])
            self._counts[remaining] = weight * without + with_it
        return self._counts[remaining]

    def _down_sets(self, remaining: int) -> Iterator[Choice]:
        if remaining == 0:
            yield Choice(0)
            return
        pivot = self._pivot(remaining)
        fillings = list(self._filled(remaining & self.above[pivot]))
        for rest in self._down_sets(remaining & ~self.above[pivot]):
            for filling in fillings:
                yield Choice(rest.kept, rest.fillings + filling)
        kept = remaining & self.below[pivot]
        for rest in self._down_sets(remaining & ~self.below[pivot]):
            yield Choice(rest.kept | kept, rest.fillings)

    def _unrank(self, remaining: int, index: int) -> Choice:
        kept = 0
        chosen: tuple[tuple[int, int], ...] = ()
        while remaining:
            pivot = self._pivot(remaining)
            without = self._count(remaining & ~self.above[pivot])
            fillings = list(self._filled(remaining & self.above[pivot]))
            if index < without * len(fillings):
                index, which = divmod(index, len(fillings))
                chosen += fillings[which]
                remaining &= ~self.above[pivot]
            else:
                index -= without * len(fillings)
                kept |= remaining & self.below[pivot]
                remaining &= ~self.below[pivot]
        return Choice(kept, chosen)

    def _pivot(self, remaining: int) -> int:
        """
        Pick the version with the most pairs of others on its two sides.

        It splits the order best: a chain is halved, not peeled, so that the
        recursion stays shallow.
        """
        if remaining not in self._pivots:

            def pairs(i: int) -> int:
                below = (self.below[i] & remaining).bit_count()
                return below * (self.above[i] & remaining).bit_count()

            self._pivots[remaining] = max(bits(remaining), key=pairs)
        return self._pivots[remaining]

    def _filled(self, lost: int) -> Iterator[tuple[tuple[int, int], ...]]:
        """Yield every way to fill the sectors whose first version is among the lost."""
        options = [
            [(), *(((i, number),) for number in range(len(self.fillings[i])))]
            for i in bits(lost)
            if i in self.fillings
        ]
        for combination in product(*options):
            yield tuple(pair for filling in combination for pair in filling)

    def _moves(self) -> Iterator[tuple[int, tuple[tuple[int, int], ...]]]:
        for i in range(len(self.versions)):
            yield i, ()
            for number in range(len(self.fillings.get(i, ()))):
                yield i, ((i, number),)

    def _new(
        self, seen: set[Choice], kept: int, fillings: Sequence[tuple[tuple[int, int], ...]]
    ) -> Iterator[Choice]:
        chosen = dict(pair for filling in fillings for pair in filling)
        choice = Choice(kept, tuple(sorted((i, n) for i, n in chosen.items() if not kept >> i & 1)))
        if choice not in seen:
            seen.add(choice)
            yield choice

    # The order

    def _closures(self, profile: Profile) -> tuple[list[int], list[int]]:
        """Compute what each version implies and what implies it, as bit masks with itself."""
        implied: list[list[int]] = [[] for _ in self.versions]
        implying: list[list[int]] = [[] for _ in self.versions]
        for cause, effect in profile.implications(self.versions):
            implied[cause].append(effect)
            implying[effect].append(cause)
        # what is implied comes earlier, with few exceptions, so one pass nearly does it
        order = range(len(self.versions))
        return _closure(implied, order), _closure(implying, order[::-1])

    def _components(self, remaining: int) -> list[int]:
        """Split versions into groups that nothing among them relates to each other."""
        within, components = remaining, []
        while remaining:
            component, frontier = 0, remaining & -remaining
            while frontier:
                component |= frontier
                frontier = _union(self.below[i] | self.above[i] for i in bits(frontier))
                frontier &= within & ~component
            components.append(component)
            remaining &= ~component
        return components


@frozen
class Tree:
    """The names of an image."""

    directories: frozenset[str]
    files: tuple[tuple[str, int], ...]
    """Pairs (path, inode), by path."""

    inodes: Mapping[str, int]
    """The inode of every path, the root's being empty."""


@define
class Builder:
    """Turns choices into images, remembering what it has built of each file."""

    registers: Registers
    versions: Sequence[Version]
    fillings: dict[int, tuple[bytes, ...]]
    _names_mask: int = 0
    _file_masks: dict[int, int] = field(factory=dict)
    _contents: dict[tuple[int, int, tuple[tuple[int, int], ...]], tuple[bytes, bytes]] = field(
        factory=dict
    )
    _trees: dict[int, Tree] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for i, version in enumerate(self.versions):
            if isinstance(version.register, Name):
                self._names_mask |= 1 << i
            else:
                inode = version.register.inode
                self._file_masks[inode] = self._file_masks.get(inode, 0) | 1 << i

    def build(self, choice: Choice) -> Image:
        """Build the image of a choice."""
        return self.build_numbered(choice)[0]

    def build_numbered(self, choice: Choice) -> tuple[Image, Mapping[str, int]]:
        """Build the image of a choice, and say which inode each path is, the root as ""."""
        tree = self._tree_of(choice)
        files = {path: self._content(inode, choice)[0] for path, inode in tree.files}
        return Image(files, tree.directories), tree.inodes

    def digest(self, choice: Choice) -> bytes:
        """Return the digest of a choice's image without building it."""
        tree = self._tree_of(choice)
        return combine_digests(
            tree.directories,
            [(path, self._content(inode, choice)[1]) for path, inode in tree.files],
        )

    def _tree_of(self, choice: Choice) -> Tree:
        names = choice.kept & self._names_mask
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
        return Tree(
            frozenset(directories) - {""}, tuple(sorted(files)), {**directories, **dict(files)}
        )

    def _content(self, inode: int, choice: Choice) -> tuple[bytes, bytes]:
        """Return a file's content and its digest."""
        mask = self._file_masks.get(inode, 0)
        fillings = tuple(pair for pair in choice.fillings if mask >> pair[0] & 1)
        key = (inode, choice.kept & mask, fillings)
        if key not in self._contents:
            content = self._build_content(*key)
            self._contents[key] = content, digest_content(content)
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


def garbage(sector: int, size: int) -> bytes:
    """Return what a sector holds that nobody ever wrote: the same noise every time."""
    return random.Random(sector).randbytes(size)


def _fillings(
    registers: Registers, profile: Profile, versions: Sequence[Version]
) -> dict[int, tuple[bytes, ...]]:
    """Find, for the first version of each new sector, what it may hold besides zeros."""
    if not profile.unwritten_sectors:
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
            if profile.recycled_blocks:
                options += [
                    file[register.sector] for file in registers.freed if register.sector in file
                ]
            found[i] = tuple(dict.fromkeys(option for option in options if any(option)))
    return found


def _join(parts: Sequence[Choice]) -> Choice:
    kept = 0
    fillings: tuple[tuple[int, int], ...] = ()
    for part in parts:
        kept |= part.kept
        fillings += part.fillings
    return Choice(kept, tuple(sorted(fillings)))


def _closure(edges: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """Find all that can be reached from each position, itself included."""
    reached = [1 << i for i in range(len(edges))]
    changed = True
    while changed:
        changed = False
        for i in order:
            mask = reached[i] | _union(reached[j] for j in edges[i])
            if mask != reached[i]:
                reached[i], changed = mask, True
    return reached


def _union(masks: "Iterator[int] | Sequence[int]") -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result


def bits(mask: int) -> Iterator[int]:
    """Yield the positions of the bits that are set, from the lowest."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
