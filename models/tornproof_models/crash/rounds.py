"""
Which images of a crash to look at first, where looking is slow.

A command that looks at an image takes 10 to 500 ms, so most images will never be looked at.
Most mistakes show in simple ones: of 102 symptoms of eleven programs, 76 needed all or nothing
of what was pending, or the loss of one operation, file, size or name.  So the images of every
crash point come in rounds, the simple first, and a round goes over all crash points before the
next one begins.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from typing import TypeVar

from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.versions import Data, Name

Item = TypeVar("Item")

ROUNDS = (
    "all or nothing",
    "one operation, file, size or name",
    "one sector",
    "pairs",
    "at random",
)
"""The rounds, in their order."""

SIMPLE = 2
"""So many rounds come first in every crash model."""

IN_ORDER = 3
"""After so many, nothing is left of a crash model in which everything is ordered."""

PER_POINT = 400
"""Choices of one crash point that a round looks at, where there are more."""

PAIRS = 20_000
RANDOM = 32


def candidates(space: ImageSpace, number: int, most: int | None = PER_POINT) -> Iterator[Choice]:
    """
    Yield the choices of a round at one crash point: at most about so many, evenly spread.

    In a crash model that orders everything, the first three rounds without a limit are all.
    """
    most = len(space.versions) * 3 if most is None else most
    if number == 0:
        yield from (space.all_kept, Choice(0))
    elif number in (1, 2):
        pieces = units(space) if number == 1 else [(i,) for i in range(len(space.versions))]
        for unit in spread(pieces, most // (3 if space.fillings else 2)):
            yield _without(space, unit)
            yield _only(space, unit)
            if space.fillings:
                yield _without(space, unit, fill=True)
    elif number == 3:
        pairs = list(islice(combinations(units(space), 2), PAIRS))
        for one, other in spread(pairs, most // 2):
            yield _without(space, one + other)
            yield _only(space, one + other)
    else:
        pieces = units(space)
        source = random.Random(len(pieces))
        for _ in range(RANDOM):
            chosen = [i for unit in pieces if source.random() < 0.3 for i in unit]
            yield _without(space, chosen, fill=source.random() < 0.5)


def units(space: ImageSpace) -> list[tuple[int, ...]]:
    """Group what is lost or kept together first: an operation, a file's data, a size, a name."""
    groups: dict[object, list[int]] = {}
    for i, version in enumerate(space.versions):
        register = version.register
        kind = register if isinstance(register, Name) else (type(register), register[0])
        groups.setdefault(("operation", version.step), []).append(i)
        groups.setdefault(kind, []).append(i)
    return list(dict.fromkeys(map(tuple, groups.values())))


def with_less_lost(space: ImageSpace, choice: Choice) -> Iterator[Choice]:
    """Yield choices that lose less than one does, each by a unit, the largest first."""
    for unit in sorted(units(space), key=len, reverse=True):
        lost = [i for i in unit if not choice.kept >> i & 1]
        if lost:
            kept = choice.kept | _union(space.below, lost)
            yield Choice(kept, tuple(each for each in choice.fillings if not kept >> each[0] & 1))
    for filling in choice.fillings:
        yield Choice(choice.kept, tuple(each for each in choice.fillings if each != filling))


def losses(space: ImageSpace, choice: Choice) -> Iterator[str]:
    """Say what a choice has lost, a line for each name, size and file."""
    total: dict[int, int] = {}
    lost: dict[tuple[int, bool], int] = {}
    filled = {i for i, _ in choice.fillings}
    for i, version in enumerate(space.versions):
        is_lost = not choice.kept >> i & 1
        match version.register:
            case Data(inode, _):
                total[inode] = total.get(inode, 0) + 1
                if is_lost:
                    key = inode, i in filled
                    lost[key] = lost.get(key, 0) + 1
            case Name(directory, name) if is_lost:
                where = space.builder.registers.path_of(directory).rstrip("/")
                what = "removal of" if version.value is None else "name"
                yield f"{what} {where}/{name}"
            case register if is_lost:
                yield space.builder.describe(register)
    for (inode, is_filled), count in lost.items():
        path = space.builder.registers.path_of(inode)
        instead = ", garbage instead" if is_filled else ""
        yield f"{count} of {total[inode]} sectors written to {path}{instead}"


def spread(items: Sequence[Item], number: int) -> Sequence[Item]:
    """Take so many items, evenly spaced, with the first and the last."""
    if len(items) <= number:
        return items
    return [items[i * (len(items) - 1) // max(number - 1, 1)] for i in range(number)]


def _without(space: ImageSpace, unit: Sequence[int], *, fill: bool = False) -> Choice:
    lost = _union(space.above, unit)
    filled = tuple((i, 0) for i in sorted(set(unit)) if fill and space.fillings.get(i))
    return Choice(space.everything & ~lost, filled)


def _only(space: ImageSpace, unit: Sequence[int]) -> Choice:
    return Choice(_union(space.below, unit))


def _union(masks: Sequence[int], chosen: Sequence[int]) -> int:
    result = 0
    for i in chosen:
        result |= masks[i]
    return result
