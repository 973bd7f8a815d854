"""
What a crash may leave, as one table.

A crash model says which combinations of versions are possible.  It is a set of
rules of the form "if this version is on disk, so is that one", and of rules
about what a sync covers.  Fewer rules, more images: each crash model allows every
image that the one before it allows.

    process-kill ⊂ prefix ⊂ ext4-ordered ⊂ adversarial ⊂ recycled-blocks

A finding is labelled with the mildest crash model in which it happens, because that
decides what its maintainers make of it: a loss under `ext4-ordered` happens to
their users; a loss under `adversarial` is allowed by POSIX.

`RULES` is the whole definition.  `tornproof explain ext4-ordered` prints it.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from attrs import frozen

from tornproof_models.disk.versions import Floors, Register, Version

Edges: TypeAlias = Iterable[tuple[int, int]]
"""Pairs (i, j) of positions in a list of versions: if version i is on disk, so is j."""


@frozen
class Rule:
    """One row of the table."""

    name: str
    sentence: str
    source: str
    crash_models: frozenset[str]
    edges: Callable[[Sequence[Version]], Edges] | None = None
    """What it implies among pending versions; none for a rule about floors or contents."""


@frozen
class CrashModel:
    """A name for a set of rules, and what it stands for."""

    name: str
    meaning: str
    floors: Floors
    unwritten_sectors: bool = False
    """An unsynced new sector may hold anything: zeros, stale bytes or garbage."""

    recycled_blocks: bool = False
    """The stale bytes may be those of a deleted file."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rows of the table that apply."""
        return tuple(rule for rule in RULES if self.name in rule.crash_models)

    @property
    def harshness(self) -> int:
        """Position from mild to harsh, from 0."""
        return tuple(CRASH_MODELS).index(self.name)

    def implications(self, versions: Sequence[Version]) -> Edges:
        """
        Yield what being on disk implies, among pending versions in program order.

        No rule but the first forces a version whose sync has failed: the kernel
        has given it up, so nothing waits for it.
        """
        for rule in self.rules:
            if rule.edges is None:
                continue
            for cause, effect in rule.edges(versions):
                if rule is RULES[0] or not versions[effect].failed:
                    yield cause, effect


def _register_order(versions: Sequence[Version]) -> Edges:
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


def _program_order(versions: Sequence[Version]) -> Edges:
    return _in_order(versions, range(len(versions)))


def _namespace_order(versions: Sequence[Version]) -> Edges:
    return _in_order(versions, (i for i, version in enumerate(versions) if version.namespace))


def _namespace_atomic(versions: Sequence[Version]) -> Edges:
    return _atomic(versions, [n for n, version in enumerate(versions) if version.namespace])


def _stores_atomic(versions: Sequence[Version]) -> Edges:
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


def _needs(versions: Sequence[Version], *, namespace: bool) -> Edges:
    positions = {id(version): position for position, version in enumerate(versions)}
    for position, version in enumerate(versions):
        if version.namespace == namespace:
            for needed in version.needs:
                if id(needed) in positions:
                    yield position, positions[id(needed)]


def _allocation_before_size(versions: Sequence[Version]) -> Edges:
    return _needs(versions, namespace=False)


def _replacement_after_data(versions: Sequence[Version]) -> Edges:
    return _needs(versions, namespace=True)


_POWER_LOST = frozenset({"prefix", "ext4-ordered", "adversarial", "recycled-blocks"})
_ALL = _POWER_LOST | {"process-kill"}

RULES: tuple[Rule, ...] = (
    Rule(
        "register-order",
        "A register holds one version: a later one has replaced all earlier ones.",
        "by definition",
        _ALL,
        _register_order,
    ),
    Rule(
        "the kernel survives",
        "Whatever a system call has written is there.",
        "POSIX write(2): data is visible to all processes when the call returns",
        frozenset({"process-kill"}),
    ),
    Rule(
        "a sync covers its own file or directory",
        "fsync of a file covers its data and size; fsync of a directory covers its names.",
        "POSIX fsync(2); Linux man-pages: fsync does not cover the entry in the directory",
        _ALL,
    ),
    Rule(
        "a failed sync covers nothing",
        "What was dirty when fsync failed may be on disk or not, each part by itself.  No other "
        "rule forces it, and no later fsync covers it; what is written again is a new version.",
        "Linux marks the pages clean (Rebello et al., USENIX ATC 2020)",
        _POWER_LOST,
    ),
    Rule(
        "program order",
        "If an operation is on disk, so are all earlier ones; a write, sector by sector.",
        "the strongest order a disk could keep (Bornholt et al., ASPLOS 2016)",
        frozenset({"prefix"}),
        _program_order,
    ),
    Rule(
        "stores in one batch",
        "What was found stored through a mapping at one moment is on disk as a whole or not at "
        "all: in which order it was stored, nobody knows.",
        "of the recorder; under harsher crash models each sector is free, as it is of a write",
        frozenset({"prefix"}),
        _stores_atomic,
    ),
    Rule(
        "a sync is a barrier",
        "fsync of anything covers all earlier operations.",
        "follows from program order",
        frozenset({"prefix"}),
    ),
    Rule(
        "names in order",
        "If an operation on names, or a truncation, is on disk, so are all earlier ones.",
        "ext4: they are in the running transaction of one journal (jbd2)",
        frozenset({"ext4-ordered"}),
        _namespace_order,
    ),
    Rule(
        "names are atomic",
        "A rename moves the name in one step; a truncation sets the size and drops the data "
        "in one.",
        "ext4: one handle in one transaction",
        frozenset({"prefix", "ext4-ordered"}),
        _namespace_atomic,
    ),
    Rule(
        "a sync covers names",
        "fsync of anything covers all earlier operations on names, and truncations, and what "
        "they need.",
        "ext4 without fast_commit: fsync commits the running transaction",
        frozenset({"ext4-ordered"}),
    ),
    Rule(
        "allocation before size",
        "If a file has grown over a block beyond its durable size, the data with which the "
        "block was allocated is there.  Later writes into it are free, and so are overwrites; "
        "a block that a truncation cut off is allocated anew.",
        "ext4 data=ordered with delayed allocation: data of new blocks precedes their commit",
        frozenset({"ext4-ordered"}),
        _allocation_before_size,
    ),
    Rule(
        "replacement after data",
        "If a rename over an existing file is on disk, so is the data of the file renamed.",
        "ext4 auto_da_alloc: blocks are allocated and written at the rename",
        frozenset({"ext4-ordered"}),
        _replacement_after_data,
    ),
    Rule(
        "unwritten sectors",
        "An unsynced sector beyond the durable size is new, zeros, garbage, or what was there "
        "before any truncation.",
        "POSIX says nothing about unsynced data; ext4 data=writeback and XFS have shown all four",
        frozenset({"adversarial", "recycled-blocks"}),
    ),
    Rule(
        "recycled blocks",
        "Such a sector may also hold what a deleted file had in the same place.",
        "ext4 data=writeback: freed blocks are reused without being cleared",
        frozenset({"recycled-blocks"}),
    ),
)

CRASH_MODELS: dict[str, CrashModel] = {
    crash_model.name: crash_model
    for crash_model in (
        CrashModel(
            "process-kill",
            "The process dies and the kernel lives: SIGKILL, out of memory, a panic.",
            Floors(everything_at_once=True),
        ),
        CrashModel(
            "prefix",
            "Power is lost, and operations had reached the disk in program order.",
            Floors(sync_covers_everything=True),
        ),
        CrashModel(
            "ext4-ordered",
            "Power is lost under ext4 with its default options (data=ordered, delayed "
            "allocation, no fast_commit): the usual Linux machine.",
            Floors(sync_covers_namespace=True),
        ),
        CrashModel(
            "adversarial",
            "Power is lost and only what was synced is promised: what POSIX allows.",
            Floors(),
            unwritten_sectors=True,
        ),
        CrashModel(
            "recycled-blocks",
            "As adversarial, and new blocks may hold what deleted files left in them.",
            Floors(),
            unwritten_sectors=True,
            recycled_blocks=True,
        ),
    )
}

CLAIMED = ("process-kill", "prefix", "ext4-ordered", "adversarial")
"""
The crash models in which an implementation is judged.

`recycled-blocks` stays out: a frame of format v2 carries neither its position
nor a salt, so no journal of that format can tell an old frame from a new one.
"""
