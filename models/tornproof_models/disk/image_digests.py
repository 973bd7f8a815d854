"""
List every image of a space with its digest, quickly.

The digest of an image is a sum: of one number for each name, each size and each sector.
So when one sector changes, one number is exchanged for another, and no file is built.
What differs in sectors alone is listed as two halves of about equal length, whose sums
are worked out once for all images with the same names and sizes.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from attrs import frozen

from tornproof_models.disk.digests import DIGESTS, digest_sector
from tornproof_models.disk.image_builder import Choice, Tree, bits
from tornproof_models.disk.images import ImageSpace, join
from tornproof_models.disk.versions import Data


@frozen
class Half:
    """Some of the sectors of a space, with all that they may hold."""

    choices: Sequence[Choice]
    changes: Sequence[Sequence[tuple[Data, bytes]]]
    """For each choice, the sectors that do not hold what is durable, and what they hold."""


def digested(space: ImageSpace) -> Iterator[tuple[Choice, int]]:
    """Yield every choice once, as `choices` does, with the digest of its image."""
    shapes: list[int] = []
    contents: list[int] = []
    for component in space.components:
        sectors = all(isinstance(space.versions[i].register, Data) for i in bits(component))
        (contents if sectors else shapes).append(component)
    one, other = (_half(space, part) for part in (contents[::2], contents[1::2]))
    sums: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    for shape in space.down_sets(shapes):
        tree = space.builder.tree(shape.kept)
        sizes = tuple(space.builder.size(inode, shape.kept) for _, inode in tree.files)
        key = (id(tree), *sizes)  # trees are kept by the builder
        if key not in sums:
            sums[key] = _sums(space, one, tree, sizes), _sums(space, other, tree, sizes)
        digest = space.builder.digest(shape)
        for (first, more), (second, rest) in product(
            zip(one.choices, sums[key][0], strict=True),
            zip(other.choices, sums[key][1], strict=True),
        ):
            yield join((shape, first, second)), (digest + more + rest) % DIGESTS


def _half(space: ImageSpace, components: Sequence[int]) -> Half:
    choices = list(space.down_sets(components))
    return Half(choices, [list(_changes(space, choice)) for choice in choices])


def _changes(space: ImageSpace, choice: Choice) -> Iterator[tuple[Data, bytes]]:
    held: dict[Data, bytes] = {}
    for i in bits(choice.kept):
        register, value = space.versions[i].register, space.versions[i].value
        assert isinstance(register, Data)
        assert isinstance(value, bytes)
        held[register] = value
    for first, filling in choice.fillings:
        register = space.versions[first].register
        assert isinstance(register, Data)
        held[register] = space.fillings[first][filling]
    yield from held.items()


def _sums(space: ImageSpace, half: Half, tree: Tree, sizes: Sequence[int]) -> list[int]:
    """Sum up, for each choice, by how much it changes the digest of what is durable."""
    paths: dict[int, list[tuple[str, int]]] = {}
    for (path, inode), size in zip(tree.files, sizes, strict=True):
        paths.setdefault(inode, []).append((path, size))
    durable = space.builder.registers.floor
    sums = []
    for changes in half.changes:
        total = 0
        for register, content in changes:
            before = durable(register)
            assert isinstance(before, bytes)
            for path, size in paths.get(register.inode, ()):
                visible = max(size - register.sector * len(content), 0)
                total += digest_sector(path, register.sector, content[:visible])
                total -= digest_sector(path, register.sector, before[:visible])
        sums.append(total)
    return sums
