"""Cursors: kept across crashes, never going back, and refusing what they cannot be."""

import struct
from pathlib import Path
from typing import Any

import pytest
from crc32c import crc32c
from tornproof.errors import (
    BeyondEnd,
    Corrupt,
    InputOutput,
    Invalid,
    NotABoundary,
    TornproofError,
)
from tornproof.journal import Cursor, Journal
from tornproof.journal.cursor import read_cursors
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Rename

DIRECTORY = "/journal"
CURSOR_FILE = f"{DIRECTORY}/kitchen.cursor"


def cursor_file(offset: int) -> bytes:
    """The 16 bytes of a cursor, from the layout in the specification."""
    body = struct.pack("<4sQ", b"TPC1", offset)
    return body + struct.pack("<I", crc32c(body))


def three_segments(filesystem: ModelFilesystem | None = None) -> tuple[ModelFilesystem, Journal]:
    """Two records of 41 bytes in each of three segments: offsets 0, 41, … 205."""
    filesystem = filesystem or ModelFilesystem()
    journal = Journal.open(DIRECTORY, segment_bytes=82, filesystem=filesystem)
    for payload in (b"a", b"b", b"c", b"d", b"e", b"f"):
        journal.append(payload)
    return filesystem, journal


def kitchen(filesystem: ModelFilesystem) -> Cursor:
    return Cursor.open(DIRECTORY, "kitchen", filesystem=filesystem)


def overwrite(filesystem: ModelFilesystem, path: str, content: bytes) -> None:
    """Put something else into a file."""
    file = filesystem.open(path, create=True)
    file.truncate(0)
    file.write_at(0, content)


# Positions


def test_begins_at_the_first_record() -> None:
    """A new cursor holds on to everything there is."""
    filesystem, _ = three_segments()
    assert kitchen(filesystem).position == 0
    assert filesystem.image.files[CURSOR_FILE] == cursor_file(0)


def test_begins_where_cleanup_has_left_off() -> None:
    """A consumer that comes late begins with the first record that is left."""
    filesystem, journal = three_segments()
    kitchen(filesystem).advance(164)
    journal.cleanup()
    assert Cursor.open(DIRECTORY, "late", filesystem=filesystem).position == 164


@requirement("CUR-1")
def test_keeps_its_position() -> None:
    """Opened again, by another process, it is where it was."""
    filesystem, _ = three_segments()
    kitchen(filesystem).advance(82)
    assert kitchen(filesystem).position == 82
    assert filesystem.image.files[CURSOR_FILE] == cursor_file(82)


def test_consumers_do_not_see_each_other() -> None:
    """Each name has a position of its own."""
    filesystem, _ = three_segments()
    kitchen(filesystem).advance(82)
    Cursor.open(DIRECTORY, "bar", filesystem=filesystem).advance(205)
    assert read_cursors(filesystem, DIRECTORY) == {"bar": 205, "kitchen": 82}


def test_may_stand_at_the_end() -> None:
    """A consumer that has done everything waits for the next record."""
    filesystem, journal = three_segments()
    cursor = kitchen(filesystem)
    cursor.advance(246)
    journal.append(b"g")
    cursor.advance(287)
    assert cursor.position == 287


def test_moving_to_where_it_is_writes_nothing() -> None:
    """Once is enough."""
    filesystem, _ = three_segments()
    cursor = kitchen(filesystem)
    cursor.advance(82)
    events = len(filesystem.events)
    cursor.advance(82)
    assert len(filesystem.events) == events


# What it refuses


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "/", "a/b", "../a", "/etc/passwd", "a\\b", "a\0", "a b", "A", "é", "-a"),
        *("_a", ".a", "a.b", "a\n", "a" * 64),
    ],
)
def test_a_name_that_could_be_a_path_is_refused(name: str) -> None:
    """Separators, dots, capitals, too long or empty: refused, and nothing is created."""
    filesystem, _ = three_segments()
    before = filesystem.image
    with pytest.raises(Invalid, match="cursor name"):
        Cursor.open(DIRECTORY, name, filesystem=filesystem)
    assert filesystem.image == before


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "a" * 63])
def test_a_plain_name_is_taken(name: str) -> None:
    """Letters, digits, '-' and '_', up to 63 of them."""
    filesystem, _ = three_segments()
    Cursor.open(DIRECTORY, name, filesystem=filesystem).advance(82)
    assert read_cursors(filesystem, DIRECTORY) == {name: 82}


@requirement("CUR-2")
@pytest.mark.parametrize(
    ("offset", "error"),
    [
        (-1, Invalid),
        (-(2**70), Invalid),
        (0, Invalid),
        (81, Invalid),
        (83, NotABoundary),
        (122, NotABoundary),
        (245, NotABoundary),
        (247, BeyondEnd),
        (2**64, BeyondEnd),
        (10**30, BeyondEnd),
    ],
)
def test_a_position_that_makes_no_sense_is_refused(
    offset: int, error: type[TornproofError]
) -> None:
    """Backwards, inside a record or beyond the end: refused, and nothing is changed."""
    filesystem, _ = three_segments()
    cursor = kitchen(filesystem)
    cursor.advance(82)
    events = len(filesystem.events)
    with pytest.raises(error) as caught:
        cursor.advance(offset)
    assert caught.type is error
    assert (cursor.position, len(filesystem.events)) == (82, events)


def test_does_not_pass_what_is_durable() -> None:
    """A consumer cannot have done with a record that a crash may take away."""
    filesystem = ModelFilesystem()
    journal = Journal.open(DIRECTORY, durability="eventual", filesystem=filesystem)
    journal.append(b"a")
    cursor = kitchen(filesystem)
    with pytest.raises(BeyondEnd, match="durable end, 0"):
        cursor.advance(41)
    journal.sync()
    cursor.advance(41)
    assert cursor.position == 41


@requirement("CUR-2")
def test_another_hand_on_the_same_cursor_does_not_take_it_back() -> None:
    """A consumer that was replaced, and does not know it, cannot undo what came after."""
    filesystem, _ = three_segments()
    old, new = kitchen(filesystem), kitchen(filesystem)
    new.advance(164)
    with pytest.raises(Invalid, match="is at 164 and cannot go back to 82"):
        old.advance(82)
    assert read_cursors(filesystem, DIRECTORY) == {"kitchen": 164}


DAMAGED = {
    "empty": b"",
    "short": cursor_file(82)[:-1],
    "long": cursor_file(82) + b"\0",
    "other magic": b"TPC2" + cursor_file(82)[4:],
    "text": b"82\n",
    "zeros": bytes(16),
    "flipped": bytes([*cursor_file(82)[:5], 1, *cursor_file(82)[6:]]),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_cursor_is_an_error(content: bytes) -> None:
    """It cannot be opened, moved or ignored by cleanup, and it stays as it is."""
    filesystem, journal = three_segments()
    cursor = kitchen(filesystem)
    Cursor.open(DIRECTORY, "bar", filesystem=filesystem).advance(246)
    overwrite(filesystem, CURSOR_FILE, content)
    events = len(filesystem.events)
    for act in (lambda: kitchen(filesystem), lambda: cursor.advance(82), journal.cleanup):
        with pytest.raises(Corrupt, match=r"kitchen\.cursor is not a cursor"):
            act()
    assert len(filesystem.events) == events


def test_a_damaged_cursor_is_its_own_consumers_trouble() -> None:
    """Others go on."""
    filesystem, _ = three_segments()
    overwrite(filesystem, CURSOR_FILE, b"?")
    Cursor.open(DIRECTORY, "bar", filesystem=filesystem).advance(82)
    assert filesystem.image.files[f"{DIRECTORY}/bar.cursor"] == cursor_file(82)


def test_files_of_similar_names_are_not_cursors() -> None:
    """Only what could have been opened as one counts."""
    filesystem, _ = three_segments()
    for name in ("Foo.cursor", ".cursor", "a.cursor.bak", "a.cursor.tmp"):
        overwrite(filesystem, f"{DIRECTORY}/{name}", b"?")
    assert read_cursors(filesystem, DIRECTORY) == {}


def test_takes_records_as_large_as_the_journal_does() -> None:
    """A cursor has to read a record to know that it begins there."""
    filesystem, _ = three_segments()
    journal = Journal.open(f"{DIRECTORY}/large", max_payload=32 << 20, filesystem=filesystem)
    journal.append(b"a")
    journal.append(bytes((16 << 20) + 1))
    options: dict[str, Any] = {"max_payload": 32 << 20, "filesystem": filesystem}
    cursor = Cursor.open(f"{DIRECTORY}/large", "kitchen", **options)
    cursor.advance(41)
    assert cursor.position == 41


# The disk


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
    with pytest.raises(InputOutput, match="No such file or directory"):
        cursor.advance(41)
    assert cursor.position == 0
    assert not directory.exists()
