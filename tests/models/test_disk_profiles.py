"""
What a crash may leave, worked out by hand.

Sectors are of 4 bytes and blocks of 8, so `b"AAAABBBB"` is two sectors of one block.
"""

import pytest
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS, MILDER, RULES
from tornproof_models.disk.image_builder import garbage
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import (
    NAMELESS,
    ROOT,
    Create,
    Event,
    Exchange,
    Image,
    Link,
    MakeDirectory,
    PartialSync,
    Rename,
    Settled,
    Stored,
    Sync,
    SyncDirectory,
    SyncFailed,
    SyncFilesystem,
    Trace,
    Truncate,
    Unlink,
    Write,
    WritebackStarted,
)

from tests.models.judge import images_of, space_of

Tree = dict[str, bytes | None]

ZEROS = bytes(4)
A = 1
"""The inode of `/a`, which is the first file of each initial tree."""

B = 2
NEW_FILE = (Create(ROOT, "a", A), SyncDirectory(ROOT))
"""An empty file whose name is durable."""

power_lost = pytest.mark.parametrize("crash_model", list(CRASH_MODELS)[1:])
unordered = pytest.mark.parametrize("crash_model", ["adversarial", "recycled-blocks"])


def trees(crash_model: str, *events: Event, initial: Image | None = None) -> list[Tree]:
    """Return every tree that a crash after some events may leave; a directory holds none."""
    space = space_of(Trace(initial or Image(), events), crash_model)
    return [dict(key) for key in sorted(images_of(space), key=repr)]


def contents(
    crash_model: str, *events: Event, initial: Image | None = None, path: str = "/a"
) -> set[bytes | None]:
    """Return everything that a file may hold after a crash; none if it is not there."""
    return {tree.get(path) for tree in trees(crash_model, *events, initial=initial)}


# The table


def test_a_milder_model_stands_before_a_harsher_one() -> None:
    """The table's order is one of those that the lattice allows; two models are the same."""
    names = list(CRASH_MODELS)
    equal = {("ext4-fast-commit", "ext4")}
    for mild, harsher in MILDER.items():
        for harsh in harsher:
            assert names.index(mild) < names.index(harsh) or (mild, harsh) in equal
    assert [CRASH_MODELS[name].harshness for name in names] == list(range(len(names)))
    assert [name for name in names if name in CLAIMED] == list(CLAIMED)


def test_each_rule_is_of_some_profile_and_has_a_source() -> None:
    """A rule says what it means, where it comes from and where it holds."""
    for rule in RULES:
        assert rule.crash_models
        assert rule.crash_models <= set(CRASH_MODELS)
        assert rule.sentence.endswith(".")
        assert rule.source


# A process dies


def test_the_page_cache_survives_a_process() -> None:
    """When only the process dies, everything written is there, synced or not."""
    events = (*NEW_FILE, Write(A, 0, b"AAAABB"), SyncFailed(A), Rename(ROOT, "a", ROOT, "b"))

    assert trees("process-kill", *events) == [{"/b": b"AAAABB"}]


# Writes


def test_prefix_tears_a_write_between_sectors() -> None:
    """In order, a write of two and a half sectors is there up to any sector's end."""
    assert contents("prefix", *NEW_FILE, Write(A, 0, b"AAAABBBBCC")) == {
        b"",
        b"AAAA",
        b"AAAABBBB",
        b"AAAABBBBCC",
    }


@power_lost
def test_a_sync_makes_the_data_durable(crash_model: str) -> None:
    """What was synced is there in every crash model."""
    assert contents(crash_model, *NEW_FILE, Write(A, 0, b"AAAABB"), Sync(A)) == {b"AAAABB"}


@unordered
def test_sectors_survive_in_any_combination(crash_model: str) -> None:
    """Without order, each sector of an overwrite is old or new by itself."""
    initial = Image({"/a": b"AAAABBBB"})

    assert contents(crash_model, Write(A, 0, b"aaaabbbb"), initial=initial) == {
        b"AAAABBBB",
        b"aaaaBBBB",
        b"AAAAbbbb",
        b"aaaabbbb",
    }


@unordered
def test_later_writes_to_a_sector_replace_earlier_ones(crash_model: str) -> None:
    """Two writes to one sector are not lost independently: the second contains the first."""
    events = (Write(A, 0, b"x"), Write(A, 1, b"y"))

    assert contents(crash_model, *events, initial=Image({"/a": b"AAAA"})) == {
        b"AAAA",
        b"xAAA",
        b"xyAA",
    }


@unordered
def test_size_and_data_are_independent(crash_model: str) -> None:
    """A file may have grown over a sector that was never written: zeros or garbage."""
    assert contents(crash_model, *NEW_FILE, Write(A, 0, b"AAAA")) == {
        b"",
        b"AAAA",
        ZEROS,
        garbage(0, 4),
    }


@unordered
def test_zeros_are_data(crash_model: str) -> None:
    """Zeros that were not synced may be garbage, as anything else may."""
    assert contents(crash_model, *NEW_FILE, Write(A, 0, ZEROS)) == {b"", ZEROS, garbage(0, 4)}


# Syncs that fail


@power_lost
def test_a_retried_sync_covers_nothing(crash_model: str) -> None:
    """After a failed fsync the pages are clean, so the next one succeeds and writes nothing."""
    events = (*NEW_FILE, Write(A, 0, b"AAAA"), SyncFailed(A), Sync(A), Sync(A))

    assert contents(crash_model, *events) >= {b"", b"AAAA", ZEROS}


@power_lost
def test_what_is_written_again_is_synced(crash_model: str) -> None:
    """Writing the same bytes again makes the pages dirty, and the size with them."""
    events = (*NEW_FILE, Write(A, 0, b"AAAA"), SyncFailed(A), Write(A, 0, b"AAAA"), Sync(A))

    assert contents(crash_model, *events) == {b"AAAA"}


def test_nothing_waits_for_what_has_failed() -> None:
    """Even in order: what came after a failed sync may be there without what it failed for."""
    initial = Image({"/a": b"", "/b": b""})
    events = (Write(A, 0, b"AAAA"), SyncFailed(A), Write(B, 0, b"BBBB"), Write(A, 0, b"AAAA"))

    assert {"/a": b"", "/b": b"BBBB"} in trees("prefix", *events, initial=initial)


@power_lost
def test_a_failed_sync_of_a_directory_loses_names(crash_model: str) -> None:
    """A name whose sync has failed is not brought back by another sync."""
    events = (Create(ROOT, "a", A), SyncFailed(ROOT), SyncDirectory(ROOT))

    assert trees(crash_model, *events) == [{"/a": b""}, {}]


# Names


@unordered
def test_a_name_is_not_synced_with_its_file(crash_model: str) -> None:
    """POSIX: fsync of a file does not cover the entry in its directory."""
    assert contents(crash_model, Create(ROOT, "a", A), Write(A, 0, b"AA"), Sync(A)) == {b"AA", None}


@pytest.mark.parametrize("crash_model", ["prefix", "ext4-journal", "ext4", "xfs", "btrfs"])
def test_a_new_name_is_synced_with_its_file(crash_model: str) -> None:
    """Litmus create-fsync-no-dir: fsync of a new file covers its name on every filesystem tried."""
    assert contents(crash_model, Create(ROOT, "a", A), Write(A, 0, b"AA"), Sync(A)) == {b"AA"}


@unordered
def test_a_directory_does_not_cover_another(crash_model: str) -> None:
    """A sync of one directory leaves the names in another alone."""
    initial = Image(directories=frozenset({"/d"}))
    events = (Create(ROOT, "a", 2), Create(1, "a", 3), SyncDirectory(1))

    assert trees(crash_model, *events, initial=initial) == [
        {"/a": b"", "/d": None, "/d/a": b""},
        {"/d": None, "/d/a": b""},
    ]


@power_lost
def test_what_is_in_a_lost_directory_is_lost(crash_model: str) -> None:
    """A file whose name is durable cannot be reached if its directory's is not."""
    events = (MakeDirectory(ROOT, "d", 1), SyncFailed(ROOT), Create(1, "a", 2), SyncDirectory(1))

    assert trees(crash_model, *events) == [{"/d": None, "/d/a": b""}, {}]


def test_names_are_in_order_on_ext4() -> None:
    """Of two new names, the second is there only with the first."""
    assert trees("ext4", Create(ROOT, "a", 1), Create(ROOT, "b", 2)) == [
        {"/a": b"", "/b": b""},
        {"/a": b""},
        {},
    ]


@unordered
def test_names_are_in_no_order_without_a_sync(crash_model: str) -> None:
    """Of two new names, either may be there alone."""
    assert len(trees(crash_model, Create(ROOT, "a", 1), Create(ROOT, "b", 2))) == 4


# Renames

REPLACED = Image({"/a": b"new", "/b": b"old"})


@power_lost
def test_the_target_of_a_rename_is_never_absent(crash_model: str) -> None:
    """Whoever opens the subject finds the old file or the new one."""
    events = (Rename(ROOT, "a", ROOT, "b"),)

    assert contents(crash_model, *events, initial=REPLACED, path="/b") == {b"old", b"new"}


@pytest.mark.parametrize("crash_model", ["prefix", "ext4"])
def test_a_rename_is_one_step(crash_model: str) -> None:
    """The name is in its old place or in its new one."""
    events = (Rename(ROOT, "a", ROOT, "b"),)

    assert trees(crash_model, *events, initial=REPLACED) == [
        {"/a": b"new", "/b": b"old"},
        {"/b": b"new"},
    ]


@unordered
def test_the_source_of_a_rename_may_go_or_stay(crash_model: str) -> None:
    """Its removal is a change of its own: both names may be there, or only the old subject."""
    events = (Rename(ROOT, "a", ROOT, "b"),)

    assert trees(crash_model, *events, initial=REPLACED) == [
        {"/a": b"new", "/b": b"new"},
        {"/a": b"new", "/b": b"old"},
        {"/b": b"new"},
        {"/b": b"old"},
    ]


@power_lost
def test_renaming_a_file_to_its_own_name_changes_nothing(crash_model: str) -> None:
    """POSIX: if both names are of the same file, rename does nothing."""
    events = (Rename(ROOT, "a", ROOT, "a"),)

    assert trees(crash_model, *events, initial=REPLACED) == [dict(REPLACED.key)]


def test_a_replacement_has_its_size_on_ext4() -> None:
    """Litmus replace-by-rename: the old file, the new one, or as many zeros (6.1 and 6.12)."""
    events = (Create(ROOT, "b", B), Write(B, 0, b"NEW!new!"), Rename(ROOT, "b", ROOT, "a"))

    found = contents("ext4", *events, initial=Image({"/a": b"old"}))

    assert found == {b"old", bytes(8), b"NEW!new!"}


def test_a_replacement_may_be_empty_on_xfs() -> None:
    """Litmus replace-by-rename: XFS renames before it gives the file its size."""
    events = (Create(ROOT, "b", B), Write(B, 0, b"NEW!new!"), Rename(ROOT, "b", ROOT, "a"))

    found = contents("xfs", *events, initial=Image({"/a": b"old"}))

    assert found == {b"old", b"", bytes(8), b"NEW!new!"}


def test_a_sync_of_a_clean_file_covers_no_name_on_ext4() -> None:
    """Litmus create-then-fsync-clean-file: there is nothing to commit, so nothing is."""
    initial = Image({"/b": b"durable"})
    events = (Create(ROOT, "c", 2), Sync(1))

    assert trees("ext4", *events, initial=initial) == [
        {"/b": b"durable", "/c": b""},
        {"/b": b"durable"},
    ]


def test_a_sync_covers_a_rename_of_its_own_file_on_ext4() -> None:
    """Litmus rename-fsync-clean and rename-fdatasync-overwrite: fsync does, fdatasync does not."""
    initial = Image({"/n": b"durable"})
    moved = (Rename(ROOT, "n", ROOT, "a"), Write(1, 0, b"D"))

    assert trees("ext4", *moved, Sync(1), initial=initial) == [{"/a": b"Durable"}]
    assert trees("ext4", *moved, Sync(1, data_only=True), initial=initial) == [
        {"/a": b"Durable"},
        {"/n": b"Durable"},
    ]


def test_a_write_covers_itself_through_o_dsync_and_the_names_through_o_sync() -> None:
    """Litmus rename-dsync-overwrite and rename-sync-overwrite, on ext4."""
    initial = Image({"/n": b"durable"})
    moved = (Rename(ROOT, "n", ROOT, "a"), Write(1, 0, b"D"))

    data_only = trees("ext4", *moved, PartialSync(1, 0, 1, 0, data_only=True), initial=initial)
    full = trees("ext4", *moved, PartialSync(1, 0, 1, 0), initial=initial)

    assert full == [{"/a": b"Durable"}]
    assert data_only == [{"/a": b"Durable"}, {"/n": b"Durable"}]


def test_a_sync_covers_no_earlier_name_of_another_file_on_btrfs() -> None:
    """Litmus fsync-new-covers-names: the second file has its name, and the first may have none."""
    events = (Create(ROOT, "a", 1), Create(ROOT, "b", 2), Write(2, 0, b"B"), Sync(2))

    assert trees("btrfs", *events) == [{"/a": b"", "/b": b"B"}, {"/b": b"B"}]


@pytest.mark.parametrize("data_only", [False, True])
@pytest.mark.parametrize("crash_model", ["btrfs", "adversarial"])
def test_a_sync_of_a_file_without_a_name_covers_nothing(
    crash_model: str, *, data_only: bool
) -> None:
    """Litmus unlink-fsync-itself: on btrfs the file is back, with the bytes that it had."""
    initial = Image({"/a": b"old"})
    events = (Write(1, 0, b"n"), Unlink(ROOT, "a"), Sync(1, data_only=data_only))

    assert {"/a": b"old"} in trees(crash_model, *events, initial=initial)
    assert trees("ext4", *events, Sync(1), initial=initial) == [{}]


def test_a_sync_of_a_file_with_a_name_left_covers_it_on_btrfs() -> None:
    """A second name is enough: the file is synced, and so is the loss of the first."""
    initial = Image({"/a": b"old"})
    events = (Link(ROOT, "b", 1), Write(1, 0, b"n"), Unlink(ROOT, "a"), Sync(1))

    assert trees("btrfs", *events, initial=initial) == [{"/b": b"nld"}]


@power_lost
def test_a_sync_of_the_filesystem_covers_everything(crash_model: str) -> None:
    """Litmus create-syncfs-other: names, sizes and data of all files."""
    events = (Create(ROOT, "a", 1), Write(1, 0, b"AAAAA"), Create(ROOT, "b", 2), SyncFilesystem())

    assert trees(crash_model, *events) == [{"/a": b"AAAAA", "/b": b""}]


@pytest.mark.parametrize(
    ("crash_model", "event", "kept"),
    [
        ("ext4", SyncFilesystem(), True),
        ("xfs", SyncFilesystem(), False),
        ("adversarial", SyncFilesystem(), False),
        ("xfs", Sync(1, data_only=True), True),
        ("xfs", Settled(), True),
    ],
)
def test_a_sync_of_the_filesystem_may_leave_out_what_was_overwritten(
    crash_model: str, event: Event, *, kept: bool
) -> None:
    """Litmus overwrite-syncfs: on XFS the old bytes, syncfs having returned; fsync is no such."""
    initial = Image({"/a": b"old"})
    found = trees(crash_model, Write(1, 0, b"n"), event, initial=initial)
    assert found == [{"/a": b"nld"}, *([] if kept else [{"/a": b"old"}])]


def test_a_megabyte_that_was_allocated_before_costs_few_images() -> None:
    """A journal in such a file, renamed and synced by fdatasync, may have its old name on ext4."""
    made = (Create(ROOT, "new", 1), Write(1, 0, bytes(1 << 20)), Sync(1))
    events = (*made, Rename(ROOT, "new", ROOT, "log"), Write(1, 0, b"record"))
    synced = (*events, Sync(1, data_only=True))
    space = ImageSpace.after(Image(), synced, CRASH_MODELS["ext4"])

    names = [set(space.builder.build(choice).files) for choice in space.choices()]

    assert space.count() == 2
    assert names == [{"/new"}, {"/log"}]


@power_lost
def test_starting_writeback_covers_nothing(crash_model: str) -> None:
    """Litmus append-sync-range: sync_file_range leaves everything as it was."""
    events = (*NEW_FILE, Write(A, 0, b"AAAA"))

    assert trees(crash_model, *events, WritebackStarted(A, 0, 4)) == trees(crash_model, *events)


def test_a_synced_replacement_may_hold_zeros_on_ext4() -> None:
    """Litmus replace-then-syncdir-at-once: the directory's sync covers the name and the size."""
    initial = Image({"/a": b"old"})
    events = (
        Create(ROOT, "c", 2),
        Write(2, 0, b"NEW!"),
        Rename(ROOT, "c", ROOT, "a"),
        SyncDirectory(ROOT),
    )

    assert contents("ext4", *events, initial=initial) == {ZEROS, b"NEW!"}


def test_a_replacement_may_be_empty() -> None:
    """Without a sync of the new file before it, a rename may leave nothing in its place."""
    events = (Create(ROOT, "b", B), Write(B, 0, b"NEW!"), Rename(ROOT, "b", ROOT, "a"))

    found = contents("adversarial", *events, initial=Image({"/a": b"old"}))

    assert found == {b"old", b"", b"NEW!", ZEROS, garbage(0, 4)}


def test_a_new_name_promises_no_data_on_ext4() -> None:
    """Litmus rename-new: renamed to a name that was free, a file may be empty, or zeros."""
    events = (Write(A, 0, b"AAAA"), Rename(ROOT, "a", ROOT, "b"), SyncDirectory(ROOT))

    found = contents("ext4", *events, initial=Image({"/a": b""}), path="/b")

    assert found == {b"", ZEROS, b"AAAA"}


# Blocks


def test_a_new_block_is_zeros_or_whole_on_ext4() -> None:
    """Litmus two-blocks: the size implies no data, and no part of a new block is there alone."""
    assert contents("ext4", *NEW_FILE, Write(A, 0, b"AAAABBBB")) == {
        b"",
        bytes(8),
        b"AAAABBBB",
    }


def test_a_second_write_to_a_block_comes_with_the_first_on_ext4() -> None:
    """Litmus append-within-block: a block holds at least what it began with, or zeros."""
    events = (*NEW_FILE, Write(A, 0, b"AAAA"), Write(A, 4, b"BBBB"))

    assert contents("ext4", *events) == {
        b"",
        ZEROS,
        b"AAAA",
        ZEROS + ZEROS,
        b"AAAA" + ZEROS,
        b"AAAABBBB",
    }


def test_the_block_at_the_end_is_allocated_on_ext4() -> None:
    """Litmus append-over-block-boundary: within a durable block each sector is free."""
    initial = Image({"/a": b"AAAA"})

    assert contents("ext4", Write(A, 4, b"BBBBCCCC"), initial=initial) == {
        b"AAAA",
        b"AAAA" + ZEROS,
        b"AAAABBBB",
        b"AAAA" + ZEROS + ZEROS,
        b"AAAABBBB" + ZEROS,
        b"AAAA" + ZEROS + b"CCCC",
        b"AAAABBBBCCCC",
    }


def test_zeros_up_to_the_end_of_a_block_may_come_alone() -> None:
    """A write far behind the end: a sync of the first block gives it that size."""
    events = (Write(A, 8, b"BBBB"), Write(A, 0, b"C"), PartialSync(A, 0, 1, 0))

    assert contents("ext4", *events, initial=Image({"/a": b"AAAA"})) == {
        b"CAAA" + ZEROS,
        b"CAAA" + ZEROS + ZEROS,
        b"CAAA" + ZEROS + b"BBBB",
    }


def test_blocks_of_a_truncated_file_are_new_on_ext4() -> None:
    """Litmus replace-by-truncate: emptied and written again, a file may be full of zeros."""
    events = (Truncate(A, 0), Write(A, 0, b"BBBBbbbb"))

    assert contents("ext4", *events, initial=Image({"/a": b"AAAAaaaa"})) == {
        b"AAAAaaaa",
        b"",
        bytes(8),
        b"BBBBbbbb",
    }


def test_a_block_of_zeros_is_allocated_on_ext4() -> None:
    """Where zeros were written first, what comes later is free."""
    events = (Truncate(A, 0), Write(A, 0, ZEROS), Write(A, 4, b"BBBB"))

    assert contents("ext4", *events, initial=Image({"/a": b"AAAAaaaa"})) == {
        b"AAAAaaaa",
        b"",
        ZEROS,
        ZEROS + ZEROS,
        ZEROS + b"BBBB",
    }


def test_a_sync_covers_no_other_file_s_data_on_ext4() -> None:
    """Litmus two-appends-fsync-one: fsync of a new file commits earlier names, and its own data."""
    events = (Create(ROOT, "a", 1), Write(1, 0, b"AAAA"), Create(ROOT, "b", 2), Sync(2))

    assert trees("ext4", *events) == [
        {"/a": b"", "/b": b""},
        {"/a": b"AAAA", "/b": b""},
        {"/a": ZEROS, "/b": b""},
    ]


# Truncations


@pytest.mark.parametrize("crash_model", ["prefix", "ext4-journal"])
def test_a_truncation_is_one_step(crash_model: str) -> None:
    """Its size and its cut are on disk together or not at all."""
    initial = Image({"/a": b"AAAABBBB"})

    assert contents(crash_model, Truncate(A, 2), Truncate(A, 8), initial=initial) == {
        b"AAAABBBB",
        b"AA",
        b"AA" + bytes(6),
    }


def test_zeros_may_come_before_the_truncation_on_ext4() -> None:
    """Litmus append-truncate: the old length with its tail zeroed, sector by sector."""
    assert contents("ext4", Truncate(A, 2), initial=Image({"/a": b"AAAABBBB"})) == {
        b"AAAABBBB",
        b"AA\0\0BBBB",
        b"AAAA" + ZEROS,
        b"AA" + bytes(6),
        b"AA",
    }


def test_bytes_may_come_back_behind_a_truncation_with_data_writeback() -> None:
    """Litmus cut-then-append: the journal does not wait for the zeros."""
    events = (Truncate(A, 4), Write(A, 4, b"CCCC"), Sync(A))

    found = contents("ext4-writeback", *events[:2], initial=Image({"/a": b"AAAABBBB"}))

    assert b"AAAABBBB" in found
    assert contents("ext4", *events, initial=Image({"/a": b"AAAABBBB"})) == {b"AAAACCCC"}


@unordered
def test_a_truncation_may_leave_what_it_cut_off(crash_model: str) -> None:
    """Shrunk and extended, a file may show its old bytes again."""
    initial = Image({"/a": b"AAAABBBB"})

    assert contents(crash_model, Truncate(A, 2), Truncate(A, 8), initial=initial) == {
        b"AAAABBBB",
        b"AAAA" + ZEROS,
        b"AA\0\0BBBB",
        b"AA" + bytes(6),
        b"AA",
    }


@unordered
def test_a_durable_truncation_may_leave_stale_bytes(crash_model: str) -> None:
    """Even after a sync: the next write there, not yet synced, may leave what was cut off."""
    events = (Truncate(A, 4), Sync(A), Write(A, 4, b"CCCC"))

    assert contents(crash_model, *events, initial=Image({"/a": b"AAAABBBB"})) == {
        b"AAAA",
        b"AAAACCCC",
        b"AAAA" + ZEROS,
        b"AAAA" + garbage(1, 4),
        b"AAAABBBB",
    }


@unordered
def test_bytes_of_any_truncation_may_come_back(crash_model: str) -> None:
    """What was cut off later, and was never on disk, hides nothing of what was cut off first."""
    events = (
        *(Truncate(A, 4), Sync(A)),
        *(Write(A, 4, b"CCCC"), Truncate(A, 4), Write(A, 4, b"DDDD")),
    )

    found = contents(crash_model, *events, initial=Image({"/a": b"AAAABBBB"}))

    assert found >= {b"AAAABBBB", b"AAAACCCC", b"AAAADDDD"}


@unordered
def test_an_extension_cuts_nothing_off(crash_model: str) -> None:
    """A file that is made longer is as it was, or longer by zeros."""
    assert contents(crash_model, Truncate(A, 7), initial=Image({"/a": b"AAAAB"})) == {
        b"AAAAB",
        b"AAAAB\0\0",
    }


# Blocks of deleted files


def test_a_new_sector_may_be_of_a_deleted_file() -> None:
    """Where blocks are used again without being cleared, another file's bytes come back."""
    initial = Image({"/a": b"OLD!old!"})
    events = (Unlink(ROOT, "a"), Create(ROOT, "b", B), SyncDirectory(ROOT), Write(B, 0, b"NEW!"))

    harsh = contents("recycled-blocks", *events, initial=initial, path="/b")
    mild = contents("adversarial", *events, initial=initial, path="/b")

    assert mild == {b"", ZEROS, garbage(0, 4), b"NEW!"}
    assert harsh == mild | {b"OLD!"}


# Stores through mappings

STORED = Stored(A, ((0, b"x"), (4, b"y")))
BEFORE = Image({"/a": b"AAAABBBB"})


def test_a_batch_of_stores_is_whole_where_the_order_of_the_program_holds() -> None:
    """Of two sectors that were stored in an unknown order, a prefix has both or none."""
    assert contents("process-kill", STORED, initial=BEFORE) == {b"xAAAyBBB"}
    assert contents("prefix", STORED, initial=BEFORE) == {b"AAAABBBB", b"xAAAyBBB"}


@pytest.mark.parametrize("crash_model", ["ext4", "adversarial", "recycled-blocks"])
def test_the_sectors_of_a_batch_of_stores_are_free(crash_model: str) -> None:
    """Where sectors have no order, each may be there without the other."""
    found = contents(crash_model, STORED, initial=BEFORE)
    assert found == {b"AAAABBBB", b"xAAABBBB", b"AAAAyBBB", b"xAAAyBBB"}


def test_a_sync_of_a_range_covers_the_stores_in_it() -> None:
    """After an msync of the first sector, the second may still be lost."""
    found = contents("adversarial", STORED, PartialSync(A, 0, 4, 0), initial=BEFORE)
    assert found == {b"xAAABBBB", b"xAAAyBBB"}


def test_a_store_beyond_the_end_of_a_file_leaves_nothing() -> None:
    """A mapped page reaches beyond the file's end; what is stored there is not in the file."""
    beyond = Stored(A, ((8, b"z"),))
    assert contents("adversarial", beyond, initial=BEFORE) == {b"AAAABBBB"}


# Two names exchanged, and files that are made without a name

PAIR = Image({"/a": b"one", "/b": b"two"})
EXCHANGE = Exchange(ROOT, "a", ROOT, "b")


@pytest.mark.parametrize("crash_model", ["prefix", "ext4", "xfs", "btrfs"])
def test_an_exchange_is_there_as_a_whole_or_not_at_all(crash_model: str) -> None:
    """No crash leaves both names with the same file."""
    found = trees(crash_model, EXCHANGE, initial=PAIR)
    assert found == [{"/a": b"one", "/b": b"two"}, {"/a": b"two", "/b": b"one"}]


def test_posix_says_nothing_of_half_an_exchange() -> None:
    """Where no filesystem is named, each name is free."""
    assert len(trees("adversarial", EXCHANGE, initial=PAIR)) == 4


def test_a_file_without_a_name_is_in_no_image() -> None:
    """O_TMPFILE leaves nothing that a path leads to, until the file gets its name in one step."""
    made = (Create(NAMELESS, "#1", A), Write(A, 0, b"whole"), Sync(A))
    assert trees("ext4", *made) == [{}]
    assert trees("ext4", *made, Rename(NAMELESS, "#1", ROOT, "a")) == [{"/a": b"whole"}, {}]
