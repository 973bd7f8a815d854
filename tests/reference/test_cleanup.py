"""Cleanup: what it removes, in which order, and what it never touches."""

from pathlib import Path

import pytest
from tornproof.errors import (
    Closed,
    InputOutput,
    Invalid,
    Locked,
    Poisoned,
    TornproofError,
    Trimmed,
)
from tornproof.journal import Cursor, Journal, recover
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import SyncDirectory, Unlink

DIRECTORY = "/journal"
PAYLOADS = (b"a", b"b", b"c", b"d", b"e", b"f", b"g")


def four_segments(filesystem: ModelFilesystem) -> Journal:
    """Two records of 41 bytes in each of three segments, and one in the active fourth."""
    journal = Journal.open(DIRECTORY, segment_bytes=82, filesystem=filesystem)
    for payload in PAYLOADS:
        journal.append(payload)
    return journal


def bases(filesystem: ModelFilesystem) -> list[int]:
    """The bases of the segments on disk, read from their names."""
    names = (path.rpartition("/")[2] for path in filesystem.image.files)
    return sorted(int(name[:16], 16) for name in names if name.endswith(".wal"))


def cleaned_up_to(position: int) -> tuple[ModelFilesystem, Journal]:
    filesystem = ModelFilesystem()
    journal = four_segments(filesystem)
    Cursor.open(DIRECTORY, "kitchen", filesystem=filesystem).advance(position)
    journal.cleanup()
    return filesystem, journal


@requirement("SEG-7")
@pytest.mark.parametrize(
    ("position", "first"),
    [(0, 0), (41, 0), (82, 82), (123, 82), (164, 164), (205, 164), (246, 246), (287, 246)],
)
def test_removes_whole_sealed_segments_below_the_cursor(position: int, first: int) -> None:
    """Not the one that holds a record still needed, and never the active one."""
    filesystem, journal = cleaned_up_to(position)
    assert (bases(filesystem)[0], journal.first) == (first, first)
    assert bases(filesystem)[-1] == 246


@requirement("SEG-7")
def test_the_slowest_consumer_decides() -> None:
    """And one that has not begun yet holds everything."""
    filesystem = ModelFilesystem()
    journal = four_segments(filesystem)
    Cursor.open(DIRECTORY, "kitchen", filesystem=filesystem).advance(287)
    slow = Cursor.open(DIRECTORY, "bar", filesystem=filesystem)
    assert journal.cleanup() == 0
    slow.advance(123)
    assert journal.cleanup() == 82


@requirement("SEG-7")
def test_without_a_cursor_nothing_is_removed() -> None:
    """Nobody has said that anything is finished with."""
    filesystem = ModelFilesystem()
    assert four_segments(filesystem).cleanup() == 0
    assert len(bases(filesystem)) == 4


@requirement("SEG-7", "CUR-3")
def test_oldest_first_and_each_durable_before_the_next() -> None:
    """The trace: the cursors are made durable, then each removal is."""
    filesystem = ModelFilesystem()
    journal = four_segments(filesystem)
    Cursor.open(DIRECTORY, "kitchen", filesystem=filesystem).advance(287)
    begun = len(filesystem.events)
    journal.cleanup()
    trace = [
        int(event.name[:16], 16) if isinstance(event, Unlink) else type(event)
        for event in filesystem.events[begun:]
    ]
    assert trace == [
        SyncDirectory, 0, SyncDirectory, 82, SyncDirectory, 164, SyncDirectory
    ]  # fmt: skip


@requirement("SEG-7")
@pytest.mark.parametrize("crash_model", CLAIMED)
def test_a_crash_anywhere_leaves_a_contiguous_journal(crash_model: str) -> None:
    """Every image of every crash during cleanup recovers, and holds what the cursor needs."""
    filesystem = ModelFilesystem()
    journal = four_segments(filesystem)
    Cursor.open(DIRECTORY, "kitchen", filesystem=filesystem).advance(246)
    begun = len(filesystem.events)
    journal.cleanup()
    registers = Registers.of(filesystem.initial, CRASH_MODELS[crash_model].floors)
    firsts = set()
    for point, event in enumerate((*filesystem.events, None)):
        if point >= begun:
            space = ImageSpace(registers, CRASH_MODELS[crash_model])
            for choice in space.choices():
                image = ModelFilesystem(space.builder.build(choice))
                with Journal.open(DIRECTORY, filesystem=image) as recovered:
                    firsts.add(recovered.first)
                    assert list(recovered.scan())[-1] == (246, b"g")
        if event is not None:
            registers.advance(event)
    assert firsts == {0, 82, 164, 246}


@requirement("SEG-8")
def test_what_was_removed_is_trimmed() -> None:
    """Reading there is an error that says where the journal begins now."""
    _, journal = cleaned_up_to(164)
    for offset in (0, 123, 163):
        with pytest.raises(Trimmed, match="the first one kept is 164"):
            journal.read(offset)
    assert [offset for offset, _ in journal.scan()] == [164, 205, 246]


@requirement("SEG-9")
def test_offsets_go_on() -> None:
    """Removing everything but the active segment does not begin again at zero."""
    filesystem, journal = cleaned_up_to(287)
    assert journal.append(b"h") == 287
    journal.close()
    with Journal.open(DIRECTORY, filesystem=filesystem) as again:
        assert (again.first, again.append(b"i")) == (246, 328)


def test_a_journal_that_was_closed_does_not_clean_up() -> None:
    """It no longer holds the lock."""
    filesystem, journal = cleaned_up_to(164)
    journal.close()
    events = len(filesystem.events)
    with pytest.raises(Closed):
        journal.cleanup()
    assert len(filesystem.events) == events


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.NO_SPACE])
def test_whatever_fails_nothing_is_lost(fault: Fault) -> None:
    """Each operation of a cleanup fails once; the error is typed, and reopening finds no gap."""
    nth, errors = 1, 0
    while True:
        filesystem = ModelFilesystem()
        journal = four_segments(filesystem)
        Cursor.open(DIRECTORY, "kitchen", filesystem=filesystem).advance(164)
        operations = filesystem.operations
        filesystem.fail(nth, fault)
        try:
            journal.cleanup()
        except InputOutput:
            errors += 1
            if journal.poisoned:
                with pytest.raises(Poisoned):
                    journal.append(b"h")
        if not filesystem.struck_since(operations):
            break
        filesystem.release_locks()
        with Journal.open(DIRECTORY, filesystem=filesystem) as again:
            assert [payload for _, payload in again.scan()][-3:] == [b"e", b"f", b"g"]
            assert again.cleanup() == 164
        nth += 1
    assert errors >= 4


def test_a_segment_that_somebody_else_removed_is_an_error() -> None:
    """A journal that is not as it was left is not guessed about."""
    filesystem = ModelFilesystem()
    journal = four_segments(filesystem)
    Cursor.open(DIRECTORY, "kitchen", filesystem=filesystem).advance(164)
    filesystem.unlink(f"{DIRECTORY}/{0:016x}.wal")
    with pytest.raises(InputOutput, match="remove segments"):
        journal.cleanup()


# The writer around it


@requirement("JRN-9")
def test_a_second_writer_is_turned_away(tmp_path: Path) -> None:
    """On a real disk, while a reader's and a consumer's files lie beside the segments."""
    directory = str(tmp_path / "journal")
    with Journal.open(directory) as journal:
        journal.append(b"a")
        Cursor.open(directory, "kitchen").advance(41)
        before = {path: path.read_bytes() for path in Path(directory).iterdir()}
        for second in (lambda: Journal.open(directory), lambda: recover(directory)):
            with pytest.raises(Locked, match="open for writing elsewhere"):
                second()
        assert {path: path.read_bytes() for path in Path(directory).iterdir()} == before


def test_a_directory_that_vanishes_is_a_typed_error(tmp_path: Path) -> None:
    """Under an open writer, on a real disk; nothing is made in its place."""
    directory = tmp_path / "journal"
    journal = Journal.open(str(directory), durability="eventual")
    journal.append(b"a")
    directory.rename(tmp_path / "elsewhere")
    for act in (journal.cleanup, journal.rotate, lambda: journal.read(0), journal.close):
        with pytest.raises(TornproofError, match=r"no such directory|No such file|is gone"):
            act()
    assert not directory.exists()
    assert recover(str(tmp_path / "elsewhere")).records == 1


def test_a_directory_that_vanishes_before_a_second_open_is_made_anew(tmp_path: Path) -> None:
    """Only if its parent is still there."""
    directory = tmp_path / "parent" / "journal"
    with pytest.raises(InputOutput, match="No such file or directory"):
        Journal.open(str(directory))
    with pytest.raises(Invalid, match="no such directory"):
        recover(str(directory))
    assert list(tmp_path.iterdir()) == []
