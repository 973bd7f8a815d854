"""The durable watermark: never above what is durable, and what that is good for."""

import struct
from collections.abc import Iterator
from itertools import product

import pytest
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st
from tornproof.errors import Corrupt, InputOutput, MissingSegment
from tornproof.journal import Journal, recover
from tornproof.journal.watermark import Watermark, decode_slots, encode_slot, read_watermark
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.vectors.frames import read_frames
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Event, Image, Sync

DIRECTORY = "/journal"
FILE = f"{DIRECTORY}/watermark"


def slot(offset: int) -> bytes:
    """The 16 bytes of a slot, from the layout in the specification."""
    body = struct.pack("<4sQ", b"TPW1", offset)
    return body + struct.pack("<I", crc32c(body))


def file_of(first: bytes, second: bytes) -> bytes:
    """A file with these two slots, 512 bytes apart."""
    return first.ljust(512, b"\0") + second


def images(initial: Image, events: list[Event], crash_model: str) -> Iterator[tuple[int, Image]]:
    """Yield every image that a crash may leave, with how many events had happened."""
    registers = Registers.of(initial, CRASH_MODELS[crash_model].floors)
    for point in range(len(events) + 1):
        space = ImageSpace(registers, CRASH_MODELS[crash_model])
        for choice in space.choices():
            yield point, space.builder.build(choice)
        if point < len(events):
            registers.advance(events[point])


# Slots


@requirement("REC-12")
@pytest.mark.parametrize("offset", [0, 1, 4096, 2**40, 2**64 - 1])
def test_a_slot_is_a_magic_an_offset_and_a_checksum(offset: int) -> None:
    """Sixteen bytes, the same in every implementation."""
    assert encode_slot(offset) == slot(offset)
    assert decode_slots(file_of(slot(offset), b"")) == (offset, 0)


SLOTS: dict[str, tuple[bytes, int]] = {
    "missing": (b"", 0),
    "zeros": (bytes(16), 0),
    "garbage": (bytes(range(7, 23)), 0),
    "short": (slot(900)[:15], 0),
    "other magic": (b"TPW2" + slot(900)[4:], 0),
    "torn": (slot(900)[:8] + slot(300)[8:], 0),
    "flipped": (slot(900)[:5] + b"\xff" + slot(900)[6:], 0),
    "of a cursor": (b"TPC1" + slot(900)[4:], 0),
    "stale": (slot(100), 100),
    "older": (slot(200), 200),
    "newer": (slot(300), 300),
}
"""What a slot may hold, and what it is worth."""


@requirement("REC-12")
@pytest.mark.parametrize(("first", "second"), list(product(SLOTS, repeat=2)))
def test_the_higher_of_the_valid_slots_counts(first: str, second: str) -> None:
    """Whatever is wrong with the other; without a valid one, nothing is known to be durable."""
    expected = max(SLOTS[first][1], SLOTS[second][1])
    assert decode_slots(file_of(SLOTS[first][0], SLOTS[second][0]))[0] == expected


@given(older=st.integers(0, 2**63), more=st.integers(1, 2**62), cut=st.integers(0, 16))
def test_a_torn_slot_is_the_old_one_the_new_one_or_none(older: int, more: int, cut: int) -> None:
    """Never a third: an offset that nobody wrote."""
    newer = older + more
    torn = slot(newer)[:cut] + slot(older)[cut:]
    assert decode_slots(file_of(torn, b""))[0] in (0, older, newer)


@given(st.binary(max_size=1040))
def test_garbage_is_worth_nothing(data: bytes) -> None:
    """A file that is no watermark is the lowest of all bounds, and no error."""
    assert decode_slots(data)[0] == 0


@requirement("REC-12")
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8))
def test_the_newest_note_never_overwrites_the_one_before(steps: list[int]) -> None:
    """While a note is being made, the last one is in the other slot."""
    filesystem = ModelFilesystem(Image({}, frozenset({DIRECTORY})))
    watermark = Watermark.open(filesystem, DIRECTORY)
    offset = 0
    for step in steps:
        before, offset = offset, offset + step
        watermark.advance(offset)
        data = filesystem.image.files[FILE]
        lost = [
            data.replace(slot(offset), bytes(16)),
            data.replace(slot(offset), slot(offset)[:9] + bytes(7)),
        ]
        assert [decode_slots(each)[0] for each in (data, *lost)] == [offset, before, before]


def test_it_never_goes_back() -> None:
    """A note of less is no note."""
    filesystem = ModelFilesystem(Image({}, frozenset({DIRECTORY})))
    watermark = Watermark.open(filesystem, DIRECTORY)
    watermark.advance(100)
    events = len(filesystem.events)
    for offset in (100, 99, 0, -1):
        watermark.advance(offset)
    assert (watermark.offset, len(filesystem.events)) == (100, events)


def test_a_short_write_of_a_note_is_finished() -> None:
    """A reader limited to durable records would else wait for the next one."""
    filesystem = ModelFilesystem(Image({}, frozenset({DIRECTORY})))
    watermark = Watermark.open(filesystem, DIRECTORY)
    filesystem.fail(1, Fault.SHORT_WRITE)
    watermark.advance(100)
    assert read_watermark(filesystem, DIRECTORY) == 100


@requirement("REC-12")
@pytest.mark.parametrize("crash_model", CLAIMED)
def test_every_image_of_its_writes_is_a_lower_bound(crash_model: str) -> None:
    """What a crash leaves is a note that was made, and none older than the last one synced."""
    filesystem = ModelFilesystem(Image({}, frozenset({DIRECTORY})))
    watermark = Watermark.open(filesystem, DIRECTORY)
    filesystem.sync_directory(DIRECTORY)
    notes, synced = {0: 0}, {0: 0}
    for offset in (100, 200, 300, 400, 500):
        watermark.advance(offset)
        notes[len(filesystem.events)] = offset
        if offset in (200, 300):
            watermark.sync()
            synced[len(filesystem.events)] = offset
    seen = set()
    for point, image in images(filesystem.initial, filesystem.events, crash_model):
        data = image.files.get(FILE, b"")
        found = decode_slots(data)[0]
        newest = max(offset for number, offset in notes.items() if number <= point)
        oldest = max(offset for number, offset in synced.items() if number <= point)
        assert oldest <= found <= newest
        seen.add(found)
    assert seen == {0, 100, 200, 300, 400, 500}


# In a journal

STEPS: dict[str, tuple[str, ...]] = {
    "sync now and then": ("a5", "sync", "a5", "a9", "sync", "a5"),
    "sync, then large": ("a5", "sync", "a600", "a5", "sync"),
    "rotate unsynced": ("a5", "a5", "rotate", "a5", "sync", "a600", "rotate", "a5"),
    "reopen": ("a5", "sync", "a5", "close", "a5", "a5", "sync", "a5"),
    "killed": ("a5", "sync", "a5", "kill", "a5", "sync", "a5", "kill", "a600"),
}


def play(
    steps: tuple[str, ...],
    durability: str = "eventual",
    filesystem: ModelFilesystem | None = None,
) -> ModelFilesystem:
    """Run a program of appends, syncs, rotations, closes and kills."""
    filesystem = filesystem or ModelFilesystem()
    journal = None
    for number, step in enumerate(steps):
        if journal is None:
            filesystem.release_locks()
            journal = Journal.open(
                DIRECTORY, segment_bytes=512, durability=durability, filesystem=filesystem
            )
        if step.startswith("a"):
            journal.append(bytes([number]) * int(step[1:]))
        elif step == "kill":
            journal = None
        else:
            getattr(journal, step)()
            journal = None if step == "close" else journal
    return filesystem


def valid_end(image: Image) -> int:
    """Return where the valid prefix of a journal ends, found by other means than its own."""
    names = sorted(path for path in image.files if path.endswith(".wal"))
    end = int(names[0][-20:-4], 16) if names else 0
    for name in names:
        if int(name[-20:-4], 16) != end:
            break
        for frame in read_frames(image.files[name]):
            if frame.payload is None:
                return end
            end += frame.size
    return end


@requirement("REC-12", "REC-1")
@pytest.mark.parametrize("crash_model", CLAIMED)
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_no_crash_leaves_it_above_what_is_there(steps: tuple[str, ...], crash_model: str) -> None:
    """Every image of every crash: the watermark is at most the end, and the journal opens."""
    filesystem = play(steps)
    ends: dict[int, int] = {}
    watermarks = set()
    for _, image in images(filesystem.initial, filesystem.events, crash_model):
        watermark = decode_slots(image.files.get(FILE, b""))[0]
        watermarks.add(watermark)
        assert watermark <= valid_end(image)
        if image.digest not in ends and DIRECTORY in image.directories:
            ends[image.digest] = recover(DIRECTORY, filesystem=ModelFilesystem(image)).end
            assert ends[image.digest] >= watermark
    assert len(watermarks) > 1
    assert len(ends) > 5


@requirement("REC-12", "JRN-10")
def test_it_costs_no_fsync() -> None:
    """A further append that is durable syncs once, its own segment."""
    counts = []
    for appends in (1, 4):
        filesystem = play(("a5",) * appends, durability="immediate")
        counts.append(sum(isinstance(event, Sync) for event in filesystem.events))
    assert counts[1] - counts[0] == 3


@requirement("REC-12")
def test_an_orderly_end_leaves_it_exact() -> None:
    """After a close, no crash leaves it lower than the end."""
    filesystem = play(("a5", "a9", "close"))
    for point, image in images(filesystem.initial, filesystem.events, "adversarial"):
        if point == len(filesystem.events):
            assert decode_slots(image.files[FILE])[0] == 45 + 49


@requirement("REC-12")
@pytest.mark.parametrize("appends", [(), ("a7",)])
def test_one_that_is_made_for_an_older_journal_has_a_durable_name_after_a_close(
    appends: tuple[str, ...],
) -> None:
    """Of a journal that another implementation wrote, or that was copied without it."""
    written = play(("a5", "a9", "close")).image
    files = {path: data for path, data in written.files.items() if path != FILE}
    filesystem = ModelFilesystem(Image(files, written.directories))
    play((*appends, "close"), filesystem=filesystem)

    model = CRASH_MODELS["adversarial"]
    space = ImageSpace.after(filesystem.initial, filesystem.events, model)
    images = [space.builder.build(choice) for choice in space.choices()]

    expected = 45 + 49 + 47 * len(appends)
    assert {decode_slots(image.files[FILE])[0] for image in images} == {expected}


@requirement("REC-12")
@pytest.mark.parametrize("crash_model", CRASH_MODELS)
def test_without_its_sync_at_close_a_loss_of_power_takes_it(
    crash_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the sync bears something in each: damage that comes later would be cut for a torn tail."""
    monkeypatch.setattr(Watermark, "sync", lambda _: None)
    filesystem = play(("a5", "a9", "close"))
    model = CRASH_MODELS[crash_model]
    space = ImageSpace.after(filesystem.initial, filesystem.events, model)
    images = map(space.builder.build, space.choices())

    known = {decode_slots(image.files[FILE])[0] for image in images if FILE in image.files}

    assert known == ({45 + 49} if crash_model == "process-kill" else {0, 45 + 49})


# What it is good for


def segments_of(filesystem: ModelFilesystem) -> dict[str, bytes]:
    return {path: data for path, data in filesystem.image.files.items() if path.endswith(".wal")}


def flip(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


SMALL = ("a5", "a9", "rotate", "a1", "a0", "sync", "a7")
"""A sealed segment of 94 bytes; an active one with 81 bytes below the watermark, 47 above."""


@requirement("REC-5", "REC-12")
def test_a_bit_flipped_below_it_is_reported_and_nothing_is_cut() -> None:
    """Every bit of the sealed segment, and every one below the watermark in the last one."""
    filesystem = play(SMALL)
    image = filesystem.image
    watermark = decode_slots(image.files[FILE])[0]
    assert watermark == 94 + 81
    for path, data in segments_of(filesystem).items():
        below = min(len(data), watermark - int(path[-20:-4], 16))
        for bit in range(8 * below):
            files = dict(image.files) | {path: flip(data, bit)}
            damaged = ModelFilesystem(Image(files, image.directories))
            with pytest.raises(Corrupt, match="nothing was changed"):
                recover(DIRECTORY, filesystem=damaged)
            assert damaged.events == []


@requirement("REC-12")
def test_a_bit_flipped_above_it_is_a_torn_tail() -> None:
    """It is cut, which is reported as such, and everything below stays."""
    filesystem = play(SMALL)
    image = filesystem.image
    path = max(segments_of(filesystem))
    data = image.files[path]
    for bit in range(8 * 81, 8 * len(data)):
        files = dict(image.files) | {path: flip(data, bit)}
        report = recover(DIRECTORY, filesystem=ModelFilesystem(Image(files, image.directories)))
        assert (report.records, report.end, report.discarded_bytes) == (4, 94 + 81, 47)


@requirement("REC-5", "REC-12")
@settings(max_examples=150)
@given(
    sizes=st.lists(st.integers(0, 200), min_size=1, max_size=6),
    synced=st.integers(0, 6),
    flips=st.sets(st.integers(0, 2**16), min_size=1, max_size=4),
)
def test_any_damage_is_told_by_where_it_begins(
    sizes: list[int], synced: int, flips: set[int]
) -> None:
    """Some bits, anywhere: below the watermark an error that changes nothing, above it a cut."""
    steps = [f"a{size}" for size in sizes]
    steps.insert(min(synced, len(steps)), "sync")
    filesystem = play(tuple(steps))
    image = filesystem.image
    watermark = decode_slots(image.files[FILE])[0]
    paths = sorted(segments_of(filesystem))
    content = b"".join(image.files[path] for path in paths)
    damaged = content
    for bit in flips:
        damaged = flip(damaged, bit % (8 * len(content)))
    files = dict(image.files)
    for path in paths:
        base = int(path[-20:-4], 16)
        files[path] = damaged[base : base + len(files[path])]
    disk = ModelFilesystem(Image(files, image.directories))

    changed = [at for at in range(len(content)) if content[at] != damaged[at]]
    sealed = int(paths[-1][-20:-4], 16)
    if changed and changed[0] < max(watermark, sealed):
        with pytest.raises(Corrupt):
            recover(DIRECTORY, filesystem=disk)
        assert disk.events == []
    else:
        assert recover(DIRECTORY, filesystem=disk).end >= watermark


@requirement("REC-6", "REC-12")
def test_what_it_covers_and_is_gone_is_missing() -> None:
    """The last segment shortened, removed, or all of them: refused, and nothing is changed."""
    filesystem = play(SMALL)
    image = filesystem.image
    last = max(segments_of(filesystem))
    whole = dict(image.files)
    without_last = {path: data for path, data in whole.items() if path != last}
    for files in (
        whole | {last: whole[last][:41]},
        whole | {last: b""},
        without_last,
        {FILE: whole[FILE]},
    ):
        disk = ModelFilesystem(Image(files, image.directories))
        with pytest.raises(MissingSegment, match="below its durable watermark 175"):
            recover(DIRECTORY, filesystem=disk)
        assert disk.events == []


@requirement("REC-12")
def test_a_damaged_watermark_never_stops_a_sound_journal() -> None:
    """Any bit of it may flip: it then says less, which is still true."""
    filesystem = play(SMALL)
    image = filesystem.image
    data = image.files[FILE]
    found = set()
    for bit in (*range(8 * 16), *range(8 * 512, 8 * len(data))):
        files = dict(image.files) | {FILE: flip(data, bit)}
        disk = ModelFilesystem(Image(files, image.directories))
        found.add(read_watermark(disk, DIRECTORY))
        assert recover(DIRECTORY, filesystem=disk).records == 5
    assert found == {94, 94 + 81}


@requirement("REC-12")
def test_without_one_damage_in_the_last_segment_is_taken_for_a_torn_tail() -> None:
    """The limit that the watermark is for: nothing in the bytes tells the two apart."""
    filesystem = play(("a5", "a9", "sync"))
    files = {path: flip(data, 330) for path, data in segments_of(filesystem).items()}
    disk = ModelFilesystem(Image(files, frozenset({DIRECTORY})))
    report = recover(DIRECTORY, filesystem=disk)
    assert (report.records, report.discarded_bytes) == (0, 94)


@requirement("REC-11", "REC-12")
def test_one_that_cannot_be_read_is_an_error() -> None:
    """Not to know is no reason to cut."""
    filesystem = play(SMALL)
    disk = ModelFilesystem(filesystem.image)
    disk.fail(2, Fault.ERROR)  # before it, the directory is listed
    with pytest.raises(InputOutput, match="read the watermark"):
        recover(DIRECTORY, filesystem=disk)
    assert disk.events == []
