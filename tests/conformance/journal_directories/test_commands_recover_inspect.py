"""`tornproof inspect` and `tornproof recover` on journals that are sound, torn or damaged."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tornproof.journal import Cursor, Journal
from tornproof.record import encode
from tornproof_conformance.pytest_support.plugin import requirement

from tests.conformance.journal_directories.journal_commands import (
    refused,
    segments,
    snapshot,
    tornproof,
)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


# inspect


def test_inspect_shows_a_sound_journal(journal: Path) -> None:
    """Segments, frames in hexadecimal and text, watermark, conclusion; exit code 0."""
    before = snapshot(journal)
    result = tornproof("inspect", journal)
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    for line in (
        "0000000000000000.wal 0 to 89 89 2 sealed",
        "0000000000000059.wal 89 to 179 90 2 sealed",
        "00000000000000b3.wal 179 to 226 47 1 active",
        "0 46 63 6f 66 66 65 65 coffee",
        "179 47 00 ff 20 73 6f 75 70 .. soup",
        "durable watermark: offset 226",
        "sound: 5 records, offsets 0 to 226",
    ):
        assert line in lines, line
    assert snapshot(journal) == before


def test_inspect_says_the_same_to_programs(journal: Path) -> None:
    """With --json there is one object; damage is in it, and in the exit code."""
    document = json.loads(tornproof("inspect", journal, "--json").output)
    assert (document["sound"], document["problem"], document["records"]) == (True, None, 5)
    assert [segment["sealed"] for segment in document["segments"]] == [True, True, False]
    flip(segments(journal)[0], 45)
    result = tornproof("inspect", journal, "--json")
    document = json.loads(result.output)
    assert (result.exit_code, document["sound"]) == (1, False)
    assert "CRC32C mismatch" in document["problem"]
    assert document["segments"][0]["damage"] == "CRC32C mismatch"


def test_inspect_shows_cursors_and_what_is_not_the_journals(journal: Path) -> None:
    """By name and position; what a crash left unfinished apart from what is somebody's."""
    Cursor.open(str(journal), "kitchen").advance(89)
    for name in ("kitchen.cursor.tmp", f"{226:016x}.wal.tmp", "notes.txt", "Foo.cursor"):
        (journal / name).write_bytes(b"?")
    result = tornproof("inspect", journal)
    assert result.exit_code == 0
    assert "cursor kitchen: offset 89\n" in result.output
    assert "unfinished, of no consequence: 00000000000000e2.wal.tmp, kitchen.cursor.tmp" in (
        result.output
    )
    assert "other files, left alone: Foo.cursor, notes.txt\n" in result.output


def test_inspect_shows_some_frames_or_all(tmp_path: Path) -> None:
    """Twenty over all segments, and how many more there are; with --all every one."""
    directory = tmp_path / "long"
    with Journal.open(str(directory), segment_bytes=300, durability="eventual") as opened:
        for number in range(50):
            opened.append(b"record %d" % number)
    some = tornproof("inspect", directory).output
    assert "record 19\n" in some
    assert "record 20\n" not in some
    assert "… and 30 more valid records (--all shows them)" in some
    every = tornproof("inspect", "--all", directory).output
    assert [f"record {n}\n" in every for n in range(50)] == [True] * 50
    assert "more valid" not in every


@requirement("REC-7")
def test_inspect_tells_a_torn_tail(journal: Path) -> None:
    """Where, how long, why, and what to do; it is no damage: exit code 0."""
    last = segments(journal)[-1]
    last.write_bytes(last.read_bytes() + encode(b"milk")[:41])
    before = snapshot(journal)
    result = tornproof("inspect", journal)
    assert result.exit_code == 0
    assert "torn tail, above the watermark, or a write under way: 41 bytes from offset 226 on" in (
        result.output
    )
    assert "(payload cut short)" in result.output
    assert result.output.endswith("sound: 5 records, offsets 0 to 226\n")
    assert snapshot(journal) == before


def damage_sealed(journal: Path) -> str:
    flip(segments(journal)[0], 88)
    return "CRC32C mismatch at byte 46 (offset 46) of a sealed segment"


def damage_below_watermark(journal: Path) -> str:
    flip(segments(journal)[-1], 46)
    return "CRC32C mismatch at offset 179, below the durable watermark 226"


def remove_middle(journal: Path) -> str:
    segments(journal)[1].unlink()
    return "no segment holds offsets 89 to 179"


def remove_last(journal: Path) -> str:
    segments(journal)[-1].unlink()
    return "ends at offset 179, below its durable watermark 226"


def shorten_sealed(journal: Path) -> str:
    path = segments(journal)[0]
    path.write_bytes(path.read_bytes()[:46])
    return "no segment holds offsets 46 to 89"


DAMAGE = [damage_sealed, damage_below_watermark, remove_middle, remove_last, shorten_sealed]


@requirement("REC-5", "REC-6", "REC-12")
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_shown_and_refused(damage: Callable[[Path], str], journal: Path) -> None:
    """By inspect, by recover and by its dry run: exit code 1, what, where, and what to do next."""
    message = damage(journal)
    before = snapshot(journal)
    shown = tornproof("inspect", journal)
    assert shown.exit_code == 1
    assert f"{message}" in shown.output
    assert f"`tornproof recover {journal} --salvage-to NEW` copies what can be read" in shown.output
    assert "sound" not in shown.output
    for arguments in (("recover",), ("recover", "--dry-run")):
        result = tornproof(*arguments, journal)
        assert message in refused(result, 1)
        assert "--salvage-to NEW" in result.stderr
    assert snapshot(journal) == before


def test_inspect_marks_damage_where_it_stands(journal: Path) -> None:
    """Among the segments and among the frames."""
    damage_sealed(journal)
    remove_middle(journal)
    lines = [" ".join(line.split()) for line in tornproof("inspect", journal).output.splitlines()]
    assert "0000000000000000.wal 0 to 89 89 1 sealed, CRC32C mismatch at offset 46" in lines
    assert "89 to 179 no segment holds these" in lines
    assert "46 43 CRC32C mismatch" in lines
    assert "179 47 00 ff 20 73 6f 75 70 .. soup" in lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a cursor"),
        (b"garbage of 16 b.", "is not a cursor"),
        (None, "beyond the end of the journal, 226: records that it has seen are missing"),
    ],
)
def test_inspect_shows_a_cursor_that_cannot_be_right(
    content: bytes | None, message: str, journal: Path, tmp_path: Path
) -> None:
    """Damaged, or beyond the end: exit code 1, and everything else is shown all the same."""
    if content is None:
        longer = tmp_path / "longer"
        with Journal.open(str(longer)) as opened:
            opened.append(bytes(500))
        Cursor.open(str(longer), "kitchen").advance(540)
        content = (longer / "kitchen.cursor").read_bytes()
    (journal / "kitchen.cursor").write_bytes(content)
    result = tornproof("inspect", journal)
    assert result.exit_code == 1
    assert "cursor kitchen: " in result.output
    assert message in result.output
    *_, conclusion = result.output.splitlines()
    assert conclusion.startswith("the records are sound (5 records, offsets 0 to 226), and not")


def test_inspect_shows_a_cursor_whose_records_are_gone(journal: Path) -> None:
    """Somebody has removed what it needs."""
    Cursor.open(str(journal), "kitchen")
    segments(journal)[0].unlink()
    result = tornproof("inspect", journal)
    assert result.exit_code == 1
    assert "below the first record, 89: records that it needs are missing" in result.output


# recover


@requirement("REC-1", "REC-7")
def test_recover_says_the_same_to_programs(journal: Path) -> None:
    """With --json the report is one object, and a dry run still changes nothing."""
    with segments(journal)[-1].open("ab") as tail:
        tail.write(b"torn")
    before = snapshot(journal)
    report = json.loads(tornproof("recover", journal, "--dry-run", "--json").output)
    assert (report["records"], report["cut"]["bytes"]) == (5, 4)
    assert snapshot(journal) == before


def test_recover_says_what_it_cuts(journal: Path) -> None:
    """First what it would do, then what it did, then that there is nothing left to do."""
    last = segments(journal)[-1]
    whole = snapshot(journal)
    last.write_bytes(last.read_bytes() + b"torn")
    torn = snapshot(journal)
    dry = tornproof("recover", "--dry-run", journal)
    assert (dry.exit_code, dry.output.splitlines()) == (
        0,
        [
            "would keep 5 records in 3 segments: offsets 0 to 226",
            "would cut 4 bytes at offset 226 (00000000000000b3.wal): header cut short",
        ],
    )
    assert snapshot(journal) == torn
    done = tornproof("recover", journal)
    assert done.exit_code == 0
    assert "cut 4 bytes at offset 226" in done.output
    assert snapshot(journal) == whole
    again = tornproof("recover", journal)
    assert (again.exit_code, again.output.splitlines()[-1]) == (0, "nothing to cut")


def test_recover_waits_for_no_writer(journal: Path) -> None:
    """A journal that is open for writing is refused at once: exit code 2."""
    with Journal.open(str(journal)):
        before = snapshot(journal)
        assert "open for writing elsewhere" in refused(tornproof("recover", journal), 2)
        assert snapshot(journal) == before


# recover --salvage-to


@pytest.mark.parametrize("damage", DAMAGE)
def test_salvage_copies_what_can_be_read(
    damage: Callable[[Path], str], journal: Path, tmp_path: Path
) -> None:
    """The rest is listed as holes: exit code 1, and the damaged journal stays as it is."""
    damage(journal)
    before = snapshot(journal)
    subject = tmp_path / "saved"
    result = tornproof("recover", journal, "--salvage-to", subject)
    assert result.exit_code == 1
    assert "hole: offsets " in result.output
    assert snapshot(journal) == before
    with Journal.open(str(subject)) as saved:
        count = len(list(saved.scan()))
    assert f"copied {count} records to {subject}\n" in result.output
    assert 3 <= count < 5


def test_salvage_of_a_sound_journal_has_no_holes(journal: Path, tmp_path: Path) -> None:
    """Exit code 0."""
    result = tornproof("recover", journal, "--salvage-to", tmp_path / "saved")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"copied 5 records to {tmp_path / 'saved'}",
        "from old offset 0 on, records begin at new offset 0",
        "no holes: nothing was missing or damaged",
    ]


def test_salvage_into_what_exists_is_refused(journal: Path, tmp_path: Path) -> None:
    """A directory, a file, the journal itself, or a place inside it: exit code 2, no change."""
    (tmp_path / "file").write_bytes(b"mine")
    before = snapshot(tmp_path)
    for subject in (tmp_path, tmp_path / "file", journal, journal / "new", tmp_path / "no" / "new"):
        refused(tornproof("recover", journal, "--salvage-to", subject), 2)
    assert snapshot(tmp_path) == before


def test_salvage_and_dry_run_exclude_each_other(journal: Path, tmp_path: Path) -> None:
    """A usage error: exit code 2."""
    result = tornproof("recover", journal, "--dry-run", "--salvage-to", tmp_path / "saved")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr
    assert not (tmp_path / "saved").exists()
