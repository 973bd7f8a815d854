"""
Compare the frames that a subject writes with their layout.
"""

import struct
from collections.abc import Iterator

from blake3 import blake3
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options, Subject, new_disk

from tornproof_conformance.vectors.frames import HEADER_BYTES, make_frame

PAYLOADS = (b"a", b"", b"\0" * 40, grow_payload(100, 1), grow_payload(257, 2))


def judge_written(subject: Subject) -> Iterator[Violation]:
    """Let a subject write records of several lengths, and look at each field of each frame."""
    filesystem = new_disk(subject)
    journal = subject.open(filesystem, Options(segment_bytes=1 << 20))
    for payload in PAYLOADS:
        journal.append(payload)
    journal.close()
    files = filesystem.image.files
    data = b"".join(files[name] for name in sorted(files) if name.endswith(".wal"))
    position = 0
    for payload in PAYLOADS:
        frame = data[position : position + HEADER_BYTES + len(payload)]
        where = f"the frame at byte {position}, of {len(payload)} bytes of payload"
        if len(frame) < HEADER_BYTES or frame[:4] != struct.pack("<I", len(payload)):
            yield Violation("FRM-1", f"{where} begins with {frame[:4].hex()}, not its length in LE")
            return
        if frame[HEADER_BYTES:] != payload:
            yield Violation("FRM-1", f"{where} does not hold the payload from byte 40 on")
            return
        if frame[8:HEADER_BYTES] != blake3(payload).digest():
            yield Violation("FRM-3", f"{where} does not hold the BLAKE3 of its payload")
        elif frame != make_frame(payload):
            yield Violation("FRM-2", f"{where} does not hold the CRC32C of everything else in it")
        position += len(frame)
    if position != len(data):
        yield Violation("FRM-1", f"{len(data) - position} bytes follow the last frame")
