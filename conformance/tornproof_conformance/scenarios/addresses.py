"""
Scenarios about offsets and segments.
"""

import re
from collections.abc import Iterator
from typing import Protocol, cast

from tornproof_models.contract.journal import Record, Violation
from tornproof_models.crash.program import Append, Rotate, grow_payload
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.trace import (
    Acked,
    Create,
    Invoked,
    Rename,
    Sync,
    SyncDirectory,
    Write,
)

from tornproof_conformance.scenarios.scenario import (
    EMPTY,
    FORMAT,
    SEGMENTS,
    Situation,
    acknowledged,
    claims,
    error_code,
    misread,
    scenario,
)
from tornproof_conformance.vectors.frames import make_frame, read_frames
from tornproof_conformance.vectors.shown import EMPTY_LEFT_OUT

SIZES = (10, 100, 600, 0, 30, 700, 24, 24, 500, 4)
"""Payloads below, at and above a segment of 512 bytes."""


def _filled(subject: Subject) -> tuple[Situation, list[Record]]:
    """Write a journal of several segments, reopening it half-way."""
    takes_empty = claims(subject, EMPTY) or claims(subject, FORMAT)
    situation = Situation(subject)
    records: list[Record] = []
    for half in (SIZES[:5], SIZES[5:]):
        journal = situation.open_again(records)
        for size in half if takes_empty else filter(None, half):
            payload = grow_payload(size, len(records))
            records.append((journal.append(payload), payload))
        journal.close()
        situation.filesystem.release_locks()
    return situation, records


@scenario("SEG-6", claim=SEGMENTS)
def a_large_record_is_taken(subject: Subject) -> Iterator[Violation]:
    """A record larger than a segment is appended and read back."""
    journal = Situation(subject).open()
    large = grow_payload(2000, 1)
    if journal.read(journal.append(large)) != large:
        yield Violation("SEG-6", "2,000 bytes into segments of 512 are read back as others")


@scenario("JRN-1", claim=FORMAT)
def offsets_are_positions(subject: Subject) -> Iterator[Violation]:
    """An offset is the number of bytes of all frames before it, across segments."""
    _, records = _filled(subject)
    position = 0
    for offset, payload in records:
        if offset != position:
            yield Violation("JRN-1", f"the record at position {position} has offset {offset}")
            return
        position += len(make_frame(payload))


@scenario("JRN-2")
def read_order_is_append_order(subject: Subject) -> Iterator[Violation]:
    """A scan gives the records in the order in which they were appended."""
    situation, records = _filled(subject)
    yield from acknowledged(records).judge(list(situation.open().scan()))[:1]


@scenario("JRN-16", claim=EMPTY)
def an_empty_record_is_a_record(subject: Subject) -> Iterator[Violation]:
    """A record without a payload has an offset, and a scan shows it between its neighbours."""
    situation = Situation(subject)
    journal = situation.open()
    payloads = (b"", b"before", b"", b"", b"after", b"")
    records = [(journal.append(payload), payload) for payload in payloads]
    journal.close()
    if [offset for offset, _ in records] != sorted({offset for offset, _ in records}):
        yield Violation("JRN-16", "two records have one offset, and a payload of one is empty")
    if (shown := list(situation.open().scan())) != records:
        missing = next(
            (payload for offset, payload in records if (offset, payload) not in shown), None
        )
        message = "opened again, the journal does not show its empty records"
        yield Violation("JRN-16", message, EMPTY_LEFT_OUT if missing == b"" else "")


@scenario("SEG-1", "SEG-2", "SEG-5", "SEG-6", claim=SEGMENTS)
def segments_on_disk(subject: Subject) -> Iterator[Violation]:
    """Segments are named after their base, contiguous, and hold whole frames."""
    situation, records = _filled(subject)
    end = 0
    for name, content in situation.segments.items():
        if not re.fullmatch(r"[0-9a-f]{16}\.wal", name):
            yield Violation("SEG-1", f"{name} is not sixteen hexadecimal digits and .wal")
            return
        if int(name[:16], 16) != end:
            yield Violation("SEG-2", f"{name} does not begin at {end}, where the last one ends")
            return
        frames = list(read_frames(content))
        if any(frame.payload is None for frame in frames):
            yield situation.charge("SEG-5", f"{name} does not end with a whole frame")
        if len(content) > 512 and len(frames) > 1:
            yield Violation("SEG-6", f"{name} has {len(frames)} records in {len(content)} bytes")
        end += len(content)
    if not situation.segments:
        yield Violation("SEG-1", "no file is named as a segment")
    oversize = [payload for _, payload in records if len(make_frame(payload)) > 512]
    longer = [name for name, content in situation.segments.items() if len(content) > 512]
    if len(longer) != len(oversize):
        yield Violation("SEG-6", f"{len(oversize)} large records in {len(longer)} large segments")


@scenario("SEG-4", claim=SEGMENTS, simulated=True)
def rotation_keeps_its_order(subject: Subject) -> Iterator[Violation]:
    """The old segment and the new one's name are synced before the new one acknowledges."""
    running = run((Append(20), Rotate(), Append(20)), subject, Options(durability="immediate"))
    events = running.filesystem.events
    start = max(n for n, event in enumerate(events) if isinstance(event, Invoked))
    promised = max(n for n, event in enumerate(events) if isinstance(event, Acked))
    written = [e.inode for e in events[start:promised] if isinstance(e, Write) and len(e.data) > 20]
    new = written[0] if written else None
    made = [n for n, e in enumerate(events) if isinstance(e, Create) and e.inode == new]
    if not made:
        yield Violation("SEG-4", "after a rotation, a record does not go to a new file")
        return
    old = {e.inode for e in events[: made[0]] if isinstance(e, Write) and len(e.data) > 20}
    for inode in old:
        writes = [n for n, e in enumerate(events) if isinstance(e, Write) and e.inode == inode]
        syncs = [n for n, e in enumerate(events) if isinstance(e, Sync) and e.inode == inode]
        if not any(writes[-1] < n < promised for n in syncs):
            yield Violation("SEG-4", "the new segment acknowledges before the old one is synced")
    named = max(
        n
        for n, e in enumerate(events[:promised])
        if n == made[0] or (n > made[0] and isinstance(e, Rename))
    )
    if not any(isinstance(e, SyncDirectory) for e in events[named:promised]):
        yield Violation("SEG-4", "the new segment acknowledges before its name is durable")


@scenario("SEG-3", "SEG-8", claim=SEGMENTS)
def every_offset_resolves(subject: Subject) -> Iterator[Violation]:
    """A read at each offset returns the record there, or the right one of the three errors."""
    situation, records = _filled(subject)
    if len({offset for offset, _ in records}) < len(records):
        return  # an offset that stands for two records is JRN-1's affair
    journal = situation.open()
    match misread(journal.read, records, records[-1][0] + len(make_frame(records[-1][1]))):
        case offset, "", _:
            yield Violation("SEG-3", f"offset {offset} gives another record's payload")
        case offset, code, expected:
            yield Violation("SEG-8", f"reading at {offset} gives {code}, not {expected}")


@scenario("SEG-8", claim=SEGMENTS)
def a_frame_inside_a_payload_is_no_record(subject: Subject) -> Iterator[Violation]:
    """An offset inside a record is not a boundary, even where a payload holds a whole frame."""
    situation = Situation(subject)
    journal = situation.open()
    offset = journal.append(make_frame(b"hidden"))
    code = error_code(journal.read, offset + 40)
    if code != "not_a_boundary":
        yield Violation("SEG-8", f"a frame inside a payload gives {code}, not not_a_boundary")


@scenario("SEG-8", claim=SEGMENTS)
def trimmed_is_not_beyond(subject: Subject) -> Iterator[Violation]:
    """A read below the first segment is the error `trimmed`."""
    files = {f"{1000:016x}.wal": make_frame(b"first kept")}
    situation = Situation.with_files(subject, files)
    journal = situation.open()
    for offset in (0, 999):
        code = error_code(journal.read, offset)
        if code != "trimmed":
            yield Violation("SEG-8", f"reading at {offset}, below 1000, gives {code}, not trimmed")
    shown = tuple(journal.scan())
    if shown != ((1000, b"first kept"),):
        message = "a journal whose first segment is 1000 does not begin there"
        yield situation.charge("JRN-1", message, shown)


class Cleaning(Protocol):
    """A journal that is told by its caller how far the slowest consumer has got."""

    def clean_up(self, cursor: int) -> int:
        """Remove the segments that lie wholly below a cursor; return the first offset kept."""
        ...


def is_told_of_cursors(subject: Subject) -> bool:
    """Tell whether a subject's journals know of consumers what their caller says."""
    return getattr(subject, "is_told_of_cursors", False) is True


@scenario("SEG-7", "JRN-15", claim=SEGMENTS, where=is_told_of_cursors)
def cleanup_keeps_what_a_cursor_needs(subject: Subject) -> Iterator[Violation]:
    """Cleanup removes whole segments below the cursor and nothing else; offsets do not change."""
    for cursor_at in range(len(SIZES)):
        situation, records = _filled(subject)
        if cursor_at == len(records):
            return  # it takes no empty records, so there is one fewer
        journal = situation.open()
        cursor = records[cursor_at][0]
        bases = [int(name[:16], 16) for name in situation.segments]
        expected = max((base for base in bases if base <= cursor), default=None)
        first = cast("Cleaning", journal).clean_up(cursor)
        journal.close()
        journal = situation.open()
        kept = list(journal.scan())
        if kept != [record for record in records if record[0] >= first]:
            yield Violation("SEG-7", f"cleaned up to {cursor}, and other records are gone")
            return
        if expected is not None and first != expected:
            yield Violation("SEG-7", f"cleaned up to {cursor}: {first} is first, not {expected}")
            return
        payload = grow_payload(40, len(records))
        offset = journal.append(payload)
        if list(journal.scan())[-1:] != [(offset, payload)]:
            message = f"cleaned up to {cursor}: an append answers {offset}, and is not there"
            yield Violation("JRN-15", message)
            return
