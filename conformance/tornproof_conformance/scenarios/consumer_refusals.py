"""
Scenarios about readers and cursors of journals that were cut, cleaned up or damaged.

The files are written by hand: a journal without a watermark, one whose watermark covers what is
not there any more, one whose first segments were removed.
"""

from collections.abc import Iterator
from typing import Any, cast

from crc32c import crc32c
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import DIRECTORY, Subject
from tornproof_models.disk.faults import Fault
from tornproof_models.readers.programs import CleaningJournal, ConsumerSubject, CursorUnderTest

from tornproof_conformance.scenarios.consumer_answers import SEGMENTS, filled
from tornproof_conformance.scenarios.cursors_and_cleanup import has_cursors
from tornproof_conformance.scenarios.reader_processes import ReadSubject, has_readers
from tornproof_conformance.scenarios.scenario import (
    READER,
    WATERMARK,
    Situation,
    error_code,
    is_simulated,
    is_typed,
    scenario,
)
from tornproof_conformance.vectors.frames import make_frame

FIRST = f"{0:016x}.wal"
ONE, TWO = make_frame(b"one"), make_frame(b"two")
SIZE = len(ONE)
SLOT = 512


def _watermark(*offsets: int, torn: int | None = None) -> bytes:
    """Write a watermark of up to two slots, one of them torn (REC-12)."""
    slots = []
    for number, offset in enumerate(offsets):
        body = b"TPW1" + offset.to_bytes(8, "little")
        checksum = crc32c(body) ^ (number == torn)
        slots.append((body + checksum.to_bytes(4, "little")).ljust(SLOT, b"\0"))
    return b"".join(slots)


def _reader(situation: Situation) -> Any:
    return cast("ReadSubject", situation.subject).open_reader(
        situation.filesystem, durable_only=True
    )


def _cursor(situation: Situation, name: str = "kitchen") -> CursorUnderTest:
    return cast("ConsumerSubject", situation.subject).open_cursor(situation.filesystem, name)


def _shown(situation: Situation) -> str:
    """Scan with a fresh reader; return the payloads that it shows, and the error that ends it."""
    seen: list[bytes] = []
    code = error_code(lambda: seen.extend(payload for _, payload in _reader(situation).scan()))
    return ", ".join(
        [*(payload.decode() for payload in seen), *[code] * (not code.startswith("s"))]
    )


def reads_watermarks(subject: Subject) -> bool:
    """Tell whether a subject has readers in this process, of files that are put before them."""
    return has_readers(subject) and is_simulated(subject)


# Readers


@scenario("RDR-9", claim=WATERMARK, where=reads_watermarks)
def what_a_watermark_covers_is_no_tail(subject: Subject) -> Iterator[Violation]:
    """Below the durable watermark, a frame that is cut or spoilt, or no segment, is damage."""
    spoilt = TWO[:-1] + bytes([TWO[-1] ^ 1])
    for words, files in (
        ("is spoilt", {FIRST: ONE + spoilt}),
        ("is cut short", {FIRST: ONE + TWO[:-1]}),
        ("is not there", {FIRST: ONE}),
        ("is in no segment", {}),
    ):
        situation = Situation.with_files(subject, {**files, "watermark": _watermark(2 * SIZE)})
        code = error_code(lambda place=situation: _reader(place).read(SIZE))
        if code != "corrupt":
            message = f"the second of two records below the watermark {words}: a read gives {code}"
            yield Violation("RDR-9", f"{message}, not corrupt")


@scenario("RDR-6", claim=WATERMARK, where=reads_watermarks)
def the_higher_whole_slot_counts(subject: Subject) -> Iterator[Violation]:
    """A reader shows what the higher of the whole slots of a watermark covers, and no more."""
    for words, watermark, expected in (
        ("the first slot alone", _watermark(SIZE), "one"),
        ("a higher second slot", _watermark(SIZE, 2 * SIZE), "one, two"),
        ("a lower second slot", _watermark(2 * SIZE, SIZE), "one, two"),
        ("a higher slot that is torn", _watermark(SIZE, 2 * SIZE, torn=1), "one"),
        ("a higher first slot that is torn", _watermark(2 * SIZE, SIZE, torn=0), "one"),
    ):
        situation = Situation.with_files(subject, {FIRST: ONE + TWO, "watermark": watermark})
        if (shown := _shown(situation)) != expected:
            message = f"of two records, a watermark has {words}: a reader shows {shown or 'none'}"
            yield Violation("RDR-6", message)


@scenario("RDR-8", claim=WATERMARK, where=reads_watermarks)
def what_was_durable_stays_durable(subject: Subject) -> Iterator[Violation]:
    """While the higher slot of a watermark is being written, a reader shows what it has shown."""
    whole = {FIRST: ONE + TWO, "watermark": _watermark(SIZE, 2 * SIZE)}
    situation = Situation.with_files(subject, whole)
    reader = _reader(situation)
    before = len(list(reader.scan(0)))
    file = situation.filesystem.open(f"{DIRECTORY}/watermark")
    file.write_at(SLOT, b"TPW1 torn")
    file.close()
    after = min(len(list(reader.scan(0))) for _ in range(2))  # the second knows of the slot
    if after != before:
        message = f"a reader has shown {before} durable records; while a slot is written, {after}"
        yield Violation("RDR-8", message)


@scenario("RDR-8", claim=READER, where=reads_watermarks)
def a_negative_offset_is_refused(subject: Subject) -> Iterator[Violation]:
    """A read or a scan from below zero is a typed error, and shows nothing."""
    situation, _, _ = filled(subject)
    for words, ask in (
        ("a read", lambda reader: reader.read(-1)),
        ("a scan", lambda reader: list(reader.scan(-1))),
    ):
        code = error_code(ask, _reader(situation))
        if not is_typed(code):
            yield Violation("RDR-8", f"{words} at -1 gives {code}, not a typed error")


# Behind a cleanup


def has_both(subject: Subject) -> bool:
    """Tell whether a subject has cursors, cleanup and readers in this process."""
    return has_cursors(subject) and reads_watermarks(subject)


@scenario("RDR-4", "CUR-5", where=has_both)
def who_comes_after_a_cleanup_begins_with_what_is_kept(subject: Subject) -> Iterator[Violation]:
    """A scan from the beginning, and a new cursor, begin at the first record that is kept."""
    situation, records, end = filled(subject)
    early = _reader(situation)
    _cursor(situation).advance(end)
    journal = cast("CleaningJournal", situation.open(SEGMENTS))
    first = journal.cleanup()
    kept = [record for record in records if record[0] >= first]
    for words, reader in (("opened before", early), ("opened after", _reader(situation))):
        seen: list[tuple[int, bytes]] = []
        code = error_code(lambda of=reader, into=seen: into.extend(of.scan()))
        if seen != kept or not code.startswith("success"):
            message = f"a reader {words} a cleanup up to {first} is asked for all that there is: "
            yield Violation("RDR-4", f"{message}{len(seen)} of {len(kept)} records, and {code}")
    if (position := _cursor(situation, "late").position) != first:
        message = f"a new cursor of a journal that begins at {first} is at {position}"
        yield Violation("CUR-5", message)


# Cursors


@scenario("CUR-5", where=has_cursors)
def a_cursor_needs_no_watermark(subject: Subject) -> Iterator[Violation]:
    """In a journal without a watermark, a cursor moves to where the last whole record ends."""
    for words, tail in (("ends with a whole record", b""), ("has a torn tail", ONE[:-2])):
        situation = Situation.with_files(subject, {FIRST: ONE + TWO + tail})
        cursor = _cursor(situation)
        codes = [error_code(cursor.advance, place) for place in (SIZE, 2 * SIZE, 2 * SIZE + 1)]
        if codes != ["success (None)", "success (None)", "beyond_end"]:
            message = f"a journal without a watermark {words}: a cursor is moved to each record"
            yield Violation("CUR-5", f"{message}, to the end and beyond, and it says {codes}")


@scenario("CUR-2", where=has_cursors)
def the_slower_of_two_consumers_is_refused(subject: Subject) -> Iterator[Violation]:
    """If another process has moved a cursor on, moving it to an earlier record is refused."""
    situation, records, _ = filled(subject)
    slow, fast = _cursor(situation), _cursor(situation)
    fast.advance(records[3][0])
    code = error_code(slow.advance, records[1][0])
    position = _cursor(situation).position
    if not is_typed(code) or position != records[3][0]:
        message = f"a cursor that another process has moved to {records[3][0]} is moved back: "
        yield Violation("CUR-2", f"{message}it says {code} and is at {position}")


@scenario("CUR-1", where=has_cursors)
def a_move_that_failed_can_be_made_again(subject: Subject) -> Iterator[Violation]:
    """If an operation of a move fails, the same move is made again by the next call."""
    for nth in range(1, 40):
        situation, records, _ = filled(subject)
        cursor = _cursor(situation)
        situation.filesystem.fail(nth, Fault.ERROR)
        failed = not error_code(cursor.advance, records[1][0]).startswith("success")
        situation.filesystem.disarm()
        again = error_code(cursor.advance, records[1][0])
        position = _cursor(situation).position
        if not again.startswith("success") or position != records[1][0]:
            message = f"operation {nth} of a move failed, and moving again says {again}: "
            yield Violation("CUR-1", f"{message}the next process finds the cursor at {position}")
            return
        if not failed:
            return


@scenario("CUR-6", where=has_cursors)
def a_cursor_that_is_gone_is_not_made_again(subject: Subject) -> Iterator[Violation]:
    """If the file of a cursor is removed while it is open, moving it is a typed error."""
    situation, records, _ = filled(subject)
    cursor = _cursor(situation)
    name = next(each for each in situation.files if each.startswith("kitchen"))
    situation.filesystem.unlink(f"{DIRECTORY}/{name}")
    code = error_code(cursor.advance, records[1][0])
    if not is_typed(code):
        message = "the file of a cursor was removed, and moving it on gives"
        yield Violation("CUR-6", f"{message} {code}: nobody can tell what cleanup has removed")


NAMES = ("", "../kitchen", "a/b", ".hidden", "kitchen\n", "kitchen/../bar", "x" * 300)


@scenario("CUR-8", where=has_cursors)
def a_name_that_is_no_file_beside_the_segments_is_refused(subject: Subject) -> Iterator[Violation]:
    """A cursor whose name leads elsewhere, or fits no file, is refused, and no file is made."""
    for name in NAMES:
        situation, _, _ = filled(subject)
        before = dict(situation.filesystem.image.files)
        code = error_code(_cursor, situation, name)
        if not is_typed(code):
            yield Violation("CUR-8", f"a cursor named {name[:20]!r} gives {code}, no typed error")
        if dict(situation.filesystem.image.files) != before:
            yield Violation("CUR-8", f"a cursor named {name[:20]!r} is refused, and leaves a file")
