"""A reader that races with a writer and with cleanup, leaves no trace, and meets failures."""

import errno
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tornproof.errors import InputOutput, Invalid, NotRegular, NotYet, Trimmed
from tornproof.filesystem import OsFilesystem
from tornproof.journal import Cursor, Journal, JournalReader
from tornproof.journal.watermark import encode_slot
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem

from tests.reference.journals_read import (
    DIRECTORY,
    FIRST,
    errors_of,
    files_of,
    on_disk,
    opened,
    reading,
    three_segments,
)


class Meanwhile(ModelFilesystem):
    """Lets something happen once, when a file of a certain name is opened for reading."""

    name = ""
    happen: Callable[[], object]

    def once_opening(self, name: str, happen: Callable[[], object]) -> None:
        self.name, self.happen = name, happen

    def open_for_reading(self, path: str) -> Any:
        if self.name and path.endswith(self.name):
            self.name = ""
            try:
                return super().open_for_reading(path)
            finally:
                self.happen()
        return super().open_for_reading(path)


# Racing with the writer and with cleanup


@requirement("RDR-6")
def test_a_writer_that_begins_during_the_first_look_shows_nothing_early() -> None:
    """The reader has found no watermark, and then finds records: they are not durable yet."""
    filesystem = Meanwhile()
    filesystem.make_directory(DIRECTORY)
    journal = []

    def begin() -> None:
        journal.append(opened(filesystem, durability="eventual"))
        journal[0].append(b"a")

    filesystem.once_opening("watermark", begin)
    reader = reading(filesystem)
    assert list(reader.scan()) == []
    journal[0].sync()
    assert list(reader.scan()) == [(0, b"a")]


@requirement("RDR-4")
def test_cleanup_during_a_scan_is_trimmed_and_no_gap() -> None:
    """The next segment is removed while the reader is on its way to it."""
    filesystem = Meanwhile()
    journal = three_segments(filesystem)
    cursor = Cursor.open(DIRECTORY, "only", filesystem=filesystem)
    reader = reading(filesystem)

    def clean() -> None:
        cursor.advance(164)
        journal.cleanup()

    filesystem.once_opening(FIRST, clean)
    records = reader.scan(0)
    assert list(islice(records, 2)) == [(0, b"a"), (41, b"b")]
    with pytest.raises(Trimmed, match="82 was removed by cleanup: the first one kept is 164"):
        next(records)


@requirement("RDR-4")
def test_cleanup_before_a_read_is_trimmed() -> None:
    """What the reader knows of is gone when it opens the file."""
    filesystem = ModelFilesystem()
    journal = three_segments(filesystem)
    reader = reading(filesystem)
    Cursor.open(DIRECTORY, "only", filesystem=filesystem).advance(164)
    journal.cleanup()
    assert errors_of(reader, 0) is Trimmed
    assert reader.read(164) == b"e"


class HalfListing(ModelFilesystem):
    """Misses a name, once: reading a large directory is not atomic against renames in it."""

    missed = ""

    def list_directory(self, path: str) -> list[str]:
        names = [name for name in super().list_directory(path) if name != self.missed]
        self.missed = ""
        return names


@requirement("RDR-1", "RDR-5")
@pytest.mark.parametrize("missed", [0, 82, 164])
@pytest.mark.parametrize("durable_only", [True, False])
def test_half_a_listing_is_no_damage(missed: int, durable_only: bool) -> None:
    """A segment that the listing missed is found by looking again."""
    filesystem = HalfListing()
    three_segments(filesystem)
    filesystem.missed = f"{missed:016x}.wal"
    shown = list(reading(filesystem, durable_only=durable_only).scan(0))
    assert [payload for _, payload in shown] == [b"a", b"b", b"c", b"d", b"e", b"f"]


@requirement("RDR-6")
def test_a_slot_in_the_making_does_not_take_the_end_back() -> None:
    """While the newer slot is half written, the older one is all there is."""
    filesystem = ModelFilesystem()
    journal = opened(filesystem)
    journal.append(b"a")
    journal.append(b"b")
    reader = reading(filesystem)
    file = filesystem.open(f"{DIRECTORY}/watermark")
    newer = 0 if file.read_at(0, 16) == encode_slot(82) else 512
    file.write_at(newer, b"TPW1????")
    assert reader.end() == 82


class ReadOnly(OsFilesystem):
    """A disk on which whatever writes is a mistake."""

    def forbid(self, *arguments: object, **options: object) -> Any:
        raise AssertionError(f"a reader wrote: {arguments} {options}")

    open = make_directory = rename = unlink = sync_directory = lock = forbid


# What it touches


@requirement("RDR-2")
def test_opens_nothing_for_writing(tmp_path: Path) -> None:
    """On a real disk: everything a reader does works where nothing may be written."""
    directory = str(tmp_path / "journal")
    with Journal.open(directory, segment_bytes=82) as journal:
        for payload in (b"a", b"b", b"c"):
            journal.append(payload)
    before = {path: path.read_bytes() for path in Path(directory).iterdir()}
    reader = JournalReader(directory, filesystem=ReadOnly())
    assert [payload for _, payload in reader.scan()] == [b"a", b"b", b"c"]
    assert reader.read(82) == b"c"
    assert reader.end() == 123
    assert errors_of(reader, 123) is NotYet
    assert {path: path.read_bytes() for path in Path(directory).iterdir()} == before


@requirement("RDR-2")
def test_needs_no_lock_and_takes_none() -> None:
    """A reader works beside a writer, and a writer opens beside a reader."""
    filesystem = ModelFilesystem()
    opened(filesystem).append(b"a")
    events = len(filesystem.events)
    reader = reading(filesystem)
    assert list(reader.scan()) == [(0, b"a")]
    assert len(filesystem.events) == events


# What goes wrong around it


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_no_directory_is_a_typed_error(kind: str, tmp_path: Path) -> None:
    """A missing directory, or a file in its place, is an invalid argument."""
    path = tmp_path / "journal"
    if kind == "file":
        path.write_bytes(b"mine")
    with pytest.raises(Invalid, match="directory"):
        JournalReader(str(path))


def test_a_directory_that_vanishes_is_a_typed_error(tmp_path: Path) -> None:
    """Under an open reader, on a real disk."""
    directory = tmp_path / "journal"
    with Journal.open(str(directory)) as journal:
        journal.append(b"a")
    reader = JournalReader(str(directory))
    directory.rename(tmp_path / "elsewhere")
    with pytest.raises(Invalid, match="no such directory"):
        reader.read(0)
    with pytest.raises(Invalid, match="no such directory"):
        list(reader.scan())
    with pytest.raises(Invalid, match="no such directory"):
        reader.end()


def test_a_name_that_leads_nowhere_is_no_endless_search(tmp_path: Path) -> None:
    """A listed segment that cannot be opened is said to be a link, and not looked for again."""
    (tmp_path / FIRST).symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotRegular, match="is a symbolic link"):
        JournalReader(str(tmp_path)).read(0)


@requirement("REC-11")
def test_a_read_error_is_an_error() -> None:
    """Whichever operation fails, the error is typed, or what is shown is complete."""
    filesystem = ModelFilesystem()
    three_segments(filesystem)
    files = files_of(filesystem)
    errors = 0
    for nth in range(1, 12):
        broken = on_disk(files)
        broken.fail(nth, Fault.ERROR)
        try:
            shown = list(reading(broken).scan())
        except InputOutput:
            errors += 1
        else:
            assert len(shown) == 6
    assert errors >= 6


def test_permission_denied_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser is never denied anything, so the operating system's answer is made up."""

    def deny(_: OsFilesystem, path: str) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(OsFilesystem, "list_directory", deny)
    with pytest.raises(InputOutput, match="Permission denied"):
        JournalReader("/somewhere")
