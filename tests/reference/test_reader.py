"""A reader beside a writer: what it shows, and what it refuses."""

from itertools import islice

import pytest
from tornproof.errors import (
    BeyondEnd,
    Corrupt,
    Invalid,
    MissingSegment,
    NotABoundary,
    NotYet,
    TornproofError,
    Trimmed,
)
from tornproof.journal import Cursor, JournalReader
from tornproof.journal.watermark import encode_slot
from tornproof.record import encode
from tornproof_conformance.pytest_support.plugin import requirement
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

# What it shows


@requirement("RDR-5")
@pytest.mark.parametrize("durable_only", [True, False])
def test_shows_every_record_in_order_across_segments(durable_only: bool) -> None:
    """A scan yields what was appended, at the offsets that the appends returned."""
    filesystem = ModelFilesystem()
    three_segments(filesystem)
    shown = list(reading(filesystem, durable_only=durable_only).scan())
    assert shown == [(0, b"a"), (41, b"b"), (82, b"c"), (123, b"d"), (164, b"e"), (205, b"f")]


@requirement("RDR-1")
@pytest.mark.parametrize("durable_only", [True, False])
def test_finds_a_record_in_a_segment_begun_since_its_last_look(durable_only: bool) -> None:
    """Not the first record of the new segment, whose offset is also an end, but the second."""
    filesystem = ModelFilesystem()
    journal = opened(filesystem)
    journal.append(b"a")
    reader = reading(filesystem, durable_only=durable_only)
    journal.rotate()
    journal.append(b"b")
    offset = journal.append(b"c")
    assert reader.read(offset) == b"c"


@requirement("RDR-1", "RDR-5")
def test_goes_on_where_it_stopped() -> None:
    """Scanning again from just past the last record yields the rest, once."""
    filesystem = ModelFilesystem()
    journal = opened(filesystem, segment_bytes=100)
    reader, shown, position = reading(filesystem), [], 0
    for payload in (b"a", b"b", b"c", b"d", b"e"):
        journal.append(payload)
        for offset, found in reader.scan(position):
            shown.append(found)
            position = offset + len(encode(found))
    assert shown == [b"a", b"b", b"c", b"d", b"e"]


@requirement("RDR-6")
def test_waits_for_what_is_not_durable_yet() -> None:
    """A record that no fsync covers is shown by choice alone."""
    filesystem = ModelFilesystem()
    journal = opened(filesystem, durability="eventual")
    journal.append(b"a")
    with pytest.raises(NotYet):
        reading(filesystem).read(0)
    assert reading(filesystem, durable_only=False).read(0) == b"a"
    journal.sync()
    assert reading(filesystem).read(0) == b"a"


@requirement("RDR-6")
def test_the_end_is_where_it_may_read_to() -> None:
    """The end is that of the durable records, or of all whole ones."""
    filesystem = ModelFilesystem()
    journal = opened(filesystem, durability="eventual")
    journal.append(b"a")
    journal.sync()
    journal.append(b"b")
    assert reading(filesystem).end() == 41
    assert reading(filesystem, durable_only=False).end() == 82


@requirement("RDR-6")
def test_shows_everything_where_no_watermark_is_kept() -> None:
    """A journal that some other software wrote may have none."""
    filesystem = on_disk({FIRST: encode(b"a") + encode(b"b")})
    assert list(reading(filesystem).scan()) == [(0, b"a"), (41, b"b")]
    assert reading(filesystem).end() == 82


def test_an_empty_directory_is_an_empty_journal() -> None:
    """There is nothing to show, and the first record is not there yet."""
    reader = reading(on_disk({}))
    assert list(reader.scan()) == []
    assert (reader.first, reader.end()) == (0, 0)
    with pytest.raises(NotYet):
        reader.read(0)


def test_a_writer_may_come_later() -> None:
    """A reader that found an empty directory shows what comes, and only when it is durable."""
    filesystem = on_disk({})
    reader = reading(filesystem)
    journal = opened(filesystem, durability="eventual")
    journal.append(b"a")
    assert list(reader.scan()) == []
    journal.sync()
    assert list(reader.scan()) == [(0, b"a")]


def test_begins_with_the_first_record_that_is_left() -> None:
    """A scan without a start begins where cleanup has left off, not where it was before."""
    filesystem = ModelFilesystem()
    journal = three_segments(filesystem)
    reader = reading(filesystem)
    Cursor.open(DIRECTORY, "only", filesystem=filesystem).advance(164)
    journal.cleanup()
    assert [offset for offset, _ in reader.scan()] == [164, 205]


# What it refuses


@requirement("SEG-8", "RDR-3")
@pytest.mark.parametrize("durable_only", [True, False])
@pytest.mark.parametrize(
    ("offset", "error"),
    [
        (-1, Invalid),
        (-(2**70), Invalid),
        (0, Trimmed),
        (81, Trimmed),
        (83, NotABoundary),
        (206, NotABoundary),
        (246, NotYet),
        (247, BeyondEnd),
        (2**64, BeyondEnd),
        (10**30, BeyondEnd),
    ],
)
def test_each_mistake_has_its_error(
    offset: int, error: type[TornproofError], durable_only: bool
) -> None:
    """Negative, removed, inside a record, at the tail and absurd are five different things."""
    filesystem = ModelFilesystem()
    journal = three_segments(filesystem)
    Cursor.open(DIRECTORY, "only", filesystem=filesystem).advance(82)
    journal.cleanup()
    reader = reading(filesystem, durable_only=durable_only)
    assert errors_of(reader, offset) is error
    with pytest.raises(error) if error is not NotYet else pytest.raises(StopIteration):
        next(reader.scan(offset))


@pytest.mark.parametrize(("offset", "error"), [(-1, Invalid), (1, BeyondEnd), (10**30, BeyondEnd)])
def test_an_empty_journal_tells_mistakes_apart_too(
    offset: int, error: type[TornproofError]
) -> None:
    """Without a segment, an offset is still negative or absurd."""
    assert errors_of(reading(on_disk({})), offset) is error


@requirement("SEG-8")
def test_a_frame_inside_a_payload_is_not_a_boundary() -> None:
    """Even where the bytes of a whole frame begin."""
    filesystem = ModelFilesystem()
    opened(filesystem).append(encode(b"hidden"))
    assert errors_of(reading(filesystem), 40) is NotABoundary


@requirement("RDR-6")
def test_what_is_written_and_not_durable_is_not_beyond_the_end() -> None:
    """Whoever was given the offset may wait for it; one that nobody was given is a mistake."""
    filesystem = ModelFilesystem()
    journal = opened(filesystem, durability="eventual")
    journal.append(b"a")
    offset = journal.append(b"b")
    assert errors_of(reading(filesystem), offset) is NotYet
    assert errors_of(reading(filesystem), journal.end + 1) is BeyondEnd


@requirement("RDR-3")
@pytest.mark.parametrize("cut", range(1, 41))
def test_a_torn_record_is_not_there_yet(cut: int) -> None:
    """Wherever the writer has got to within a frame."""
    filesystem = on_disk({FIRST: encode(b"a") + encode(b"b")[:cut]})
    reader = reading(filesystem, durable_only=False)
    assert list(reader.scan()) == [(0, b"a")]
    assert errors_of(reader, 41) is NotYet


@requirement("RDR-3", "REC-12")
def test_damage_below_the_watermark_is_not_waited_for() -> None:
    """What was durable and is not valid will not become valid."""
    filesystem = ModelFilesystem()
    opened(filesystem).append(b"a")
    damaged = files_of(filesystem) | {FIRST: encode(b"b")[:-1] + b"?"}
    for durable_only in (True, False):
        with pytest.raises(Corrupt, match="below the durable watermark 41"):
            reading(on_disk(damaged), durable_only=durable_only).read(0)


@requirement("REC-5")
def test_damage_in_a_sealed_segment_is_an_error() -> None:
    """The records before it are shown, those behind it are not."""
    filesystem = ModelFilesystem()
    three_segments(filesystem)
    files = files_of(filesystem)
    files[f"{82:016x}.wal"] = encode(b"c") + b"?" * 41
    records = reading(on_disk(files)).scan()
    assert list(islice(records, 3)) == [(0, b"a"), (41, b"b"), (82, b"c")]
    with pytest.raises(Corrupt, match=r"0052\.wal: .* at byte 41 \(offset 123\) of a sealed"):
        next(records)


@requirement("REC-6")
@pytest.mark.parametrize("durable_only", [True, False])
@pytest.mark.parametrize("offset", [82, 123])
def test_a_segment_that_was_taken_away_is_missing(durable_only: bool, offset: int) -> None:
    """A gap between two segments is neither trimmed nor the end."""
    filesystem = ModelFilesystem()
    three_segments(filesystem)
    files = files_of(filesystem)
    del files[f"{82:016x}.wal"]
    reader = reading(on_disk(files), durable_only=durable_only)
    assert errors_of(reader, offset) is MissingSegment


@requirement("REC-12")
def test_what_the_watermark_covers_and_no_file_holds_is_missing() -> None:
    """The last segment cut short, or gone, or all of them."""
    filesystem = ModelFilesystem()
    three_segments(filesystem)
    files = files_of(filesystem)
    last = f"{164:016x}.wal"
    assert errors_of(reading(on_disk(files | {last: encode(b"e")})), 205) is MissingSegment
    del files[last]
    assert errors_of(reading(on_disk(files)), 164) is MissingSegment
    assert errors_of(reading(on_disk({"watermark": files["watermark"]})), 0) is MissingSegment


def test_a_watermark_off_a_boundary_is_no_endless_search() -> None:
    """Nobody of ours writes one; a record that it cuts through is not shown."""
    files = {FIRST: encode(b"a"), f"{41:016x}.wal": encode(b"b")}
    for watermark in (20, 60):
        filesystem = on_disk(files | {"watermark": encode_slot(watermark)})
        assert len(list(reading(filesystem).scan())) == watermark // 41


def test_a_record_above_the_maximum_is_damage() -> None:
    """A reader with a smaller maximum than the writer's says so and does not wait for ever."""
    filesystem = ModelFilesystem()
    opened(filesystem).append(bytes(1000))
    reader = JournalReader(DIRECTORY, max_payload=999, filesystem=filesystem)
    with pytest.raises(Corrupt, match="length above the maximum"):
        reader.read(0)
