"""The journal on a real disk, as a program uses it."""

from pathlib import Path

import pytest
from tornproof.errors import (
    BeyondEnd,
    Closed,
    Corrupt,
    Invalid,
    Locked,
    MissingSegment,
    NotABoundary,
    Poisoned,
    TooLarge,
    Trimmed,
)
from tornproof.filesystem import OsFilesystem
from tornproof.journal import Cursor, Journal, JournalReader, recover, salvage
from tornproof_conformance.pytest_support.plugin import requirement


def snapshot(directory: Path) -> dict[str, bytes]:
    """Read every file of a directory."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def segments(directory: Path) -> dict[str, bytes]:
    """Read the segments of a journal."""
    return {name: data for name, data in snapshot(directory).items() if name.endswith(".wal")}


def filled(directory: Path, sizes: tuple[int, ...] = (10, 20, 300, 5)) -> list[int]:
    """Write a journal of some segments of 128 bytes and return the offsets."""
    with Journal.open(str(directory), segment_bytes=128) as journal:
        return [journal.append(bytes([size % 256]) * size) for size in sizes]


@requirement("JRN-1", "SEG-1", "SEG-2", "SEG-6")
def test_offsets_and_names_are_positions(tmp_path: Path) -> None:
    """Offsets count frame bytes across segments, and each segment is named after its base."""
    offsets = filled(tmp_path / "j")
    assert offsets == [0, 50, 110, 450]
    names = [name for name in snapshot(tmp_path / "j") if name.endswith(".wal")]
    assert names == [f"{base:016x}.wal" for base in (0, 110, 450)]


@requirement("JRN-10")
@pytest.mark.parametrize("durability", ["immediate", "batched", "eventual"])
def test_only_an_eventual_append_returns_before_its_record_is_durable(
    tmp_path: Path, durability: str
) -> None:
    """A batched one shares its sync with the records of its call, and does without others."""
    with Journal.open(tmp_path / "j", durability=durability) as journal:
        journal.append(b"one")
        journal.append_many([b"two", b"three"])
        assert (journal.durable == journal.end) == (durability != "eventual")


def test_a_directory_may_be_a_path(tmp_path: Path) -> None:
    """Everywhere: writer, reader, cursor, recovery and salvage."""
    with Journal.open(tmp_path / "j") as journal:
        journal.append(b"one")
    assert JournalReader(tmp_path / "j").read(0) == b"one"
    assert Cursor.open(tmp_path / "j", "mine").position == 0
    assert recover(tmp_path / "j", dry_run=True).end == 43
    assert salvage(tmp_path / "j", tmp_path / "saved").records == 1


@requirement("JRN-2", "JRN-11")
def test_what_was_closed_is_there_when_reopened(tmp_path: Path) -> None:
    """A reopened journal gives the same records in the same order."""
    offsets = filled(tmp_path / "j")
    with Journal.open(str(tmp_path / "j")) as journal:
        assert [offset for offset, _ in journal.scan()] == offsets
        assert journal.read(110) == bytes([300 % 256]) * 300
        assert [offset for offset, _ in journal.scan(110)] == offsets[2:]


@requirement("SEG-8")
@pytest.mark.parametrize(
    ("offset", "error"),
    [(-1, Invalid), (1, NotABoundary), (149, NotABoundary), (495, BeyondEnd), (1 << 70, BeyondEnd)],
)
def test_a_wrong_offset_is_the_right_error(
    tmp_path: Path, offset: int, error: type[Exception]
) -> None:
    """Each wrong offset is refused by an error that says which mistake it is."""
    filled(tmp_path / "j")
    with Journal.open(str(tmp_path / "j")) as journal, pytest.raises(error, match=str(offset)):
        journal.read(offset)


@requirement("SEG-8")
def test_below_the_first_segment_is_trimmed(tmp_path: Path) -> None:
    """Once the first segment is gone, its offsets are trimmed."""
    filled(tmp_path / "j")
    (tmp_path / "j" / f"{0:016x}.wal").unlink()
    with Journal.open(str(tmp_path / "j")) as journal, pytest.raises(Trimmed):
        journal.read(0)


@requirement("JRN-9")
def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """While one journal is open, a second open and a recovery are refused."""
    with Journal.open(str(tmp_path / "j")) as journal:
        journal.append(b"mine")
        with pytest.raises(Locked):
            Journal.open(str(tmp_path / "j"))
        with pytest.raises(Locked):
            recover(str(tmp_path / "j"))
    recover(str(tmp_path / "j"))


@requirement("REC-1", "REC-7")
def test_the_report_says_what_was_cut_and_where(tmp_path: Path) -> None:
    """A torn tail is cut, and the report names offset, bytes and reason."""
    filled(tmp_path / "j", (10,))
    segment = tmp_path / "j" / f"{0:016x}.wal"
    segment.write_bytes(segment.read_bytes() + bytes(7))
    report = recover(str(tmp_path / "j"))
    assert report.cut is not None
    assert (report.cut.offset, report.cut.bytes) == (50, 7)
    assert report.cut.damage.value == "header cut short"
    assert recover(str(tmp_path / "j")).cut is None


@requirement("REC-3")
def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    """With dry_run the report is the same and the directory stays as it is."""
    filled(tmp_path / "j", (10,))
    segment = tmp_path / "j" / f"{0:016x}.wal"
    segment.write_bytes(segment.read_bytes() + b"torn")
    before = snapshot(tmp_path / "j")
    dry = recover(str(tmp_path / "j"), dry_run=True)
    assert snapshot(tmp_path / "j") == before
    assert recover(str(tmp_path / "j")).cut == dry.cut


@requirement("REC-5")
def test_damage_in_a_sealed_segment_changes_nothing(tmp_path: Path) -> None:
    """A damaged sealed segment is named, with the byte, and left alone."""
    filled(tmp_path / "j")
    sealed = tmp_path / "j" / f"{0:016x}.wal"
    content = bytearray(sealed.read_bytes())
    content[60] ^= 1
    sealed.write_bytes(content)
    before = snapshot(tmp_path / "j")
    with pytest.raises(Corrupt, match=r"0000000000000000\.wal.*byte 50"):
        Journal.open(str(tmp_path / "j"))
    assert snapshot(tmp_path / "j") == before


@requirement("REC-6")
def test_a_missing_segment_is_named(tmp_path: Path) -> None:
    """A gap between segments is an error that names both sides."""
    filled(tmp_path / "j")
    (tmp_path / "j" / f"{110:016x}.wal").unlink()
    with pytest.raises(MissingSegment, match="110 to 450"):
        recover(str(tmp_path / "j"))


@requirement("REC-1")
def test_a_smaller_maximum_does_not_cut_what_was_written(tmp_path: Path) -> None:
    """Opening with a maximum below a record that is there is refused, and nothing is lost."""
    filled(tmp_path / "j", (10, 100_000, 5))
    (tmp_path / "j" / "watermark").unlink()
    (tmp_path / "j" / f"{100_090:016x}.wal").unlink()
    before = snapshot(tmp_path / "j")
    with pytest.raises(Invalid, match="100000 bytes"):
        Journal.open(str(tmp_path / "j"), max_payload=99_999)
    assert snapshot(tmp_path / "j") == before
    assert recover(str(tmp_path / "j")).records == 2


@requirement("FRM-8")
def test_a_payload_above_the_maximum_changes_nothing(tmp_path: Path) -> None:
    """TooLarge is definite: the journal goes on as if it had not been asked."""
    with Journal.open(str(tmp_path / "j"), max_payload=8) as journal:
        journal.append(b"fits")
        before = snapshot(tmp_path / "j")
        with pytest.raises(TooLarge) as caught:
            journal.append(b"too large")
        assert caught.value.definite
        assert snapshot(tmp_path / "j") == before
        assert journal.append(b"next") == 44


def test_a_closed_journal_refuses_everything_but_closing(tmp_path: Path) -> None:
    """After close, reading and writing are refused, and closing again does nothing."""
    journal = Journal.open(str(tmp_path / "j"))
    journal.append(b"last")
    journal.close()
    journal.close()
    for action in (lambda: journal.append(b""), journal.sync, journal.rotate, journal.cleanup):
        with pytest.raises(Closed):
            action()
    with pytest.raises(Closed):
        journal.read(0)
    with pytest.raises(Closed):
        next(journal.scan())


@pytest.mark.parametrize(
    "options",
    [
        {"segment_bytes": 0},
        {"max_payload": -1},
        {"max_payload": 1 << 32},
        {"durability": "sometimes"},
    ],
)
def test_options_out_of_range_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    """A wrong option is Invalid, and no directory is made."""
    with pytest.raises(Invalid):
        Journal.open(str(tmp_path / "j"), **options)  # type: ignore[arg-type]
    assert not (tmp_path / "j").exists()


def test_many_records_take_one_write(tmp_path: Path) -> None:
    """`append_many` gives the same journal as appending one by one."""
    payloads = [bytes([n]) * n for n in range(40)]
    with Journal.open(str(tmp_path / "one"), segment_bytes=256) as journal:
        one = [journal.append(payload) for payload in payloads]
    with Journal.open(str(tmp_path / "many"), segment_bytes=256) as journal:
        many = journal.append_many(payloads)
    assert many == one
    assert segments(tmp_path / "many") == segments(tmp_path / "one")


class Interrupted(OsFilesystem):
    """A disk whose user presses Ctrl-C while the first directory is being synced."""

    def __init__(self) -> None:
        self.synced: list[str] = []
        self.armed = False

    def sync_directory(self, path: str) -> None:
        """Sync a directory, unless armed."""
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt
        self.synced.append(path)
        super().sync_directory(path)


@requirement("SEG-4", "JRN-12")
def test_an_interrupted_rotation_does_not_leave_a_name_unsynced(tmp_path: Path) -> None:
    """After Ctrl-C in a rotation nothing is acknowledged before the journal is opened again."""
    filesystem = Interrupted()
    journal = Journal.open(str(tmp_path / "j"), filesystem=filesystem)
    filesystem.armed, filesystem.synced = True, []
    with pytest.raises(KeyboardInterrupt):
        journal.append(b"interrupted")
    with pytest.raises(Poisoned, match="an earlier call was interrupted"):
        journal.append(b"next")
    with pytest.raises(Poisoned):
        journal.close()
    with Journal.open(str(tmp_path / "j"), filesystem=filesystem) as again:
        assert again.append(b"next") == 0
    assert filesystem.synced == [str(tmp_path / "j")]
