"""
A journal in one file: the least that Tornproof can judge.

    tornproof check -- python conformance/adapters/minimal.py
"""

import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from attrs import frozen
from tornproof_conformance.kit import Adapter, exclusive, sync_directory

adapter = Adapter("minimal", ["journal/core"])


def line(text: bytes) -> bytes:
    """Put a checksum before a text, and an end behind it."""
    return b"%08x %b\n" % (zlib.crc32(text), text)


def records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield offset and payload of every record, up to the first line that is not whole."""
    at = 0
    for found in file:
        text = found[9:-1]
        if found != line(text):
            return
        yield at, b64decode(text)
        at += len(found)


@frozen
class Log:
    """A file of lines."""

    path: Path
    file: BinaryIO
    discarded_bytes: int

    def append(self, payload: bytes, durable: bool) -> int:
        """Write a record, and make it durable before it is acknowledged."""
        offset = self.file.tell()
        self.file.write(line(b64encode(payload)))
        self.file.flush()
        if durable:
            os.fsync(self.file)
        return offset

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """Read everything back."""
        with self.path.open("rb") as file:
            yield from records(file)


@adapter.journal
def opened(directory: Path) -> Iterator[Log]:
    """Copy what is whole to a new file, which takes the old one's place."""
    path, new = directory / "log", directory / "log.new"
    with exclusive(directory):
        path.touch()
        new.unlink(missing_ok=True)  # a file that was cut may show its old bytes
        with path.open("rb") as old, new.open("xb") as file:
            file.writelines(line(b64encode(payload)) for _, payload in records(old))
            file.flush()
            os.fsync(file)
            new.rename(path)
            sync_directory(directory)
            yield Log(path, file, old.seek(0, os.SEEK_END) - file.tell())
            os.fsync(file)


adapter.serve()
