"""
A judge with a bug is noticed.

Each mutation puts one bug into the disk model, of the kind that somebody could
make tomorrow.  On a handful of fixed traces the comparison with brute force must
then fail, as it must hold without the bug.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from attrs import evolve
from tornproof_models.certificates.checker.plain_crash import Crash
from tornproof_models.certificates.checker.plain_disk import Disk
from tornproof_models.disk import crash_models, images, registers
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import (
    ROOT,
    Create,
    Event,
    Image,
    MakeDirectory,
    Rename,
    Stored,
    Sync,
    SyncDirectory,
    SyncFailed,
    Trace,
    Truncate,
    Unlink,
    Write,
)
from tornproof_models.disk.versions import Data, Name, Register, Version

from tests.models import brute_force
from tests.models.brute_force import BLOCK, SECTOR, Key
from tests.models.judge import images_of, space_of

NEW = (Create(ROOT, "a", 1), SyncDirectory(ROOT))
TRACES = {
    "two writes to a new block": Trace(Image(), (*NEW, Write(1, 0, b"AAAA"), Write(1, 4, b"BB"))),
    "two writes to a sector": Trace(Image({"/a": b"AAAA"}), (Write(1, 0, b"x"), Write(1, 1, b"y"))),
    "zeros": Trace(Image(), (*NEW, Write(1, 0, bytes(4)))),
    "a sync": Trace(Image(), (*NEW, Write(1, 0, b"AAAAB"), Sync(1), Write(1, 5, b"CC"))),
    "a sync that fails": Trace(
        Image(),
        (*NEW, Write(1, 0, b"AAAA"), SyncFailed(1), Write(1, 4, b"BBBB"), Sync(1)),
    ),
    "a retried sync": Trace(Image(), (*NEW, Write(1, 0, b"AAAA"), SyncFailed(1), Sync(1))),
    "the same again": Trace(
        Image(), (*NEW, Write(1, 0, b"AAAA"), SyncFailed(1), Write(1, 0, b"AAAA"), Sync(1))
    ),
    "a synced file without a name": Trace(
        Image(), (Create(ROOT, "a", 1), Write(1, 0, b"AAAA"), Sync(1))
    ),
    "two names": Trace(Image(), (Create(ROOT, "a", 1), Create(ROOT, "b", 2))),
    "a rename over a file": Trace(
        Image({"/a": b"old", "/b": b""}),
        (Create(ROOT, "c", 3), Write(3, 0, b"NEW!"), Rename(ROOT, "c", ROOT, "a")),
    ),
    "a rename, and a sync of another file": Trace(
        Image({"/a": b"old", "/b": b""}),
        (Create(ROOT, "c", 3), Write(3, 0, b"NEW!"), Rename(ROOT, "c", ROOT, "a"), Sync(2)),
    ),
    "a rename over a file, and a sync of the directory": Trace(
        Image({"/a": b"old"}),
        (
            Create(ROOT, "c", 2),
            Write(2, 0, b"NEW!"),
            Rename(ROOT, "c", ROOT, "a"),
            SyncDirectory(0),
        ),
    ),
    "a rename, an overwrite and an fdatasync": Trace(
        Image({"/n": b"old"}),
        (Rename(ROOT, "n", ROOT, "a"), Write(1, 0, b"O"), Sync(1, data_only=True)),
    ),
    "stores in two sectors": Trace(
        Image({"/a": b"AAAABBBB"}), (Stored(1, ((0, b"x"), (4, b"y"))),)
    ),
    "names in two directories": Trace(
        Image(directories=frozenset({"/d"})),
        (Create(ROOT, "a", 2), Create(1, "b", 3), SyncDirectory(1), MakeDirectory(1, "e", 4)),
    ),
    "a truncation": Trace(Image({"/a": b"AAAABBBB"}), (Truncate(1, 2), Truncate(1, 8))),
    "a truncation, and a write behind it": Trace(
        Image({"/a": b"AAAA"}), (Truncate(1, 2), Write(1, 4, b"CCCC"))
    ),
    "a file written anew": Trace(
        Image({"/a": b"AAAAaaaa"}), (Truncate(1, 0), Write(1, 0, b"BBBBbbbb"))
    ),
    "two durable truncations": Trace(
        Image({"/a": b"AAAABBBB"}),
        (
            *(Truncate(1, 4), Sync(1)),
            *(Write(1, 4, b"CC"), Truncate(1, 4), Write(1, 4, b"DD")),
        ),
    ),
    "a deleted file": Trace(
        Image({"/a": b"OLD!"}),
        (Unlink(ROOT, "a"), Create(ROOT, "b", 2), SyncDirectory(ROOT), Write(2, 0, b"NEW!")),
    ),
}


@cache
def truth(name: str, crash_model: str) -> set[Key]:
    """Return what brute force finds, which no mutation touches."""
    return brute_force.images(TRACES[name], crash_model)


@cache
def plain_count(name: str, crash_model: str) -> int:
    """Count the images as the checker of certificates does, which no mutation touches."""
    disk = Disk(crash_model, SECTOR, BLOCK)
    disk.begin(TRACES[name].initial)
    for event in TRACES[name].events:
        disk.replay(event)
    return Crash(disk).count()


def disagreements() -> Iterator[tuple[str, str]]:
    """Yield each trace and crash model on which the model and brute force differ."""
    for name, trace in TRACES.items():
        for crash_model in CRASH_MODELS:
            space = space_of(trace, crash_model)
            numbered = {
                space.builder.build(space.unrank(number)).key for number in range(space.count())
            }
            found = images_of(space) == numbered == truth(name, crash_model)
            counted = crash_model == "recycled-blocks" or (
                space.count() == plain_count(name, crash_model)  # which knows no deleted files
            )
            if not found or not counted:
                yield name, crash_model


def test_agrees_as_it_stands() -> None:
    """Without a mutation, the model and brute force agree on every trace in every crash model."""
    assert list(disagreements()) == []


# Rules

implying = [rule for rule in crash_models.RULES if rule.edges is not None]


@pytest.mark.parametrize("dropped", implying, ids=lambda rule: rule.name)
def test_a_dropped_rule_is_noticed(
    dropped: crash_models.Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule that implies something rules out some image of these traces."""
    empty = evolve(dropped, edges=lambda _: ())
    kept = tuple(empty if rule is dropped else rule for rule in crash_models.RULES)

    monkeypatch.setattr(crash_models, "RULES", kept)

    assert list(disagreements())


# Code

Patch = Callable[[pytest.MonkeyPatch], None]
MUTATIONS: list[Patch] = []


def mutation(patch: Patch) -> Patch:
    """Add a mutation, which is named after its bug."""
    MUTATIONS.append(patch)
    return patch


# Floors


@mutation
def a_sync_covers_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise floors too much."""
    monkeypatch.setattr(Registers, "_covered_by", lambda self, *_, **__: self.pending)


@mutation
def a_sync_covers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise no floors."""
    monkeypatch.setattr(Registers, "_covered_by", lambda *_, **__: [])


@mutation
def a_sync_of_a_directory_covers_all_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every name to be the root's."""
    owner = registers._owner

    def owned_by_root(register: Register) -> int:
        return ROOT if isinstance(register, Name) else owner(register)

    monkeypatch.setattr(registers, "_owner", owned_by_root)


@mutation
def a_sync_of_a_file_covers_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what ext4 does for what POSIX says."""
    covered = Registers._covered_by

    def with_names(self: Registers, inode: int, *, data_only: bool) -> list[Version]:
        names = [v for v in self.pending if isinstance(v.register, Name) and v.value == inode]
        return covered(self, inode, data_only=data_only) + names

    monkeypatch.setattr(Registers, "_covered_by", with_names)


@mutation
def an_fdatasync_is_an_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fdatasync commit a rename, as fsync does."""
    advance = Registers.advance

    def full(self: Registers, event: Event) -> None:
        advance(self, Sync(event.inode) if isinstance(event, Sync) else event)

    monkeypatch.setattr(Registers, "advance", full)


@mutation
def a_failed_sync_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a failed sync for a sync."""
    advance = Registers.advance

    def believe(self: Registers, event: Event) -> None:
        advance(self, Sync(event.inode) if isinstance(event, SyncFailed) else event)

    monkeypatch.setattr(Registers, "advance", believe)


@mutation
def a_retried_sync_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take pages that are clean for pages that the next sync writes."""
    advance = Registers.advance

    def forget(self: Registers, event: Event) -> None:
        if not isinstance(event, SyncFailed):
            advance(self, event)

    monkeypatch.setattr(Registers, "advance", forget)


@mutation
def what_names_need_is_not_synced_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a rename durable without the data that it waits for."""
    raise_floors = Registers._raise_floors

    def alone(self: Registers, covered: list[Version]) -> None:
        needs = [(version, version.needs) for version in self.pending]
        for version, _ in needs:
            version.needs = []
        raise_floors(self, covered)
        for version, needed in needs:
            version.needs = needed

    monkeypatch.setattr(Registers, "_raise_floors", alone)


# Versions


@mutation
def the_same_again_is_never_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no notice of a page that is written again after its sync has failed."""
    write = Registers._write_sector

    def unless_same(self: Registers, inode: int, sector: int) -> Version | None:
        history = self._history.get(Data(inode, sector), [])
        values = [version.value for version in history[-1:]]
        return None if values == [self._sector(inode, sector)] else write(self, inode, sector)

    monkeypatch.setattr(Registers, "_write_sector", unless_same)


@mutation
def zeros_are_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take zeros in a new sector for what is there already."""
    write = Registers._write_sector

    def unless_zeros(self: Registers, inode: int, sector: int) -> Version | None:
        return write(self, inode, sector) if any(self._sector(inode, sector)) else None

    monkeypatch.setattr(Registers, "_write_sector", unless_zeros)


@mutation
def no_block_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every block to be allocated already, so that each of its sectors is free."""
    monkeypatch.setattr(Registers, "_blocks_of", lambda *_: (1 << 30, {}))


@mutation
def a_block_begins_with_every_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tie the sectors of the second write to each other, and not to the first."""
    blocks_of = Registers._blocks_of

    def all_of_them(self: Registers, inode: int) -> tuple[int, dict[int, list[Version]]]:
        allocated, _ = blocks_of(self, inode)
        return allocated, {}

    monkeypatch.setattr(Registers, "_blocks_of", all_of_them)


@mutation
def a_truncation_frees_no_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what was allocated once to stay so."""
    monkeypatch.setattr(
        Registers, "_blocks_of", lambda self, inode: (self._blocks(self.sizes[inode]), {})
    )


@mutation
def a_truncation_is_not_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a truncation for a write of zeros and a change of size."""
    add = Registers._add

    def apart(
        self: Registers, register: Register, value: Any, *, namespace: bool = False
    ) -> Version:
        return add(self, register, value, namespace=namespace and isinstance(register, Name))

    monkeypatch.setattr(Registers, "_add", apart)


@mutation
def the_subject_of_a_rename_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a rename for an unlink and a rename."""
    rename = Registers._rename

    def unlink_first(self: Registers, event: Rename) -> None:
        self._set_name(event.target_directory, event.target, None)
        self._step += 1
        rename(self, event)

    monkeypatch.setattr(Registers, "_rename", unlink_first)


@mutation
def the_source_of_a_rename_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a rename for a link."""
    set_name = Registers._set_name

    def only_set(self: Registers, directory: int, name: str, inode: int | None) -> None:
        if inode is not None:
            set_name(self, directory, name, inode)

    monkeypatch.setattr(Registers, "_set_name", only_set)


# Contents of sectors


@mutation
def new_sectors_hold_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore fillings."""
    monkeypatch.setattr(images, "unwritten_contents", lambda *_: {})


@mutation
def old_sectors_hold_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every sector to be new, durable or not."""
    monkeypatch.setattr(Registers, "is_new", lambda *_: True)


@mutation
def truncations_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what was cut off."""
    truncate = Registers._truncate

    def forget(self: Registers, event: Truncate) -> None:
        truncate(self, event)
        self.cut.clear()

    monkeypatch.setattr(Registers, "_truncate", forget)


@mutation
def only_the_last_truncation_leaves_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what was cut off before."""
    truncate = Registers._truncate

    def remember_one(self: Registers, event: Truncate) -> None:
        truncate(self, event)
        self.cut = {register: contents[-1:] for register, contents in self.cut.items()}

    monkeypatch.setattr(Registers, "_truncate", remember_one)


@mutation
def deleted_files_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what deleted files held."""
    set_name = Registers._set_name

    def forget(self: Registers, directory: int, name: str, inode: int | None) -> None:
        set_name(self, directory, name, inode)
        self.freed.clear()

    monkeypatch.setattr(Registers, "_set_name", forget)


# The recursion


@mutation
def nothing_is_kept_with_the_pivot(monkeypatch: pytest.MonkeyPatch) -> None:
    """List the choices without the pivot, and forget those with it."""
    down_sets = ImageSpace._down_sets

    def without(self: ImageSpace, remaining: int) -> Iterator[Choice]:
        pivot = self._pivot(remaining) if remaining else 0
        return (
            choice
            for choice in down_sets(self, remaining)
            if not remaining or not choice.kept >> pivot & 1
        )

    monkeypatch.setattr(ImageSpace, "_down_sets", without)


@mutation
def the_count_ignores_fillings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count each sector that was lost once."""
    count = ImageSpace.count

    def unfilled(self: ImageSpace) -> int:
        fillings, self.fillings = self.fillings, {}
        number = count(self)
        self.fillings = fillings
        self._counts = {0: 1}
        return number

    monkeypatch.setattr(ImageSpace, "count", unfilled)


@mutation
def implications_are_not_followed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Follow each implication for one step."""
    monkeypatch.setattr(
        images,
        "_closure",
        lambda edges, _: [
            images._union(1 << j for j in (i, *effects)) for i, effects in enumerate(edges)
        ],
    )


@mutation
def unrelated_versions_are_lost_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the choices of independent parts side by side, not each with each."""
    monkeypatch.setattr(images, "product", lambda *parts: zip(*parts, strict=False))


@pytest.mark.parametrize("bug", MUTATIONS, ids=lambda bug: bug.__name__.replace("_", " "))
def test_a_bug_is_noticed(bug: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bug, the model and brute force differ on some trace in some crash model."""
    bug(monkeypatch)

    assert list(disagreements())
