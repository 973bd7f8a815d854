"""
Scenarios about what readers and cursors answer where there is nothing to give.

A follower waits on "beyond the end", gives up on "trimmed" and reports "not a
boundary"; each of them is asked for at every offset, and so is damage where a reader
must not take it for the tail.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from crc32c import crc32c
from tornproof_models.contract.journal import Record, Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import DIRECTORY, Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.readers.programs import CleaningJournal, ConsumerSubject, CursorUnderTest

from tornproof_conformance.scenarios.cursors_and_cleanup import has_cursors
from tornproof_conformance.scenarios.reader_processes import Reader, ReadSubject, has_readers
from tornproof_conformance.scenarios.scenario import (
    READER,
    Situation,
    error_code,
    misread,
    scenario,
)
from tornproof_conformance.vectors.frames import make_frame

SIZES = (10, 30, 0, 60, 24)
"""Payloads of the first segments, some of which hold more than one record."""

SEGMENTS = Options(segment_bytes=128)


def filled(subject: Subject) -> tuple[Situation, list[Record], int]:
    """Write a journal of several segments; return its records and its end."""
    situation = Situation(subject)
    journal = situation.open(SEGMENTS)
    records = []
    for number, size in enumerate(SIZES):
        payload = grow_payload(size, number)
        records.append((journal.append(payload), payload))
    journal.close()
    offset, payload = records[-1]
    return situation, records, offset + len(make_frame(payload))


# Readers


@scenario("RDR-8", claim=READER, where=has_readers)
def a_reader_answers_at_every_offset(subject: Subject) -> Iterator[Violation]:
    """A read at an offset gives the record that begins there, or the right one of two errors."""
    situation, records, end = filled(subject)
    reader = cast("ReadSubject", subject).open_reader(situation.filesystem, durable_only=True)
    match misread(reader.read, records, end):
        case offset, "", _:
            yield Violation("RDR-8", f"a reader gives another record at {offset}")
        case offset, code, expected:
            yield Violation("RDR-8", f"a reader at {offset} says {code}, not {expected}")


@scenario("RDR-8", claim=READER, where=has_readers)
def a_scan_begins_where_it_is_told(subject: Subject) -> Iterator[Violation]:
    """A scan from a record returns it and all after it; from inside a record it is an error."""
    situation, records, end = filled(subject)
    for durable_only in (True, False):
        readers = cast("ReadSubject", subject)
        reader = readers.open_reader(situation.filesystem, durable_only=durable_only)
        yield from _misplaced(reader, records, end)


def _misplaced(reader: Reader, records: Sequence[Record], end: int) -> Iterator[Violation]:
    for number, (offset, _) in enumerate(records):
        if list(reader.scan(offset)) != records[number:]:
            yield Violation("RDR-8", f"a scan from {offset} does not give the records from there")
            return
        code = error_code(lambda at: list(reader.scan(at)), offset + 1)
        if code != "not_a_boundary":
            yield Violation("RDR-8", f"a scan from inside a record, {offset + 1}, gives {code}")
            return
    if list(reader.scan(end)):
        yield Violation("RDR-8", f"a scan from the end, {end}, gives records")
    code = error_code(lambda at: list(reader.scan(at)), end + 1)
    if code != "beyond_end":
        yield Violation("RDR-8", f"a scan from beyond the end gives {code}, not beyond_end")


@scenario("RDR-9", claim=READER, where=has_readers)
def a_reader_takes_no_damage_for_the_tail(subject: Subject) -> Iterator[Violation]:
    """A torn frame in a sealed segment is `corrupt`; a missing segment is `missing_segment`."""
    whole, spoilt = make_frame(b"a" * 24), bytearray(make_frame(b"b" * 24))
    spoilt[50] ^= 1
    second, third = f"{len(whole):016x}.wal", f"{2 * len(whole):016x}.wal"
    first = f"{0:016x}.wal"
    for words, files in (
        ("is spoilt", {first: whole, second: bytes(spoilt), third: whole}),
        ("is cut short", {first: whole, second: whole[:-1], third: whole}),
        ("is not there", {first: whole, third: whole}),
    ):
        situation = Situation.with_files(subject, files)
        reader = cast("ReadSubject", subject).open_reader(situation.filesystem, durable_only=True)
        if reader.read(0) != b"a" * 24:
            yield Violation("RDR-9", f"the second of three segments {words}: the first is not read")
        code = error_code(reader.read, len(whole))
        if code != "corrupt":
            message = f"the second of three segments {words}: a read of it gives {code}"
            yield Violation("RDR-9", f"{message}, not corrupt")
        seen: list[Record] = []
        code = error_code(lambda each, into: into.extend(each.scan()), reader, seen)
        if code != "corrupt" or len(seen) > 1:
            message = f"the second of three segments {words}: a scan gives {len(seen)} records"
            yield Violation("RDR-9", f"{message} and {code}")


# Cursors


def _cursor(situation: Situation, name: str = "kitchen") -> CursorUnderTest:
    return cast("ConsumerSubject", situation.subject).open_cursor(situation.filesystem, name)


@scenario("CUR-5", where=has_cursors)
def a_cursor_stands_where_a_record_begins(subject: Subject) -> Iterator[Violation]:
    """A cursor moves to record boundaries up to the durable end; other requests are refused."""
    situation, records, end = filled(subject)
    cursor = _cursor(situation)
    if cursor.position != 0:
        yield Violation("CUR-5", f"a new cursor of a whole journal is at {cursor.position}")
    for place in [*(offset for offset, _ in records), end]:
        cursor.advance(place)
        cursor.advance(place)
        inside = [("not_a_boundary", place + 1)] if place < end else []
        for expected, asked in (*inside, ("beyond_end", end + 1), ("invalid", place - 1)):
            code = error_code(cursor.advance, asked)
            if code != expected:
                message = f"a cursor at {place} that is moved to {asked} gives {code}"
                yield Violation("CUR-5", f"{message}, not {expected}")
                return
        if (cursor.position, _cursor(situation).position) != (place, place):
            yield Violation("CUR-5", f"after refusals a cursor at {place} is elsewhere")
            return


@scenario("CUR-5", where=has_cursors)
def a_cursor_stays_below_what_is_not_durable(subject: Subject) -> Iterator[Violation]:
    """A cursor does not move past records that are not synced; once they are, it does."""
    situation = Situation(subject)
    journal = situation.open(Options(durability="eventual"))
    journal.append(b"durable")
    journal.sync()
    if "watermark" not in situation.files:
        return  # nobody but the writer knows what is durable
    cursor, durable = _cursor(situation), len(make_frame(b"durable"))
    journal.append(b"not yet")
    code = error_code(cursor.advance, 2 * durable)
    if code != "beyond_end":
        yield Violation("CUR-5", f"moved behind what is not durable, a cursor says {code}")
    journal.sync()
    if error_code(cursor.advance, 2 * durable) != "success (None)":
        yield Violation("CUR-5", "a cursor is not moved to the durable end")


@scenario("CUR-6", where=has_cursors)
def a_cursor_that_cannot_be_read_stops_cleanup(subject: Subject) -> Iterator[Violation]:
    """A cursor file that is cut, damaged or empty is an error; cleanup then removes nothing."""
    for words, spoil in (
        ("is empty", lambda _: b""),
        ("is cut short", lambda content: content[:-1]),
        ("is too long", lambda content: content + b"\0"),
        ("has other bytes", lambda content: bytes([content[0] ^ 1]) + content[1:]),
        ("has another place", lambda content: content[:4] + b"\x01" + content[5:]),
    ):
        situation, _, end = filled(subject)
        fast, slow = _cursor(situation, "fast"), _cursor(situation, "slow")
        fast.advance(end)
        path = next(name for name in situation.files if name.startswith("slow"))
        content = situation.files[path]
        file = situation.filesystem.open(f"{DIRECTORY}/{path}")
        file.truncate(0)
        file.write_at(0, spoil(content))
        file.close()
        before = situation.segments
        journal = cast("CleaningJournal", situation.open(SEGMENTS))
        codes = (error_code(journal.cleanup), error_code(slow.advance, end))
        opened = error_code(_cursor, situation, "slow")
        if situation.segments != before:
            yield Violation("CUR-6", f"a cursor {words}, and cleanup has removed segments")
        if {*codes, opened} != {"corrupt"}:
            told = f"cleanup gives {codes[0]}, a move {codes[1]}, opening it {opened}"
            yield Violation("CUR-6", f"a cursor {words}: {told}")


class PartialListing(ModelFilesystem):
    """A disk on which one listing lacks a name, as POSIX allows while it is renamed."""

    lacks = ""
    listings = 0
    """How many there are up to that one."""

    def list_directory(self, path: str) -> list[str]:
        """List the names, perhaps without that one."""
        self.listings -= 1
        names = super().list_directory(path)
        return [name for name in names if name != self.lacks or self.listings != 0]


@scenario("CUR-9", where=has_cursors, simulated=True)
def a_listing_may_lack_a_cursor(subject: Subject) -> Iterator[Violation]:
    """If one listing of a cleanup lacks a cursor, what its consumer needs is not removed."""
    for number in (1, 2, 3):
        situation, _, end = filled(subject)
        fast, _ = _cursor(situation, "fast"), _cursor(situation, "slow")
        fast.advance(end)
        disk = PartialListing(situation.filesystem.image)
        journal = cast("CleaningJournal", subject.open(disk, SEGMENTS))
        disk.lacks, disk.listings = "slow.cursor", number
        journal.cleanup()
        removed = situation.segments.keys() - Situation(subject, disk).segments.keys()
        if removed:
            message = f"a cursor is at 0, listing {number} of a cleanup lacks it, and"
            yield Violation("CUR-9", f"{message} {min(removed)} is removed")


@scenario("CUR-7", where=has_cursors)
def a_cursor_is_a_file_that_others_read(subject: Subject) -> Iterator[Violation]:
    """A cursor file has its consumer's name and the sixteen bytes that the chapter defines."""
    situation, records, _ = filled(subject)
    cursor = _cursor(situation)
    for offset, _ in records:
        cursor.advance(offset)
        if situation.files.get("kitchen.cursor") != _written(offset):
            yield Violation("CUR-7", f"a cursor at {offset} is not the file of the chapter")
            return
    place = records[2][0]
    path = f"{DIRECTORY}/bar.cursor"
    file = situation.filesystem.open(path, create=True)
    file.write_at(0, _written(place))
    file.close()
    if (found := _cursor(situation, "bar").position) != place:
        yield Violation("CUR-7", f"a cursor that somebody else left at {place} is at {found}")


def _written(offset: int) -> bytes:
    body = b"TPC1" + offset.to_bytes(8, "little")
    return body + crc32c(body).to_bytes(4, "little")
