"""
Parts of an image space: some registers decided, the rest in doubt.

Most of what a crash may leave never matters.  A recovery that stops at the first
bad frame does not look behind it, so it cannot tell apart the images that differ
only there, and neither need the explorer.  A *part* is such a set of images: it
says of some versions that they were kept and of some that they were lost, and
leaves the others open.

Parts are split only by what a recovery asks for.  The parts of a split are
disjoint and make up the whole, so the number of images in the parts that were
judged must add up to the number that there are.
"""

from collections.abc import Iterator
from math import prod

from attrs import frozen

from tornproof_models.disk.images import Choice, ImageSpace, bits
from tornproof_models.disk.registers import Register

UNFILLED = -1
"""The filling of a lost sector that leaves it as its floor is."""


@frozen
class Part:
    """The images that keep at least `kept` and lose at least `lost`, as bit masks."""

    kept: int = 0
    lost: int = 0
    fillings: tuple[tuple[int, int], ...] = ()
    """Pairs (first version of a sector, filling), for lost sectors that are decided."""


def single(space: ImageSpace, choice: Choice) -> Part:
    """Return the part that is one image."""
    lost = space.everything & ~choice.kept
    filled = dict(choice.fillings)
    fillings = (
        (first, filled.get(first, UNFILLED)) for first in space.fillings if lost >> first & 1
    )
    return Part(choice.kept, lost, tuple(fillings))


def count(space: ImageSpace, part: Part) -> int:
    """Count the images in a part."""
    decided = {first for first, _ in part.fillings}
    weight = prod(
        1 + len(space.fillings[first])
        for first in bits(part.lost)
        if first in space.fillings and first not in decided
    )
    return weight * space.count_among(space.everything & ~part.kept & ~part.lost)


def representative(space: ImageSpace, part: Part) -> Choice:
    """Return the image of a part that loses the least."""
    fillings = tuple(pair for pair in part.fillings if pair[1] != UNFILLED)
    return Choice(space.everything & ~part.lost, fillings)


def doubtful(space: ImageSpace, part: Part) -> Iterator[Register]:
    """Yield the registers that hold different things in different images of a part."""
    settled = part.kept | part.lost
    decided = {first for first, _ in part.fillings}
    for register, positions in space.histories.items():
        first = positions[0]
        emptied = part.lost >> first & 1 and first in space.fillings and first not in decided
        if emptied or any(not settled >> position & 1 for position in positions):
            yield register


def split(space: ImageSpace, part: Part, register: Register) -> Iterator[Part]:
    """Yield the disjoint parts in which a register is decided, from nothing kept to all."""
    positions = space.histories[register]
    first = positions[0]
    if not part.kept >> first & 1:
        lost = part.lost | space.above[first]
        for filling in range(UNFILLED, len(space.fillings.get(first, ()))):
            chosen = ((first, filling),) if first in space.fillings else ()
            yield Part(part.kept, lost, part.fillings + chosen)
    for position, following in zip(positions, (*positions[1:], None), strict=True):
        if part.lost >> position & 1:
            return
        if following is None:
            yield Part(part.kept | space.below[position], part.lost, part.fillings)
        elif not part.kept >> following & 1:
            kept = part.kept | space.below[position]
            yield Part(kept, part.lost | space.above[following], part.fillings)
