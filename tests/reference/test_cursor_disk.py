"""Cursors are kept across crashes, whatever fails."""

from pathlib import Path

import pytest
from tornproof.errors import InputOutput, Invalid
from tornproof.journal import Cursor, Journal
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Rename

from tests.reference.cursor_files import (
    CURSOR_FILE,
    DIRECTORY,
    cursor_file,
    kitchen,
    overwrite,
    three_segments,
)


@requirement("CUR-1", "CUR-2")
@pytest.mark.parametrize("crash_model", CLAIMED)
def test_a_crash_anywhere_leaves_the_old_position_or_the_new(crash_model: str) -> None:
    """Every image of every crash while it moves twice; the new one once it has returned."""
    filesystem, _ = three_segments()
    cursor = kitchen(filesystem)
    moved = {len(filesystem.events): 0}
    for position in (82, 205):
        cursor.advance(position)
        moved[len(filesystem.events)] = position
    registers = Registers.of(filesystem.initial, CRASH_MODELS[crash_model].floors)
    reached, images = -1, 0
    for point, event in enumerate((*filesystem.events, None)):
        reached = moved.get(point, reached)
        if reached >= 0:
            following = min((each for each in moved.values() if each > reached), default=reached)
            space = ImageSpace(registers, CRASH_MODELS[crash_model])
            for choice in space.choices():
                files = space.builder.build(choice).files
                assert files[CURSOR_FILE] in (cursor_file(reached), cursor_file(following))
                images += 1
        if event is not None:
            registers.advance(event)
    assert reached == 205
    assert images > 10


@requirement("CUR-2")
def test_a_position_that_was_shown_stays() -> None:
    """The last process died before it could sync; the next one syncs before it believes."""
    filesystem, _ = three_segments()
    cursor = kitchen(filesystem)
    begun = len(filesystem.events)
    cursor.advance(82)
    (renamed,) = (
        number
        for number, event in enumerate(filesystem.events)
        if isinstance(event, Rename) and number >= begun
    )
    del filesystem.events[renamed + 1 :]
    assert kitchen(filesystem).position == 82
    registers = Registers.of(filesystem.initial, CRASH_MODELS["adversarial"].floors)
    registers.replay(filesystem.events)
    space = ImageSpace(registers, CRASH_MODELS["adversarial"])
    found = {space.builder.build(choice).files[CURSOR_FILE] for choice in space.choices()}
    assert found == {cursor_file(82)}


def test_what_a_dead_process_left_half_done_is_no_obstacle() -> None:
    """Its temporary file is replaced by a fresh one."""
    filesystem, _ = three_segments()
    overwrite(filesystem, f"{CURSOR_FILE}.tmp", b"TPC1 half")
    kitchen(filesystem).advance(82)
    assert filesystem.image.files[CURSOR_FILE] == cursor_file(82)
    assert f"{CURSOR_FILE}.tmp" not in filesystem.image.files


@requirement("CUR-1")
@pytest.mark.parametrize("fault", Fault)
def test_a_disk_that_fails_leaves_the_old_position_or_the_new(fault: Fault) -> None:
    """Each operation fails once, in each way; the error is typed, and a second try succeeds."""
    nth, struck = 1, True
    while struck:
        filesystem, _ = three_segments()
        cursor = kitchen(filesystem)
        operations = filesystem.operations
        filesystem.fail(nth, fault)
        try:
            cursor.advance(82)
        except InputOutput:
            assert cursor.position == 0
            assert filesystem.image.files[CURSOR_FILE] in (cursor_file(0), cursor_file(82))
        struck = filesystem.struck_since(operations)
        filesystem.disarm()
        cursor.advance(82)
        assert cursor.position == 82
        assert filesystem.image.files[CURSOR_FILE] == cursor_file(82)
        nth += 1
    assert nth > 8


class CleansMeanwhile(ModelFilesystem):
    """Lets a cleanup come in just before a name is given."""

    journal: Journal | None = None

    def rename(self, source: str, target: str) -> None:
        journal, self.journal = self.journal, None
        if journal is not None:
            journal.cleanup()
        super().rename(source, target)


def test_a_cleanup_that_does_not_know_of_it_yet_leaves_no_gap() -> None:
    """A new cursor ends up at a record that is there."""
    filesystem = CleansMeanwhile()
    _, journal = three_segments(filesystem)
    Cursor.open(DIRECTORY, "bar", filesystem=filesystem).advance(164)
    filesystem.journal = journal
    assert kitchen(filesystem).position == journal.first == 164


class CountingReads(ModelFilesystem):
    """Counts the bytes that were asked for."""

    bytes_read = 0

    def read_inode(self, inode: int, offset: int, size: int) -> bytes:
        self.bytes_read += size
        return super().read_inode(inode, offset, size)


def test_moving_on_does_not_read_everything_again() -> None:
    """Of the megabyte before it, each move reads a window or two, not all."""
    filesystem = CountingReads()
    journal = Journal.open(DIRECTORY, durability="eventual", filesystem=filesystem)
    offsets = [journal.append(bytes(1000)) for _ in range(1000)]
    journal.sync()
    cursor = kitchen(filesystem)
    cursor.advance(offsets[900])
    filesystem.bytes_read = 0
    for offset in offsets[901:]:
        cursor.advance(offset)
    assert filesystem.bytes_read / 99 < 2 * 64 * 1024


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_no_directory_is_a_typed_error(kind: str, tmp_path: Path) -> None:
    """A cursor does not make the journal that it belongs to."""
    path = tmp_path / "journal"
    if kind == "file":
        path.write_bytes(b"mine")
    with pytest.raises(Invalid, match="directory"):
        Cursor.open(str(path), "kitchen")
    assert list(tmp_path.iterdir()) == ([path] if kind == "file" else [])


def test_a_directory_that_vanishes_is_a_typed_error(tmp_path: Path) -> None:
    """Under an open cursor, on a real disk."""
    directory = tmp_path / "journal"
    with Journal.open(str(directory)) as journal:
        journal.append(b"a")
    cursor = Cursor.open(str(directory), "kitchen")
    directory.rename(tmp_path / "elsewhere")
    with pytest.raises(InputOutput, match="is gone: open the cursor again"):
        cursor.advance(41)
    assert cursor.position == 0
    assert not directory.exists()
