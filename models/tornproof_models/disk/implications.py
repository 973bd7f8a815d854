"""
What being on disk implies: the edges of the rules in `crash_models`.

Each function takes the pending versions in program order and yields pairs of positions.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from tornproof_models.disk.versions import Need, Register, Version

Edges: TypeAlias = Iterable[tuple[int, int]]
"""Pairs (i, j) of positions in a list of versions: if version i is on disk, so is j."""


def register_order(versions: Sequence[Version]) -> Edges:
    """A version implies the one before it in its register."""
    newest: dict[Register, int] = {}
    for position, version in enumerate(versions):
        if version.register in newest:
            yield position, newest[version.register]
        newest[version.register] = position


def _in_order(versions: Sequence[Version], positions: Iterable[int]) -> Edges:
    """Make each version imply the nearest earlier one whose sync has not failed."""
    earlier = None
    for position in positions:
        if earlier is not None:
            yield position, earlier
        if not versions[position].failed:
            earlier = position


def program_order(versions: Sequence[Version]) -> Edges:
    """A version implies all earlier ones."""
    return _in_order(versions, range(len(versions)))


def is_name(version: Version) -> bool:
    """Tell whether a version is ordered with names: of a truncation, all but the tail is."""
    return version.namespace and not version.tail


def namespace_order(versions: Sequence[Version]) -> Edges:
    """A change of names implies all earlier ones."""
    return _in_order(versions, (i for i, version in enumerate(versions) if is_name(version)))


def operations_atomic(versions: Sequence[Version]) -> Edges:
    """All that an operation on names, or a truncation, changes implies the rest of it."""
    return _atomic(versions, [n for n, version in enumerate(versions) if version.namespace])


def names_atomic(versions: Sequence[Version]) -> Edges:
    """The same without the zeros in the last block of a truncation."""
    return _atomic(versions, [n for n, version in enumerate(versions) if is_name(version)])


def stores_atomic(versions: Sequence[Version]) -> Edges:
    """All that was found stored at one moment implies the rest of it."""
    return _atomic(versions, [n for n, version in enumerate(versions) if version.stored])


def _atomic(versions: Sequence[Version], chosen: Iterable[int]) -> Edges:
    """Make those of one operation, among the chosen positions, imply each other."""
    by_step: dict[int, list[int]] = {}
    for position in chosen:
        by_step.setdefault(versions[position].step, []).append(position)
    for positions in by_step.values():
        for one, other in pairwise(positions):
            yield one, other
            yield other, one


def needs(kind: Need) -> Callable[[Sequence[Version]], Edges]:
    """Return the rule that versions imply what they need for one reason."""

    def edges(versions: Sequence[Version]) -> Edges:
        positions = {id(version): position for position, version in enumerate(versions)}
        for position, version in enumerate(versions):
            for reason, needed in version.needs:
                if reason is kind and id(needed) in positions:
                    yield position, positions[id(needed)]

    return edges
