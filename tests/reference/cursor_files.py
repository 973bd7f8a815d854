"""Cursors in memory, and the bytes of their files."""

import struct

from crc32c import crc32c
from tornproof.journal import Cursor, Journal
from tornproof_models.disk.filesystem import ModelFilesystem

DIRECTORY = "/journal"


CURSOR_FILE = f"{DIRECTORY}/kitchen.cursor"


def cursor_file(offset: int) -> bytes:
    """The 16 bytes of a cursor, from the layout in the specification."""
    body = struct.pack("<4sQ", b"TPC1", offset)
    return body + struct.pack("<I", crc32c(body))


def three_segments(filesystem: ModelFilesystem | None = None) -> tuple[ModelFilesystem, Journal]:
    """Two records of 41 bytes in each of three segments: offsets 0, 41, … 205."""
    filesystem = filesystem or ModelFilesystem()
    journal = Journal.open(DIRECTORY, segment_bytes=82, filesystem=filesystem)
    for payload in (b"a", b"b", b"c", b"d", b"e", b"f"):
        journal.append(payload)
    return filesystem, journal


def kitchen(filesystem: ModelFilesystem) -> Cursor:
    return Cursor.open(DIRECTORY, "kitchen", filesystem=filesystem)


def overwrite(filesystem: ModelFilesystem, path: str, content: bytes) -> None:
    """Put something else into a file."""
    file = filesystem.open(path, create=True)
    file.truncate(0)
    file.write_at(0, content)
