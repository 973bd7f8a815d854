"""
Scenarios about a reader beside a writer.

`consumers` looks between any two disk operations of a writer.  These look between
its calls, which takes no simulated disk, so an adapter is put into them as well.
"""

from collections.abc import Iterator
from typing import Protocol, cast

from tornproof_models.contract.journal import Record, Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem

from tornproof_conformance.scenarios.scenario import READER, Situation, error_code, scenario
from tornproof_conformance.vectors.frames import make_frame

FIRST = "0" * 16 + ".wal"


class Reader(Protocol):
    """A reader of a journal that somebody else may be writing."""

    def read(self, offset: int) -> bytes:
        """Return the payload at an offset."""
        ...

    def scan(self, start: int | None = None) -> Iterator[Record]:
        """Yield the records from an offset on, or from the first."""
        ...


class ReadSubject(Protocol):
    """A subject with readers."""

    def open_reader(self, filesystem: ModelFilesystem, *, durable_only: bool) -> Reader:
        """Open a reader of the journal on a disk."""
        ...


def has_readers(subject: Subject) -> bool:
    """Tell whether a subject has readers."""
    return hasattr(subject, "open_reader")


def _reader(situation: Situation) -> Reader:
    subject = cast("ReadSubject", situation.subject)
    return subject.open_reader(situation.filesystem, durable_only=True)


@scenario("RDR-1", "RDR-5", claim=READER, where=has_readers)
def a_reader_keeps_up(subject: Subject) -> Iterator[Violation]:
    """A reader opened before the writer sees each record once, in order, and all at a close."""
    situation = Situation(subject)
    journal = situation.open(Options(segment_bytes=256))
    reader = _reader(situation)
    written: list[Record] = []
    seen: list[Record] = []
    for number in range(12):
        payload = grow_payload(60, number)
        written.append((journal.append(payload), payload))
        seen += reader.scan(_behind(seen))
        if seen != written[: len(seen)]:
            message = f"after {len(written)} appends the reader has shown {len(seen)} records"
            yield Violation("RDR-5", f"{message}, which are not the first of those")
            return
    journal.close()  # until then it may show less: a watermark is a lower bound (REC-12)
    seen += reader.scan(_behind(seen))
    if seen != written:
        message = f"after {len(written)} appends and a close, the reader has shown {len(seen)}"
        yield Violation("RDR-1" if len(seen) < len(written) else "RDR-5", message)


def _behind(seen: list[Record]) -> int | None:
    """Return the offset behind what was seen; frames say how long they are."""
    if not seen:
        return None
    offset, payload = seen[-1]
    return offset + len(make_frame(payload))


@scenario("RDR-2", claim=READER, where=has_readers)
def a_reader_leaves_no_trace(subject: Subject) -> Iterator[Violation]:
    """Opening, reading and scanning change no file."""
    situation = Situation(subject)
    journal = situation.open()
    offset = journal.append(b"there")
    before = situation.files
    reader = _reader(situation)
    reader.read(offset)
    list(reader.scan())
    if situation.files != before:
        yield Violation("RDR-2", "the files are not what they were before a reader came")


@scenario("RDR-3", claim=READER, where=has_readers)
def the_tail_is_not_yet(subject: Subject) -> Iterator[Violation]:
    """A record that is missing or torn at the tail is `beyond_end`: no record, and no damage."""
    whole, torn = make_frame(b"whole"), make_frame(b"torn record")
    for cut in (0, 1, 39, 40, len(torn) - 1):
        situation = Situation.with_files(subject, {FIRST: whole + torn[:cut]})
        reader = _reader(situation)
        found = list(reader.scan())
        if found != [(0, b"whole")]:
            yield Violation("RDR-3", f"{cut} bytes of a second record: {len(found)} records shown")
            return
        code = error_code(reader.read, len(whole))
        if code != "beyond_end":
            message = f"{cut} bytes of a second record: reading it gives {code}, not beyond_end"
            yield Violation("RDR-3", message)
            return


@scenario("RDR-4", claim=READER, where=has_readers)
def a_reader_is_told_what_is_gone(subject: Subject) -> Iterator[Violation]:
    """A reader's read below the first segment is the error `trimmed`."""
    situation = Situation.with_files(subject, {f"{1000:016x}.wal": make_frame(b"first kept")})
    code = error_code(_reader(situation).read, 0)
    if code != "trimmed":
        yield Violation("RDR-4", f"reading at 0 where 1000 is the first gives {code}, not trimmed")
