"""
Say what is wrong with what a recovery showed of files that were laid before it.

Recovery keeps the longest valid prefix (REC-1).  Whoever shows something else either takes for a
record what is none, and then the bytes at that offset say which rule was not kept, or leaves out
a record that is whole.  Both are told from the files and from what was shown alone, so a frozen
image and a situation blame the same requirement for the same fault, and name the same cause.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from blake3 import blake3
from crc32c import crc32c
from tornproof_models.contract.journal import Record
from tornproof_models.contract.violations import Violation

from tornproof_conformance.vectors.frames import HEADER_BYTES, make_frame, read_frames

_SEGMENT = re.compile(r"([0-9a-f]{16})\.wal")

EMPTY_UNCHECKED = "takes an empty frame for a record though its checks fail"
UNCHECKED_CRC = "takes a frame for a record though its CRC is wrong"
UNCHECKED_HASH = "takes a frame for a record though its hash is wrong"
BELIEVED_LENGTH = "takes a frame for a record though its length is not that of the payload"
BEHIND_DAMAGE = "shows a record behind bytes that are none"
NO_FRAME = "shows a record where no frame begins"
OTHER_OFFSET = "shows a record at another offset than its own"
OUT_OF_ORDER = "shows records in another order"
SHOWN_TWICE = "shows a record twice"
LEFT_OUT = "leaves out a record that is whole"
EMPTY_LEFT_OUT = "leaves out an empty record that is whole"


def valid_records(files: Mapping[str, bytes]) -> tuple[Record, ...]:
    """Return the records before the first invalid frame, or before the first gap (REC-1)."""
    found: list[Record] = []
    expected: int | None = None
    for base, data in _segments(files):
        if expected not in (None, base):
            break
        for frame in read_frames(data):
            if frame.payload is None:
                return tuple(found)
            found.append((base + frame.position, frame.payload))
        expected = base + len(data)
    return tuple(found)


def misshown(files: Mapping[str, bytes], shown: Sequence[Record]) -> Violation | None:
    """Return the violation of the first record that is shown wrongly or left out, or none."""
    valid = valid_records(files)
    pairs = zip(shown, valid, strict=False)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if alike == len(shown) == len(valid):
        return None
    if sorted(shown) == list(valid):
        return Violation("JRN-2", _told(OUT_OF_ORDER, shown[alike]), OUT_OF_ORDER)
    if alike < len(shown) and (alike == len(valid) or shown[alike] not in valid):
        if shown[alike] in valid:
            return Violation("JRN-1", _told(SHOWN_TWICE, shown[alike]), SHOWN_TWICE)
        if alike < len(valid) and shown[alike][1] == valid[alike][1]:
            return Violation("JRN-1", _told(OTHER_OFFSET, shown[alike]), OTHER_OFFSET)
        return _what_is_wrong(_bytes_at(files, shown[alike][0]), shown[alike])
    if not valid[alike][1]:
        return Violation("FRM-7", _told(EMPTY_LEFT_OUT, valid[alike]), EMPTY_LEFT_OUT)
    return Violation("REC-1", _told(LEFT_OUT, valid[alike]), LEFT_OUT)


def _told(cause: str, record: Record) -> str:
    return f"{cause}, at offset {record[0]}"


def _what_is_wrong(there: bytes, record: Record) -> Violation:
    """Name the rule that the bytes break which were taken for this record."""
    payload = record[1]
    if there.startswith(make_frame(payload)):
        return Violation("REC-1", _told(BEHIND_DAMAGE, record), BEHIND_DAMAGE)
    if len(there) < HEADER_BYTES:
        return Violation("REC-1", _told(NO_FRAME, record), NO_FRAME)
    length, crc = struct.unpack_from("<II", there)
    digest = there[8:HEADER_BYTES]
    if not payload and length == 0:
        return Violation("FRM-6", _told(EMPTY_UNCHECKED, record), EMPTY_UNCHECKED)
    if crc32c(there[:4] + digest + payload) != crc:
        return Violation("FRM-4", _told(UNCHECKED_CRC, record), UNCHECKED_CRC)
    if blake3(payload).digest() != digest:
        return Violation("FRM-4", _told(UNCHECKED_HASH, record), UNCHECKED_HASH)
    return Violation("FRM-5", _told(BELIEVED_LENGTH, record), BELIEVED_LENGTH)


def _segments(files: Mapping[str, bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the base and the bytes of each segment, the oldest first."""
    for name in sorted(files):
        if named := _SEGMENT.fullmatch(name):
            yield int(named[1], 16), files[name]


def _bytes_at(files: Mapping[str, bytes], offset: int) -> bytes:
    """Return what stands in a file from an offset on; nothing if no segment has it."""
    holding = [(base, data) for base, data in _segments(files) if base <= offset]
    if not holding:
        return b""
    base, data = holding[-1]
    return data[offset - base :]
