"""
The crash models: what a crash may leave, as one table of rules.

A crash model says which combinations of versions are possible.  It is a set of rules of the form
"if this version is on disk, so is that one", and of rules about what a sync covers.  Fewer rules,
more images.

    process-kill < prefix < ext4-journal          < adversarial < recycled-blocks
                 < ext4 < ext4-writeback, xfs     < adversarial
                 < btrfs                          < adversarial

`<` says that every image of the milder model is one of the harsher, on every trace; `MILDER`
holds these pairs, and a test looks for traces that contradict them, and for traces that show that
no other pair is ordered.  `prefix` is not below `ext4`: it tears what it writes last by sectors,
also in a new block, of which ext4 shows all or zeros.

`RULES` is the whole definition.  `tornproof explain ext4` prints it, with what each rule rests on:
a source, and what real kernels were seen to do (`spec/kernels.md`).
"""

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from tornproof_models.disk.implications import (
    Edges,
    names_atomic,
    namespace_order,
    needs,
    operations_atomic,
    program_order,
    register_order,
    stores_atomic,
)
from tornproof_models.disk.versions import Floors, Need, SyncCovers, Version


@frozen
class Rule:
    """One row of the table."""

    name: str
    sentence: str
    source: str
    crash_models: frozenset[str]
    edges: Callable[[Sequence[Version]], Edges] | None = None
    """What it implies among pending versions; none for a rule about floors or contents."""

    measured: str = ""
    """What real kernels were seen to do, if that is not simply the rule: litmus programs."""


@frozen
class CrashModel:
    """A crash model: a name for a set of rules, and what it stands for."""

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
        """Position from mild to harsh, from 0: an order of the table that respects `MILDER`."""
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


_EXT4 = frozenset({"ext4", "ext4-writeback", "ext4-fast-commit"})
_FILESYSTEMS = _EXT4 | {"xfs", "btrfs"}
_ORDERED = frozenset({"prefix", "ext4-journal"})
_POWER_LOST = _FILESYSTEMS | _ORDERED | {"adversarial", "recycled-blocks"}

RULES: tuple[Rule, ...] = (
    Rule(
        "register-order",
        "A register holds one version: a later one has replaced all earlier ones.",
        "by definition",
        _POWER_LOST | {"process-kill"},
        register_order,
    ),
    Rule(
        "the kernel survives",
        "Whatever a system call has written is there.",
        "POSIX write(2): data is visible to all processes when the call returns",
        frozenset({"process-kill"}),
    ),
    Rule(
        "a sync covers its own file or directory",
        "fsync and fdatasync of a file cover its data and size; fsync of a directory covers its "
        "names; O_SYNC, O_DSYNC and msync cover the bytes that they write; syncfs covers all "
        "files; sync_file_range covers nothing.",
        "POSIX fsync(2); Linux man-pages: fsync does not cover the entry in the directory",
        _POWER_LOST | {"process-kill"},
        measured="append-sync-range, direct-append, store-msync, create-syncfs-other",
    ),
    Rule(
        "a failed sync covers nothing",
        "What was dirty when fsync failed may be on disk or not, each part by itself.  No other "
        "rule forces it, and no later fsync covers it; what is written again is a new version.",
        "Linux marks the pages clean (Rebello et al., USENIX ATC 2020)",
        _POWER_LOST,
        measured="failed-sync-overwrite: the second fsync returns success and writes nothing",
    ),
    Rule(
        "program order",
        "If an operation is on disk, so are all earlier ones; a write, sector by sector.",
        "the strongest order a disk could keep (Bornholt et al., ASPLOS 2016); ext4 "
        "data=journal: data goes through the journal with the names",
        _ORDERED,
        program_order,
    ),
    Rule(
        "stores in one batch",
        "What was found stored through a mapping at one moment is on disk as a whole or not at "
        "all: the order of the stores is not known.",
        "of the recorder; under harsher models each sector is free, as it is of a write",
        _ORDERED,
        stores_atomic,
    ),
    Rule(
        "a sync is a barrier",
        "A sync of anything covers all earlier operations.",
        "follows from program order",
        frozenset({"prefix"}),
    ),
    Rule(
        "a sync is a barrier if it has something to commit",
        "A sync covers everything up to the last change of the inode that is synced.",
        "ext4 data=journal: fsync commits the transaction that holds the inode, if any does",
        frozenset({"ext4-journal"}),
        measured="create-then-fsync-clean-file: fsync of a clean file commits nothing",
    ),
    Rule(
        "operations are atomic",
        "A rename or a truncation is there as a whole.",
        "follows from program order; one handle in one transaction",
        _ORDERED,
        operations_atomic,
    ),
    Rule(
        "names in order",
        "If an operation on names, or a truncation, is on disk, so are all earlier ones.",
        "ext4: they are in the running transaction of one journal (jbd2); xfs: one log; btrfs: "
        "one transaction",
        _FILESYSTEMS,
        namespace_order,
        "names-in-order, link-unlink",
    ),
    Rule(
        "names are atomic",
        "A rename moves the name in one step; a truncation sets the size and drops whole blocks "
        "in one.",
        "ext4: one handle in one transaction; xfs and btrfs: one transaction",
        _FILESYSTEMS,
        names_atomic,
        "rename-new, replace-by-rename",
    ),
    Rule(
        "a truncation after the zeros behind it",
        "If a truncation is on disk, so are the zeros behind it in its last block, if that was "
        "allocated; these zeros may be there without it, sector by sector.",
        "ext4_block_truncate_page dirties the page, and the journal waits for it (data=ordered)",
        _FILESYSTEMS - {"ext4-writeback"},
        needs(Need.CUT),
        "append-truncate: the old length with its tail zeroed, by the kernel's own timer",
    ),
    Rule(
        "a sync covers names up to the inode's own last change",
        "A sync covers operations on names, and truncations, as far as the synced inode's own "
        "last change that it has to commit: for fdatasync its creation, a change of its size or "
        "of a name in it; for fsync also that it got or lost a name.  So fsync of a clean file "
        "covers no name, and neither does fdatasync of one that was renamed or overwritten.",
        "ext4: i_sync_tid and i_datasync_tid; xfs: the log is forced up to the inode's last item",
        _EXT4 | {"xfs"},
        measured="create-then-fsync-clean-file, create-then-fdatasync-overwritten, "
        "rename-fdatasync-overwrite: the earlier name is gone, nothing injected",
    ),
    Rule(
        "a sync covers its own names",
        "A sync covers what gave the inode its names or took them, and made the directories above.",
        "btrfs: the log tree holds the inode, its names, and new directories above",
        frozenset({"btrfs"}),
        measured="fsync-new-covers-names, renamed-new-directory-fsync-new-file: its first name",
    ),
    Rule(
        "a file without a name is not synced",
        "A sync of a file that has no name left covers nothing: neither its data nor that it has "
        "lost its name.",
        "btrfs: its log passes over an inode without links (btrfs_log_inode_parent)",
        frozenset({"btrfs", "adversarial", "recycled-blocks"}),
        measured="unlink-fsync-itself, replace-fsync-replaced: the file is back with its old "
        "bytes, fsync having returned",
    ),
    Rule(
        "a sync of everything may leave out overwritten bytes",
        "sync and syncfs cover all but bytes that overwrote a block in place.",
        "xfs: the log flushes the disk's cache only if there is something to log (xfs_fs_sync_fs)",
        frozenset({"xfs", "adversarial", "recycled-blocks"}),
        measured="overwrite-syncfs, overwrite-syncfs-twice: the old bytes, syncfs having returned",
    ),
    Rule(
        "new blocks",
        "A newly allocated block is all zeros, or holds at least what it began with.  So a size "
        "implies no data: what was appended may read as zeros.",
        "ext4 since 5.6 (dioread_nolock), xfs: new blocks are allocated unwritten and converted "
        "when their data is there; btrfs: the extent appears with its data",
        _FILESYSTEMS,
        needs(Need.BLOCK),
        "two-blocks, rename-appended-over, write-then-grow: zeros inside the size",
    ),
    Rule(
        "files grow by blocks",
        "Within a block, a write makes a file grow at once.",
        "the size on disk follows when a whole page has been written",
        _FILESYSTEMS,
        needs(Need.GROWTH),
        "append-within-block, append-over-block-boundary",
    ),
    Rule(
        "replacement after size",
        "If a rename over an existing file is on disk, so is the size of the file renamed; of its "
        "data nothing is said.",
        "ext4 auto_da_alloc: blocks are allocated at the rename; xfs and btrfs do not",
        _EXT4,
        needs(Need.REPLACEMENT),
        "replace-by-rename: 4,096 zeros on ext4, an empty file on xfs",
    ),
    Rule(
        "unwritten sectors",
        "An unsynced sector beyond the durable size is new, zeros, garbage, or what was there "
        "before any truncation.",
        "POSIX says nothing about unsynced data",
        frozenset({"adversarial", "recycled-blocks"}),
    ),
    Rule(
        "recycled blocks",
        "Such a sector may also hold what a deleted file had in the same place.",
        "ext4 data=writeback with dioread_lock: freed blocks are reused without being cleared",
        frozenset({"recycled-blocks"}),
    ),
)


_BLOCKS = {Need.BLOCK, Need.GROWTH}
_CUTS = _BLOCKS | {Need.CUT}

CRASH_MODELS: dict[str, CrashModel] = {
    crash_model.name: crash_model
    for crash_model in (
        CrashModel(
            "process-kill",
            "The process dies and the kernel lives: SIGKILL, out of memory, a panic.",
            Floors(SyncCovers.AT_ONCE),
        ),
        CrashModel(
            "prefix",
            "Power is lost, and operations had reached the disk in program order.",
            Floors(SyncCovers.EVERYTHING),
        ),
        CrashModel(
            "ext4-journal",
            "Power is lost under ext4 with data=journal.",
            Floors(SyncCovers.EVERYTHING_BEFORE),
        ),
        CrashModel(
            "ext4",
            "Power is lost under ext4 with its default options (data=ordered, delayed "
            "allocation, no fast_commit): the usual Linux machine.",
            Floors(SyncCovers.NAMES_BEFORE, frozenset(_CUTS | {Need.REPLACEMENT})),
        ),
        CrashModel(
            "ext4-fast-commit",
            "Power is lost under ext4 with the feature fast_commit.",
            Floors(SyncCovers.NAMES_BEFORE, frozenset(_CUTS | {Need.REPLACEMENT})),
        ),
        CrashModel(
            "ext4-writeback",
            "Power is lost under ext4 with data=writeback.",
            Floors(SyncCovers.NAMES_BEFORE, frozenset(_BLOCKS | {Need.REPLACEMENT})),
        ),
        CrashModel(
            "xfs",
            "Power is lost under XFS with its default options.",
            Floors(SyncCovers.NAMES_BEFORE, frozenset(_CUTS), syncfs_flushes=False),
        ),
        CrashModel(
            "btrfs",
            "Power is lost under btrfs with its default options.",
            Floors(SyncCovers.OWN_NAMES, frozenset(_CUTS)),
        ),
        CrashModel(
            "adversarial",
            "Power is lost and only what was synced is promised: what POSIX allows.",
            Floors(SyncCovers.OWN, syncfs_flushes=False),
            unwritten_sectors=True,
        ),
        CrashModel(
            "recycled-blocks",
            "As adversarial, and new blocks may hold what deleted files left in them.",
            Floors(SyncCovers.OWN, syncfs_flushes=False),
            unwritten_sectors=True,
            recycled_blocks=True,
        ),
    )
}
"""Every crash model, from mild to harsh where two can be compared."""

MILDER: Mapping[str, tuple[str, ...]] = {
    "process-kill": ("prefix", "ext4", "btrfs"),
    "prefix": ("ext4-journal",),
    "ext4-journal": ("adversarial",),
    "ext4": ("ext4-fast-commit", "ext4-writeback", "xfs"),
    "ext4-fast-commit": ("ext4",),
    "ext4-writeback": ("adversarial",),
    "xfs": ("adversarial",),
    "btrfs": ("adversarial",),
    "adversarial": ("recycled-blocks",),
}
"""For each crash model, the next harsher ones: they allow every image that it allows."""

CLAIMED = ("process-kill", "prefix", "ext4", "xfs", "adversarial")
"""
The crash models in which an implementation is judged unless others are named.

`recycled-blocks` stays out: a frame of format v2 carries neither its position
nor a salt, so no journal of that format can tell an old frame from a new one.
"""
