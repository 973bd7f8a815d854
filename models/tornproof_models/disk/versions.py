"""
What a disk holds, in pieces, and the versions of each.

Durable state is a set of registers: the content of each sector of each file,
the size of each file, and what each name in each directory refers to.  Each has
a history of versions.  Its *floor* is the newest version that is guaranteed to
be durable; the versions above are *pending*, and a crash keeps a prefix of
them: it leaves each register at one version, at or above its floor.

This is not the same as losing a subset of the writes.  Two writes to one sector
cannot be lost independently: the page cache merges them, and the disk sees the
second, or both, or something in between.
"""

from typing import NamedTuple, TypeAlias

from attrs import define, frozen

SECTOR_BYTES = 512
"""Torn writes happen between sectors: no disk promises more than one at a time."""

BLOCK_BYTES = 4096
"""A filesystem allocates space in blocks of this size."""


class Data(NamedTuple):
    """The register of one sector of a file."""

    inode: int
    sector: int


class Size(NamedTuple):
    """The register of a file's size."""

    inode: int


class Name(NamedTuple):
    """The register of a name in a directory: the inode it refers to, or none."""

    directory: int
    name: str


Register: TypeAlias = Data | Size | Name


@define(eq=False)
class Version:
    """One pending version of a register."""

    register: Register
    value: bytes | int | None
    step: int
    """Which operation of the trace made it."""

    namespace: bool = False
    """Made by an operation on names, or by a truncation."""

    stored: bool = False
    """Stored through a mapping, together with others in an order that nobody knows."""

    failed: bool = False
    """A sync that should have made it durable failed, so nothing will."""

    needs: tuple["Version", ...] = ()
    """What a filesystem that orders data before metadata writes first (`ext4-ordered`)."""


@frozen
class Floors:
    """Which pending versions an event makes durable, by the kind of event."""

    everything_at_once: bool = False
    """Every operation is durable as soon as it returns."""

    sync_covers_everything: bool = False
    """A sync of anything makes all earlier operations durable."""

    sync_covers_namespace: bool = False
    """
    A sync of anything makes all earlier operations on names, and truncations, durable.

    What they need is on disk before them, so it becomes durable as well.
    """
