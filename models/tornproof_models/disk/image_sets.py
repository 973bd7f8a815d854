"""
Sets of images: some registers decided, the others open.

Most of what a crash may leave never matters.  A recovery that stops at the first
bad frame does not look behind it, so it cannot tell apart the images that differ
only there, and neither need the explorer.  A *part* is such a set of images: it
says of some versions that they were kept and of some that they were lost, and
leaves the others open.

Parts are split only by what a recovery asks for.  The parts of a split are
disjoint and make up the whole, so the number of images in the parts that were
judged must add up to the number that there are.
"""

from math import prod

from attrs import frozen

from tornproof_models.disk.image_builder import Choice, bits
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.versions import Name, Register

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
    free = part.lost & space.fillable
    for first, _ in part.fillings:
        free &= ~(1 << first)
    weight = prod(1 + len(space.fillings[first]) for first in bits(free)) if free else 1
    return weight * space.count_among(space.everything & ~part.kept & ~part.lost)


def representative(space: ImageSpace, part: Part) -> Choice:
    """Return the image of a part that loses the least."""
    fillings = tuple(pair for pair in part.fillings if pair[1] != UNFILLED)
    return Choice(space.everything & ~part.lost, fillings)


def value(space: ImageSpace, part: Part, register: Register) -> bytes | int | None:
    """Return what a register holds in the image of a part that loses the least."""
    positions = space.histories.get(register, ())
    for position in reversed(positions):
        if not part.lost >> position & 1:
            return space.versions[position].value
    if positions and positions[0] in space.fillings:
        for first, filling in part.fillings:
            if first == positions[0] and filling != UNFILLED:
                return space.fillings[first][filling]
    return space.builder.registers.floor(register)


def split(space: ImageSpace, part: Part, register: Register) -> list[Part]:
    """Return the disjoint parts in which a register is decided, from nothing kept to all."""
    positions = space.histories.get(register)
    if not positions:
        return [part]
    first, found = positions[0], []
    if not part.kept >> first & 1:
        lost = part.lost | space.above[first]
        if first not in space.fillings or any(decided == first for decided, _ in part.fillings):
            found.append(Part(part.kept, lost, part.fillings))
        else:
            for filling in range(UNFILLED, len(space.fillings[first])):
                found.append(Part(part.kept, lost, (*part.fillings, (first, filling))))
    for position, following in zip(positions, (*positions[1:], None), strict=True):
        if part.lost >> position & 1:
            break
        if following is None:
            found.append(Part(part.kept | space.below[position], part.lost, part.fillings))
        elif not part.kept >> following & 1:
            if space.below[position] >> following & 1:
                continue  # the two are kept together
            kept = part.kept | space.below[position]
            found.append(Part(kept, part.lost | space.above[following], part.fillings))
    return found


def by_names(space: ImageSpace) -> list[Part]:
    """Return the disjoint parts in each of which all names are decided."""
    found = [Part()]
    for register in names(space):
        found = [piece for part in found for piece in split(space, part, register)]
    return found


def names(space: ImageSpace) -> list[Name]:
    """List the names of which something is pending."""
    return [register for register in space.histories if isinstance(register, Name)]
