"""
The pieces of a disk's content, and the versions of each.

Durable state is a set of registers: the content of each sector of each file,
the size of each file, and what each name in each directory refers to.  Each has
a history of versions.  Its *floor* is the newest version that is guaranteed to
be durable; the versions above are *pending*, and a crash keeps a prefix of
them: it leaves each register at one version, at or above its floor.

This is not the same as losing a subset of the writes.  Two writes to one sector
cannot be lost independently: the page cache merges them, and the disk sees the
second, or both, or something in between.
"""

from enum import Enum, auto
from typing import NamedTuple, TypeAlias

from attrs import Factory, define, frozen

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


class Need(Enum):
    """Why a version may need another one to be on disk; which of these hold, a model says."""

    REPLACEMENT = auto()
    """A rename over a file, and the size of the file renamed."""

    CUT = auto()
    """A truncation, and the zeros behind it in its last block."""

    BLOCK = auto()
    """Bytes in a newly allocated block, and all that the block began with."""

    GROWTH = auto()
    """A size within a block, and the size that the same write gives it in that block."""


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

    tail: bool = False
    """The zeros that a truncation leaves in its last block."""

    failed: bool = False
    """A sync that should have made it durable failed, so nothing will."""

    begins: bool = False
    """What a newly allocated block began with."""

    needs: list[tuple[Need, "Version"]] = Factory(list)
    """The versions that a filesystem may write no later, each with the reason."""


class SyncCovers(Enum):
    """What a successful sync of a file or directory makes durable, from most to least."""

    AT_ONCE = auto()
    """Every operation is durable as soon as it returns; syncs change nothing."""

    EVERYTHING = auto()
    """All earlier operations."""

    EVERYTHING_BEFORE = auto()
    """What the inode owns, and all operations up to its last change."""

    NAMES_BEFORE = auto()
    """What the inode owns, and all changes of names up to the inode's last change."""

    OWN_NAMES = auto()
    """
    What the inode owns, its own names, and that the directories above it were made; nothing of an
    inode without a name.
    """

    OWN = auto()
    """
    What the inode owns: of a file data and size, of a directory the names in it.

    Nothing of an inode without a name.
    """


@frozen
class Floors:
    """Which pending versions become durable, and when."""

    covers: SyncCovers = SyncCovers.OWN
    needs: frozenset[Need] = frozenset()
    """What becomes durable with a version because it may not be written later."""

    syncfs_flushes: bool = True
    """Whether a sync of everything covers what was overwritten in place, too."""

    @property
    def everything_at_once(self) -> bool:
        """Whether every operation is durable as soon as it returns."""
        return self.covers is SyncCovers.AT_ONCE

    @property
    def reboots(self) -> bool:
        """Whether the machine starts again: where processes were killed the kernel lives on."""
        return not self.everything_at_once
