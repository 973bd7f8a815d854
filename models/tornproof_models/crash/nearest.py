"""
The order in which the images of one crash point are tried: what differs least comes first.

Most bugs need very few deviations, and most deviations of one kind show the same: the hundredth
sector of a record that is lost does what the fiftieth did.  So whole files come before parts of
them, one deviation before two, and of each kind of change one representative comes before a
second of any.  A kind is a file, and what of it: its names, its size, its first sector, its
last, or one between them.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import TypeAlias

from tornproof_models.disk.image_builder import Choice, Fillings
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.versions import Data, Name, Size

Move: TypeAlias = tuple[int, Fillings]
"""Versions that are lost or kept together, and a filling."""

FEW = 256
"""Choices that are simply sorted by what they have lost."""


class NearestFirst:
    """
    Choices of a space, each once: all of them up to a bound, else the nearest and a sample.

    The nearest are all within two deviations of everything kept or of everything lost.
    """

    def __init__(self, space: ImageSpace, *, bound: int, sample: int) -> None:
        self.is_near_over = False
        """Whether all that is near has been yielded."""

        self._space, self._bound, self._sample = space, bound, sample
        self._seen: set[Choice] = set()

    def __iter__(self) -> Iterator[Choice]:
        if self._space.count() <= FEW:
            near = iter(sorted(self._space.choices(), key=self._space.deviations))
        else:
            near = self._near()
        yield from islice(self._new(near), self._bound)
        self.is_near_over = next(near, None) is None
        if self._space.count() <= self._bound:
            yield from self._new(self._space.choices())
        else:
            yield from self._new(self._space.sample(self._sample, seed=0))

    def _new(self, choices: Iterator[Choice]) -> Iterator[Choice]:
        for choice in choices:
            if choice not in self._seen:
                self._seen.add(choice)
                yield choice

    def _near(self) -> Iterator[Choice]:
        space = self._space
        kinds = kinds_of(space)
        # versions that imply each other are one move
        drops = _in_turn(
            (kinds[i], (space.above[i], filling))
            for i in range(len(space.versions))
            for filling in ((), *space.fillings_of(i))
        )
        keeps = _in_turn((kinds[i], (space.below[i], ())) for i in range(len(space.versions)))
        fills = [(0, filling) for _, filling in drops if filling]
        yield from (self._without([]), self._with([]))
        for file in _files(space):
            yield self._without([(_union(space.above, file), ())])
            yield self._with([(_union(space.below, file), ())])
        yield from _alternating(
            (self._without([move]) for move in drops),
            (self._with([move]) for move in [*keeps, *fills]),
        )
        yield from _alternating(
            (self._without(pair) for pair in _pairs(drops)),
            (self._with(pair) for pair in _pairs([*keeps, *fills])),
        )

    def _without(self, moves: Sequence[Move]) -> Choice:
        kept = self._space.everything
        for mask, _ in moves:
            kept &= ~mask
        return _choice(kept, moves)

    def _with(self, moves: Sequence[Move]) -> Choice:
        kept = 0
        for mask, _ in moves:
            kept |= mask
        return _choice(kept, moves)


def kinds_of(space: ImageSpace) -> list[Hashable]:
    """Return what kind of change each version is."""
    ends: dict[int, tuple[int, int]] = {}
    for version in space.versions:
        if isinstance(version.register, Data):
            inode, sector = version.register
            first, last = ends.get(inode, (sector, sector))
            ends[inode] = min(first, sector), max(last, sector)
    kinds: list[Hashable] = []
    for version in space.versions:
        match version.register:
            case Data(inode, sector):
                first, last = ends[inode]
                place = "first" if sector == first else "last" if sector == last else "middle"
                kinds.append((inode, place))
            case Size(inode):
                kinds.append((inode, "size"))
            case Name(directory, _):
                kinds.append((directory, "name"))
    return kinds


def _choice(kept: int, moves: Sequence[Move]) -> Choice:
    fillings = dict(pair for _, filling in moves for pair in filling)
    lost = ((i, number) for i, number in fillings.items() if not kept >> i & 1)
    return Choice(kept, tuple(sorted(lost)))


def _files(space: ImageSpace) -> list[list[int]]:
    """Return the versions of each file that has several."""
    found: dict[int, list[int]] = defaultdict(list)
    for i, version in enumerate(space.versions):
        if not isinstance(version.register, Name):
            found[version.register.inode].append(i)
    return [versions for versions in found.values() if len(versions) > 1]


def _union(masks: Sequence[int], positions: Sequence[int]) -> int:
    total = 0
    for i in positions:
        total |= masks[i]
    return total


def _in_turn(moves: "Iterator[tuple[Hashable, Move]]") -> list[Move]:
    """Take a move of each kind, then a second of each, each move once."""
    by_kind: dict[Hashable, list[Move]] = defaultdict(list)
    for kind, move in moves:
        by_kind[kind, bool(move[1])].append(move)
    rows = zip_longest(*by_kind.values())
    return list(dict.fromkeys(move for row in rows for move in row if move is not None))


def _pairs(moves: Sequence[Move]) -> Iterator[tuple[Move, Move]]:
    """Yield every pair of moves, those of the earliest first."""
    for number, later in enumerate(moves):
        for earlier in moves[:number]:
            yield earlier, later


def _alternating(one: Iterator[Choice], other: Iterator[Choice]) -> Iterator[Choice]:
    pairs = zip_longest(one, other)
    return (choice for choice in chain.from_iterable(pairs) if choice is not None)
