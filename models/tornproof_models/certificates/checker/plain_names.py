"""
Which operations gave names to inodes, read off the plain list of versions.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import define, field

from tornproof_models.disk import trace as t

Register = tuple[Any, ...]
"""`("data", inode, sector)`, `("size", inode)` or `("name", directory, name)`."""

State = dict[Register, Any]


@define(eq=False)
class Version:
    """One value that a register has had."""

    register: Register
    value: Any
    time: tuple[int, int]  # operation, and part of it; an operation on names has only one
    names: bool  # made by an operation on names, or by a truncation
    block: int = -1  # that it was written to, until the block is freed
    tail: bool = False  # zeros that a truncation leaves in its last block
    failed: bool = False
    begins: bool = False  # a new block began with it
    needs: list[tuple[str, "Version"]] = field(factory=list)


def state_of(versions: Iterable[Version]) -> State:
    """Return what registers hold at these versions, later ones replacing earlier."""
    return {version.register: version.value for version in versions}


def renames(versions: Iterable[Version], inode: int) -> list[int]:
    """Return the operations by which an inode got or lost a name."""
    found, names = list[int](), State()
    for version in versions:
        before, names[version.register] = names.get(version.register), version.value
        if version.register[0] == "name" and inode in (version.value, before):
            found.append(version.time[0])
    return found


def logged(versions: Sequence[Version], inode: int) -> set[int]:
    """Return the operations on names that btrfs logs with an inode: its own, and who made above."""
    found, below, seen = set(renames(versions, inode)), [inode], {t.ROOT, t.NAMELESS}
    while below:
        child = below.pop()
        entries = state_of(versions).items()
        above = {key[1] for key, named in entries if key[0] == "name" and named == child} - seen
        found |= {renames(versions, directory)[0] for directory in above}
        seen, below = seen | above, [*below, *above]
    return found
