"""
Every crash model is held to what real kernels were seen to leave behind.

The litmus vectors are frozen results of the laboratory; no QEMU is needed here.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from attrs import evolve
from tornproof_kernels import predictions
from tornproof_kernels.litmus import is_meanwhile
from tornproof_kernels.measured import (
    crash_model_of,
    litmus_programs,
    load_campaigns,
    load_vectors,
    total,
)
from tornproof_kernels.predictions import Predictions, tightness
from tornproof_kernels.vectors import Observed, Vector
from tornproof_models.disk import crash_models, implications, pending_versions
from tornproof_models.disk.crash_models import CRASH_MODELS, MILDER, CrashModel
from tornproof_models.disk.measurements import MEASURED
from tornproof_models.disk.page_cache import LiveTree
from tornproof_models.disk.pending_versions import PendingVersions
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import (
    Event,
    PartialSync,
    Rename,
    Sync,
    SyncFailed,
    WritebackStarted,
)
from tornproof_models.disk.versions import Data, Floors, Need, Size, SyncCovers, Version

from tests.kernels import test_recovery

FOLDER = Path(__file__).parents[2] / "spec" / "litmus"
VECTORS = load_vectors(FOLDER)
CAMPAIGNS = load_campaigns(FOLDER)

EXACT: dict[str, tuple[str, ...]] = {
    "btrfs-6.12.111": (
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "replace-properly",
    ),
    "btrfs-6.12.117": (
        "file-into-new-directory-fsync-file",
        "new-directories-fsync-the-inner",
        "new-directory-beside-fsync-new-file",
        "new-directory-fsync-new-file",
        "r4001-10",
        "r4001-17",
        "r4001-33",
        "renamed-directory-fsync-new-file",
        "renamed-new-directory-fsync-new-file",
        "two-new-directories-fsync-new-file",
    ),
    "ext4-6.1.0-50": (
        "append-within-block",
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "names-in-order",
        "rename-appended-over",
        "rename-overwritten-over",
        "replace-by-rename",
        "replace-properly",
        "replace-then-syncdir-at-once",
        "write-then-grow",
    ),
    "ext4-6.1.0-57": ("r2001-2", "r2001-28", "r2001-51", "r2001-69"),
    "ext4-6.12.111-data-journal": (
        "append-within-block",
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "names-in-order",
        "rename-appended-over",
        "rename-overwritten-over",
        "replace-properly",
        "replace-then-syncdir-at-once",
    ),
    "ext4-6.12.111-data-writeback": (
        "append-within-block",
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "names-in-order",
        "rename-appended-over",
        "rename-overwritten-over",
        "replace-by-rename",
        "replace-properly",
        "replace-then-syncdir-at-once",
        "write-then-grow",
    ),
    "ext4-6.12.111-dioread-lock": (
        "append-within-block",
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "names-in-order",
        "rename-appended-over",
        "rename-overwritten-over",
        "replace-properly",
    ),
    "ext4-6.12.111-fast-commit": (
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "rename-overwritten-over",
        "replace-properly",
    ),
    "ext4-6.12.111-nodelalloc": (
        "append-within-block",
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "names-in-order",
        "rename-appended-over",
        "rename-overwritten-over",
        "replace-properly",
    ),
    "ext4-6.12.111": (
        "append-within-block",
        "create-fsync-no-dir",
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "journal-appends",
        "link-unlink",
        "names-in-order",
        "overwrite-two-sectors",
        "rename-appended-over",
        "rename-new",
        "rename-overwritten-over",
        "replace-by-rename",
        "replace-by-truncate",
        "replace-properly",
        "replace-then-syncdir-at-once",
        "segment-rotation",
        "two-appends-fsync-one",
        "write-then-grow",
    ),
    "ext4-6.12.117": (
        "allocate-then-write",
        "append-sync-range",
        "copy-range",
        "create-append-fdatasync",
        "cut-then-append",
        "link-unlink",
        "r1001-10",
        "r1001-33",
        "r1001-5",
        "r1001-9",
        "rename-dsync-overwrite",
        "rename-fdatasync-overwrite",
        "rename-fsync-clean",
        "rename-sync-overwrite",
        "replace-by-rename",
        "store-msync",
        "unlink-fsync-other",
    ),
    "xfs-6.12.111": (
        "create-then-fdatasync-overwritten",
        "create-then-fsync-clean-file",
        "cut-then-append",
        "fsync-new-covers-names",
        "names-in-order",
        "rename-overwritten-over",
        "replace-properly",
    ),
    "xfs-6.12.117": ("r3001-1", "r3001-29"),
}
"""For each vector, the programs of which every state allowed at their end has been seen."""


CONTRADICTED = (
    ("ext4-6.12.111-data-writeback", "ext4"),
    ("xfs-6.12.111", "ext4"),
    ("btrfs-6.12.111", "xfs"),
    ("ext4-6.12.111", "prefix"),
    ("ext4-6.12.111-data-journal", "prefix"),
)
"""Vectors, and crash models that they contradict: what one filesystem does, another does not."""


def own_model(vector: Vector) -> str:
    """Return the crash model of the filesystem that a vector is about."""
    return crash_model_of(vector.filesystem, vector.options, vector.mkfs)


def harsher(crash_model: str) -> list[str]:
    """Return a crash model and all that allow more."""
    found = [crash_model]
    for each in found:
        found += [name for name in MILDER.get(each, ()) if name not in found]
    return found


@pytest.mark.parametrize("name", VECTORS)
def test_no_state_that_was_seen_is_outside_the_crash_model(name: str) -> None:
    """Of the filesystem's own model, and of every harsher one."""
    vector = VECTORS[name]
    for crash_model in harsher(own_model(vector)):
        found = predictions.compare(crash_model, vector.programs)
        assert found.outside == (), crash_model


def test_ext4_is_tight() -> None:
    """Seven in ten of the states that `ext4` allows litmus programs without a failed sync."""
    programs = litmus_programs("ext4", VECTORS.values())
    chosen = [each for each in programs if not each.litmus.has_failed_sync]
    seen, allowed = tightness("ext4", chosen)
    assert len(chosen) == 57
    assert seen / allowed >= 0.7


def test_models_say_what_they_were_held_against() -> None:
    """The figures in a verdict are those of the vectors and campaigns."""
    for name in CRASH_MODELS:
        found = total(name, VECTORS.values(), CAMPAIGNS)
        told = MEASURED.get(name)
        if told is None:
            assert found.programs == 0, name
        else:
            counted = (found.kernels, found.programs, found.states, found.outside)
            assert (told.kernels, told.programs, told.states, told.outside) == counted, name


# Mistakes in the models


def at_end(observed: Observed) -> set[int]:
    """Return the states that were seen when every line had returned."""
    last = sum(not is_meanwhile(line) for line in observed.litmus.program)
    return {seen.image.digest for seen in observed.seen if last in seen.after}


def noticed() -> Iterator[str]:
    """Yield what the vectors say against the crash models as they are now."""
    for name, vector in VECTORS.items():
        model = own_model(vector)
        for observed in vector.programs:
            if next(Predictions.of(observed.litmus, model).outside(observed), None):
                yield f"{name}: {observed.litmus.name}: a state that was seen is forbidden"
    for name, crash_model in CONTRADICTED:
        if not predictions.compare(crash_model, VECTORS[name].programs).outside:
            yield f"{name}: {crash_model} allows all that was seen"
    for name, programs in EXACT.items():
        for observed in VECTORS[name].only(programs).programs:
            model = own_model(VECTORS[name])
            if Predictions.of(observed.litmus, model).states(at_end=True) != at_end(observed):
                yield f"{name}: {observed.litmus.name}: a state is allowed that was never seen"


def test_nothing_is_noticed_as_it_stands() -> None:
    """Without a mistake, no vector speaks against the models."""
    assert list(noticed()) == []


IMPLYING = [
    rule
    for rule in crash_models.RULES
    if rule.edges is not None and rule.name not in ("register-order", "stores in one batch")
]


@pytest.mark.parametrize("dropped", IMPLYING, ids=lambda rule: rule.name)
def test_a_dropped_rule_is_noticed(
    dropped: crash_models.Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any rule, a state would be allowed that no kernel has shown."""
    empty = evolve(dropped, edges=lambda _: ())
    kept = tuple(empty if rule is dropped else rule for rule in crash_models.RULES)
    monkeypatch.setattr(crash_models, "RULES", kept)
    assert next(noticed(), None)


Mistake = Callable[[pytest.MonkeyPatch], None]
MISTAKES: list[Mistake] = []


def mistake(change: Mistake) -> Mistake:
    """Add a mistake, which is named after itself."""
    MISTAKES.append(change)
    return change


def give(monkeypatch: pytest.MonkeyPatch, name: str, covers: SyncCovers) -> None:
    """Let a sync cover more or less in one crash model."""
    model = CRASH_MODELS[name]
    changed = evolve(model, floors=Floors(covers, model.floors.needs))
    monkeypatch.setitem(CRASH_MODELS, name, changed)


@mistake
def a_sync_covers_all_names_on_ext4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe what was written before anybody looked: fsync commits names."""
    covered = Registers._covered_by

    def all_names(self: Registers, inode: int, *, data_only: bool) -> list[Version]:
        names = [version for version in self.pending if version.namespace]
        return covered(self, inode, data_only=data_only) + names

    monkeypatch.setattr(Registers, "_covered_by", all_names)


@mistake
def an_fdatasync_commits_a_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take fdatasync for fsync."""
    advance = Registers.advance

    def full(self: Registers, event: Event) -> None:
        match event:
            case Sync(inode):
                advance(self, Sync(inode))
            case PartialSync():
                advance(self, evolve(event, data_only=False))
            case _:
                advance(self, event)

    monkeypatch.setattr(Registers, "advance", full)


@mistake
def an_fsync_commits_no_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take fsync for fdatasync."""
    advance = Registers.advance

    def less(self: Registers, event: Event) -> None:
        data = isinstance(event, Sync)
        advance(self, Sync(event.inode, data_only=True) if data else event)  # type: ignore[union-attr]

    monkeypatch.setattr(Registers, "advance", less)


@mistake
def ext4_covers_own_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what btrfs does for what ext4 does."""
    give(monkeypatch, "ext4", SyncCovers.OWN_NAMES)


@mistake
def btrfs_covers_earlier_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what ext4 does for what btrfs does."""
    give(monkeypatch, "btrfs", SyncCovers.NAMES_BEFORE)


@mistake
def btrfs_forgets_the_directories_above(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that a synced file may be lost with the new directory in which it is."""
    monkeypatch.setattr(LiveTree, "directories_above", lambda *_: set())


@mistake
def btrfs_covers_renames_of_the_directories_above(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that a new directory above a synced file has its last name."""
    covered = Registers._covered_by

    def renames_as_well(self: Registers, inode: int, *, data_only: bool) -> list[Version]:
        found = covered(self, inode, data_only=data_only)
        if self.floors.covers is SyncCovers.OWN_NAMES:
            above = self._live.directories_above(inode)
            steps = {step for each in above for step in self._named.get(each, ())}
            found += [each for each in self.pending if each.namespace and each.step in steps]
        return found

    monkeypatch.setattr(Registers, "_covered_by", renames_as_well)


@mistake
def a_sync_is_a_barrier_on_ext4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every sync cover everything."""
    give(monkeypatch, "ext4", SyncCovers.EVERYTHING)


@mistake
def a_sync_is_a_barrier_with_data_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fsync of a clean file commit what others did."""
    give(monkeypatch, "ext4-journal", SyncCovers.EVERYTHING)


@mistake
def a_sync_covers_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what POSIX promises for what ext4 does."""
    give(monkeypatch, "ext4", SyncCovers.OWN)


def tie(monkeypatch: pytest.MonkeyPatch, name: str, needed: Callable[..., bool]) -> None:
    """Let versions in one crash model need earlier ones that they do not need."""
    model = CRASH_MODELS[name]

    class Stricter(CrashModel):
        def implications(self, versions: Sequence[Version]) -> implications.Edges:
            yield from model.implications(versions)
            for i, one in enumerate(versions):
                yield from ((i, j) for j, other in enumerate(versions[:i]) if needed(one, other))

    stricter = Stricter(model.name, model.meaning, model.floors)
    monkeypatch.setitem(CRASH_MODELS, name, stricter)


def of_one_file(one: Version, other: Version) -> bool:
    """Tell whether two versions are of one file."""
    return one.register[0] == other.register[0]


@mistake
def a_size_implies_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that allocation comes before size, and data before allocation."""

    def needed(one: Version, other: Version) -> bool:
        kinds = isinstance(one.register, Size) and isinstance(other.register, Data)
        return kinds and of_one_file(one, other) and not one.namespace

    tie(monkeypatch, "ext4", needed)


@mistake
def data_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that the sectors of a file are written in order."""

    def needed(one: Version, other: Version) -> bool:
        kinds = isinstance(one.register, Data) and isinstance(other.register, Data)
        return kinds and of_one_file(one, other)

    tie(monkeypatch, "ext4", needed)


@mistake
def a_write_makes_a_file_grow_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that a size is there as a whole, over the bounds of blocks too."""

    class AtOnce(CrashModel):
        def implications(self, versions: Sequence[Version]) -> implications.Edges:
            yield from model.implications(versions)
            sizes = [i for i, each in enumerate(versions) if isinstance(each.register, Size)]
            for i, j in itertools.pairwise(sizes):
                one, other = versions[i], versions[j]
                if (one.register, one.step) == (other.register, other.step):
                    yield i, j

    model = CRASH_MODELS["ext4"]
    monkeypatch.setitem(CRASH_MODELS, "ext4", AtOnce(model.name, model.meaning, model.floors))


@mistake
def a_replacement_implies_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that auto_da_alloc waits for the data."""
    rename = PendingVersions._rename

    def with_data(self: PendingVersions, event: Rename) -> None:
        inode = self._live.names[event.source_directory][event.source]
        data = [version for version in self.pending if version.register[0] == inode]
        rename(self, event)
        moved = self.pending[-2]
        if moved.needs:
            moved.needs += [(Need.REPLACEMENT, version) for version in data]

    monkeypatch.setattr(PendingVersions, "_rename", with_data)


@mistake
def xfs_replaces_after_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that XFS does what ext4 does at a rename."""
    monkeypatch.setitem(CRASH_MODELS, "xfs", evolve(CRASH_MODELS["ext4"]))


@mistake
def zeros_wait_for_their_truncation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that a truncation is one step, tail and all."""
    monkeypatch.setattr(implications, "is_name", lambda version: version.namespace)


@mistake
def data_writeback_waits_for_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that data=writeback orders the zeros behind a truncation."""
    monkeypatch.setitem(CRASH_MODELS, "ext4-writeback", CRASH_MODELS["ext4"])


@mistake
def a_block_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every block for one that nobody has written to yet."""
    monkeypatch.setattr(PendingVersions, "_blocks_of", lambda *_: (0, dict[int, list[Version]]()))


@mistake
def a_failed_sync_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that fsync has written what it says it has not."""
    advance = Registers.advance

    def believe(self: Registers, event: Event) -> None:
        advance(self, Sync(event.inode) if isinstance(event, SyncFailed) else event)

    monkeypatch.setattr(Registers, "advance", believe)


@mistake
def a_sync_covers_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that btrfs syncs what has lost its last name."""
    monkeypatch.setattr(LiveTree, "is_named", lambda *_: True)


@mistake
def a_sync_of_everything_covers_everything_on_xfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that syncfs flushes the disk's cache in any case."""
    model = CRASH_MODELS["xfs"]
    believing = evolve(model, floors=evolve(model.floors, syncfs_flushes=True))
    monkeypatch.setitem(CRASH_MODELS, "xfs", believing)


@mistake
def a_started_writeback_is_a_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take sync_file_range for fdatasync."""
    advance = Registers.advance

    def believe(self: Registers, event: Event) -> None:
        started = isinstance(event, WritebackStarted)
        advance(self, Sync(event.inode, data_only=True) if started else event)  # type: ignore[union-attr]

    monkeypatch.setattr(Registers, "advance", believe)


@mistake
def a_sync_covers_nothing_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take fsync of a file for a barrier of names alone."""
    covered = Registers._covered_by

    def names_alone(self: Registers, inode: int, *, data_only: bool) -> list[Version]:
        return [each for each in covered(self, inode, data_only=data_only) if each.namespace]

    monkeypatch.setattr(Registers, "_covered_by", names_alone)


@mistake
def a_sync_in_part_covers_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that an O_SYNC write of the first block gives the file its whole size."""
    within = Registers._is_within

    def every_size(self: Registers, version: Version, sectors: range, block_end: int) -> bool:
        whole = 1 << 40 if isinstance(version.register, Size) else block_end
        return within(self, version, sectors, whole)

    monkeypatch.setattr(Registers, "_is_within", every_size)


@mistake
def the_target_of_a_rename_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a rename for an unlink and a rename."""
    rename = PendingVersions._rename

    def unlink_first(self: PendingVersions, event: Rename) -> None:
        self._set_name(event.target_directory, event.target, None)
        self._step += 1
        rename(self, event)

    monkeypatch.setattr(PendingVersions, "_rename", unlink_first)


@mistake
def a_file_grows_by_sectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe that a size may lie at any sector's end."""
    monkeypatch.setattr(pending_versions, "Need", _without_growth())


def _without_growth() -> object:
    class Changed:
        REPLACEMENT, CUT, BLOCK, GROWTH = Need.REPLACEMENT, Need.CUT, Need.BLOCK, None

    return Changed


@pytest.mark.parametrize("change", MISTAKES, ids=lambda each: each.__name__.replace("_", " "))
def test_a_mistake_in_a_model_is_noticed(change: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes a model forbid what was seen, or allow what never was."""
    change(monkeypatch)
    assert next(noticed(), None)


def test_the_chapter_counts_these_mistakes() -> None:
    """Those in the models here, those in enumeration and replay beside their log."""
    chapter = " ".join((FOLDER.parent / "kernels.md").read_text(encoding="utf-8").split())
    told = re.search(
        r"(\d+) deliberate mistakes: (\d+) rules dropped, (\d+) changed, "
        r"(\d+) mistakes in the enumeration and the replay",
        chapter,
    )
    assert told is not None
    parts = [len(IMPLYING), len(MISTAKES), len(test_recovery.MISTAKES)]
    assert [int(number) for number in told.groups()] == [sum(parts), *parts]
