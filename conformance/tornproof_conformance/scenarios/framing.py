"""
Scenarios about frames: the bytes on disk.
"""

import struct
from collections.abc import Iterator

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options, Subject

from tornproof_conformance.scenarios.scenario import (
    FORMAT,
    Situation,
    error_code,
    judge_code,
    scenario,
)
from tornproof_conformance.vectors.frames import make_frame
from tornproof_conformance.vectors.written import judge_written

FIRST = "0" * 16 + ".wal"


@scenario("FRM-1", "FRM-2", "FRM-3", "FRM-7", claim=FORMAT)
def frames_on_disk(subject: Subject) -> Iterator[Violation]:
    """Each frame on disk is length, CRC32C, BLAKE3 and payload, as specified."""
    yield from judge_written(subject)


@scenario("FRM-4", claim=FORMAT)
def no_flipped_bit_is_returned(subject: Subject) -> Iterator[Violation]:
    """A record is not returned if any one bit of its frame has flipped."""
    payload = grow_payload(24, 3)
    frame = make_frame(payload)
    for bit in range(len(frame) * 8):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        situation = Situation.with_files(subject, {FIRST: bytes(damaged)})
        records = tuple(situation.open().scan())
        if records:
            message = f"bit {bit % 8} of byte {bit // 8} was flipped, and a record was returned"
            yield situation.charge("FRM-4", message, records)
            return


@scenario("FRM-5", claim=FORMAT)
def length_is_checked_before_use(subject: Subject) -> Iterator[Violation]:
    """A length beyond the maximum payload or the file is refused before memory is allocated."""
    for length in (1 << 20, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1):
        frame = struct.pack("<I", length) + make_frame(b"torn")[4:]
        situation = Situation.with_files(subject, {FIRST: make_frame(b"kept") + frame})
        records = tuple(situation.open().scan())
        if records != ((0, b"kept"),):
            message = f"a header with length {length} changed what was read"
            yield situation.charge("FRM-5" if records else "REC-1", message, records)
        if situation.filesystem.largest_read >= 1 << 20:
            asked = situation.filesystem.largest_read
            yield Violation("FRM-5", f"a header with length {length} made it read {asked} bytes")


@scenario("FRM-6", claim=FORMAT)
def zeros_are_no_record(subject: Subject) -> Iterator[Violation]:
    """A run of zero bytes of any length is not a record."""
    for zeros in (1, 39, 40, 80, 512, 4096):
        files = {FIRST: make_frame(b"kept") + bytes(zeros)}
        situation = Situation.with_files(subject, files)
        records = tuple(situation.open().scan())
        if len(records) > 1:
            message = f"{zeros} zero bytes gave {len(records) - 1} records"
            yield situation.charge("FRM-6", message, records)
        elif not records:
            yield situation.charge("REC-1", f"a record before {zeros} zero bytes is not shown")


@scenario("FRM-8", claim=FORMAT)
def too_large_is_refused(subject: Subject) -> Iterator[Violation]:
    """A payload above the maximum is refused as too large and changes nothing."""
    situation = Situation(subject)
    journal = situation.open(Options(max_payload=100))
    journal.append(bytes(100))
    before = situation.files
    code = error_code(journal.append, bytes(101))
    yield from judge_code("FRM-8", code, "too_large", "appending 101 bytes with a maximum of 100")
    if situation.files != before:
        yield Violation("FRM-8", "a refused payload changed what is on disk")
    journal.append(b"next")
    payloads = [payload for _, payload in journal.scan()]
    if payloads != [bytes(100), b"next"]:
        yield Violation("FRM-8", "after a refused payload the journal holds something else")


@scenario("FRM-9", claim=FORMAT)
def what_decodes_is_canonical(subject: Subject) -> Iterator[Violation]:
    """Each record that is read encodes to exactly the bytes in the file."""
    one, two = make_frame(b"one"), make_frame(b"two")
    padded = [one + bytes(count) + two for count in range(1, 17)]
    for data in (*padded, bytes(8) + one, make_frame(b"padded\0\0") + one):
        situation = Situation.with_files(subject, {FIRST: data})
        records = tuple(situation.open().scan())
        if not data.startswith(b"".join(make_frame(payload) for _, payload in records)):
            message = "what was read does not encode to the bytes that are there"
            yield situation.charge("FRM-9", message, records)
            return
