"""Salvage: what can be read is saved, what cannot is listed, and the source stays as it is."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornproof.errors import InputOutput, Invalid, NoSpace
from tornproof.filesystem import OsFilesystem
from tornproof.journal import Hole, Journal, SalvageReport, salvage
from tornproof.journal.salvage import _boundaries
from tornproof.journal.watermark import encode_slot
from tornproof.record import encode
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFile, ModelFilesystem
from tornproof_models.disk.trace import Image

SOURCE, TARGET = "/journal", "/saved"
PAYLOADS = (b"a" * 10, b"b" * 20, b"c" * 30, b"d" * 40, b"e" * 50)
FRAMES = tuple(encode(payload) for payload in PAYLOADS)
"""Frames of 50, 60, 70, 80 and 90 bytes."""


def segment(base: int) -> str:
    return f"{base:016x}.wal"


def on_disk(files: dict[str, bytes], disk: type[ModelFilesystem] = ModelFilesystem) -> Any:
    paths = {f"{SOURCE}/{name}": content for name, content in files.items()}
    return disk(Image(paths, frozenset({SOURCE})))


def saved(
    files: dict[str, bytes], disk: type[ModelFilesystem] = ModelFilesystem
) -> tuple[SalvageReport, list[bytes]]:
    """Salvage a journal of these files, and read what was saved; the source stays as it is."""
    filesystem = on_disk(files, disk)
    report = salvage(SOURCE, TARGET, filesystem=filesystem)
    after = filesystem.image.files
    assert {path: after[path] for path in filesystem.initial.files} == filesystem.initial.files
    assert [path for path in after if path.startswith(SOURCE)] == list(filesystem.initial.files)
    with Journal.open(TARGET, filesystem=filesystem) as journal:
        return report, [payload for _, payload in journal.scan()]


def holes(report: SalvageReport) -> list[tuple[int, int]]:
    return [(hole.start, hole.end) for hole in report.holes]


def test_an_undamaged_journal_is_copied() -> None:
    """All of it, without a hole, across segments."""
    files = {segment(0): FRAMES[0] + FRAMES[1], segment(110): b"".join(FRAMES[2:])}
    report, payloads = saved(files)
    assert payloads == list(PAYLOADS)
    assert (report.records, report.holes, report.moved) == (5, (), ((0, 0),))


def test_a_journal_that_was_cleaned_up_begins_anew() -> None:
    """What cleanup removed is no hole; the new journal counts from zero."""
    report, payloads = saved({segment(1000): FRAMES[0]})
    assert payloads == [PAYLOADS[0]]
    assert (report.holes, report.moved) == ((), ((1000, 0),))


def test_an_empty_journal_is_saved_as_one() -> None:
    """Nothing to copy, nothing missing."""
    report, payloads = saved({"notes.txt": b"mine"})
    assert (report.records, report.holes, payloads) == (0, (), [])


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "length": lambda frame: struct.pack("<I", 0xFFFFFFFF) + frame[4:],
    "length, a little": lambda frame: bytes([frame[0] ^ 1]) + frame[1:],
    "crc": lambda frame: frame[:4] + bytes(4) + frame[8:],
    "hash": lambda frame: frame[:8] + bytes(32) + frame[40:],
    "payload": lambda frame: frame[:45] + b"?" + frame[46:],
    "zeros": lambda frame: bytes(len(frame)),
    "noise": lambda frame: bytes((7 * n + 13) % 251 for n in range(len(frame))),
}


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_record_is_a_hole_and_the_others_are_saved(kind: str, number: int) -> None:
    """Whichever part of its frame is damaged, and wherever it stands."""
    frames = list(FRAMES)
    frames[number] = DAMAGE[kind](frames[number])
    report, payloads = saved({segment(0): b"".join(frames)})
    start = sum(map(len, FRAMES[:number]))
    assert payloads == [*PAYLOADS[:number], *PAYLOADS[number + 1 :]]
    assert holes(report) == [(start, start + len(FRAMES[number]))]
    if 0 < number < 4:
        assert report.moved == ((0, 0), (start + len(FRAMES[number]), start))


@given(
    sizes=st.lists(st.integers(0, 90), min_size=1, max_size=6),
    at=st.integers(0, 2**16),
    mask=st.integers(1, 255),
)
def test_one_damaged_byte_costs_one_record(sizes: list[int], at: int, mask: int) -> None:
    """Wherever it is: the record in whose frame it lies, and no other."""
    payloads = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    frames = [encode(payload) for payload in payloads]
    content = bytearray(b"".join(frames))
    at %= len(content)
    content[at] ^= mask
    report, kept = saved({segment(0): bytes(content)})
    end = 0
    for number, frame in enumerate(frames):
        start, end = end, end + len(frame)
        if start <= at < end:
            assert kept == payloads[:number] + payloads[number + 1 :]
            assert holes(report) == [(start, end)]


def test_a_length_that_leads_past_good_records_is_not_believed() -> None:
    """Frames of 64 bytes: one flipped bit makes one of them as long as two, or as four."""
    payloads = [bytes([65 + number]) * 24 for number in range(6)]
    for length in (24 + 64, 24 + 3 * 64):
        frames = [encode(payload) for payload in payloads]
        frames[1] = struct.pack("<I", length) + frames[1][4:]
        report, kept = saved({segment(0): b"".join(frames)})
        assert kept == [payloads[0], *payloads[2:]]
        assert holes(report) == [(64, 128)]


def test_frames_within_a_damaged_payload_are_no_records() -> None:
    """A record that was copied from another journal, and damaged since, is lost as a whole."""
    envelope = encode(b"head" + FRAMES[0] + FRAMES[1] + b"tail")
    inner = encode(FRAMES[2] + FRAMES[3])
    for damaged in (envelope, inner):
        broken = damaged[:41] + b"?" + damaged[42:]
        report, payloads = saved({segment(0): FRAMES[4] + broken + FRAMES[4]})
        assert payloads == [PAYLOADS[4], PAYLOADS[4]]
        assert holes(report) == [(90, 90 + len(broken))]


def test_frames_within_a_payload_can_deceive_where_its_length_is_gone() -> None:
    """The limit: nothing then tells them from records; the report says what stands behind."""
    envelope = encode(FRAMES[0] + FRAMES[1])
    broken = b"\xff\xff\xff\xff" + bytes(36) + envelope[40:]
    report, payloads = saved({segment(0): broken})
    assert payloads == [PAYLOADS[0], PAYLOADS[1]]
    assert holes(report) == [(0, 40)]
    assert report.moved == ((40, 0),)


@requirement("REC-6")
def test_a_missing_segment_is_a_hole() -> None:
    """Its length follows from the names."""
    files = {segment(0): FRAMES[0], segment(110): FRAMES[2]}
    report, payloads = saved(files)
    assert payloads == [PAYLOADS[0], PAYLOADS[2]]
    assert report.holes == (Hole(50, 110, "no segment holds these offsets"),)
    assert report.moved == ((0, 0), (110, 50))


@requirement("REC-12")
def test_what_the_watermark_covers_and_no_file_holds_is_a_hole() -> None:
    """At the end of the journal, where no name tells."""
    files = {segment(0): FRAMES[0], "watermark": encode_slot(300)}
    report, _ = saved(files)
    assert report.holes == (Hole(50, 300, "below the durable watermark, and no file holds it"),)
    report, _ = saved({"watermark": encode_slot(300)})
    assert holes(report) == [(0, 300)]


@requirement("REC-12")
def test_a_torn_tail_is_named_as_what_it_may_be() -> None:
    """Above the watermark, in the last segment; below it is damage and nothing else."""
    torn = FRAMES[0] + FRAMES[1][:30]
    report, _ = saved({segment(0): torn, "watermark": encode_slot(50)})
    assert report.holes[0].reason.endswith("it may be a torn tail")
    report, _ = saved({segment(0): torn, "watermark": encode_slot(110)})
    assert "torn tail" not in report.holes[0].reason


class BadBlock(ModelFilesystem):
    """Cannot read what lies at 5,000 to 5,100 of the source's only file."""

    def read_inode(self, inode: int, offset: int, size: int) -> bytes:
        if inode == 2 and offset < 5100 and offset + size > 5000:
            raise OSError(5, "Input/output error")
        return super().read_inode(inode, offset, size)


@requirement("REC-11")
def test_a_part_of_the_disk_that_cannot_be_read_is_a_hole() -> None:
    """The records that touch its block are lost; those before and behind are saved."""
    payloads = [bytes([65 + number]) * 960 for number in range(12)]
    report, kept = saved({segment(0): b"".join(map(encode, payloads))}, BadBlock)
    assert kept == payloads[:4] + payloads[9:]
    assert report.holes == (Hole(4000, 9000, "the disk cannot be read there"),)


def test_overlapping_segments_are_saved_both() -> None:
    """Offsets that occur twice are a mistake somebody made; nothing of either is dropped."""
    files = {segment(0): FRAMES[0] + FRAMES[1], segment(50): FRAMES[2]}
    report, payloads = saved(files)
    assert payloads == list(PAYLOADS[:3])
    assert report.moved == ((0, 0), (50, 110))


def test_a_large_hole_is_crossed_quickly() -> None:
    """A megabyte of zeros, as lost blocks leave it, is not tried byte by byte."""
    calls = 0

    class Counting(bytes):
        def __getitem__(self, key: Any) -> Any:
            nonlocal calls
            calls += 1
            return super().__getitem__(key)

    data = Counting(bytes(1 << 20) + FRAMES[0])
    assert list(_boundaries(data, 0, 1 << 24)) == [1 << 20]
    assert calls < 1000


# What it refuses


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("journal", "exists already"),
        ("other", "exists already"),
        ("file", "is a file"),
        ("file/new", "not a directory"),
        ("missing/new", "no such directory"),
        ("journal/new", "lies within"),
        ("journal/../journal/new", "lies within"),
    ],
)
def test_a_target_that_is_not_new_is_refused(target: str, message: str, tmp_path: Path) -> None:
    """On a real disk: nothing is made, and nothing is changed."""
    source = tmp_path / "journal"
    with Journal.open(str(source)) as journal:
        journal.append(b"a")
    (tmp_path / "other").mkdir()
    (tmp_path / "file").write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Invalid, match=message):
        salvage(str(source), str(tmp_path / target))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_source_that_is_no_directory_is_refused(kind: str, tmp_path: Path) -> None:
    """Nothing is made."""
    source = tmp_path / "journal"
    if kind == "file":
        source.write_bytes(b"mine")
    with pytest.raises(Invalid, match="directory"):
        salvage(str(source), str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_works_beside_a_writer(tmp_path: Path) -> None:
    """It takes no lock, and leaves no file behind."""
    source = tmp_path / "journal"
    with Journal.open(str(source)) as journal:
        journal.append(b"a")
        before = {path: path.read_bytes() for path in source.iterdir()}
        report = salvage(str(source), str(tmp_path / "new"))
        assert {path: path.read_bytes() for path in source.iterdir()} == before
    assert report.records == 1


def test_a_segment_that_cannot_be_opened_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission is something that a person can mend; so nothing is given up."""
    filesystem = on_disk({segment(0): FRAMES[0]})

    def deny(path: str) -> ModelFile:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(filesystem, "open_for_reading", deny)
    with pytest.raises(InputOutput, match="Permission denied"):
        salvage(SOURCE, TARGET, filesystem=filesystem)


def test_a_full_disk_is_a_typed_error() -> None:
    """Whichever operation finds no space, the source stays as it is."""
    errors = 0
    for nth in range(1, 20):
        filesystem = on_disk({segment(0): b"".join(FRAMES)})
        filesystem.fail(nth, Fault.NO_SPACE)
        try:
            salvage(SOURCE, TARGET, filesystem=filesystem)
        except (NoSpace, InputOutput):
            errors += 1
        files = filesystem.image.files
        assert {path: files[path] for path in filesystem.initial.files} == filesystem.initial.files
    assert errors > 5


def test_the_new_journal_is_on_the_disk(tmp_path: Path) -> None:
    """Closed, synced, and good to be opened like any other."""
    source, target = tmp_path / "journal", tmp_path / "new"
    source.mkdir()
    (source / segment(0)).write_bytes(b"".join(FRAMES)[:-1])
    report = salvage(str(source), f"{target}/", filesystem=OsFilesystem())
    assert report.records == 4
    with Journal.open(str(target)) as journal:
        assert [payload for _, payload in journal.scan()] == list(PAYLOADS[:4])
        assert journal.report.watermark == sum(map(len, FRAMES[:4]))
