"""Cursors: never going back, and refusing what they cannot be."""

from typing import Any

import pytest
from tornproof.errors import (
    BeyondEnd,
    Corrupt,
    Invalid,
    NotABoundary,
    TornproofError,
)
from tornproof.journal import Cursor, Journal
from tornproof.journal.cursor import read_cursors
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.filesystem import ModelFilesystem

from tests.reference.cursor_files import (
    CURSOR_FILE,
    DIRECTORY,
    cursor_file,
    kitchen,
    overwrite,
    three_segments,
)

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
