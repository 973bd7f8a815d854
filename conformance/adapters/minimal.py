"""
A journal in one file: the least that Tornproof can judge.

    tornproof check -- python conformance/adapters/minimal.py
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from attrs import frozen
from tornproof_conformance.kit import Adapter, exclusive, sync_directory

adapter = Adapter("minimal", ["journal/core"])


def frame(payload: bytes) -> bytes:
    """Put the length, and a checksum of both, before a payload."""
    length = len(payload).to_bytes(4, "little")
    return length + zlib.crc32(length + payload).to_bytes(4, "little") + payload


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield offset and payload of every record, up to the first that is not whole."""
    at = 0
    while at < len(data):
        payload = data[at + 8 : at + 8 + int.from_bytes(data[at : at + 4], "little")]
        if not data.startswith(frame(payload), at):
            return
        yield at, payload
        at += 8 + len(payload)


@frozen
class Log:
    """A file of frames."""

    path: Path
    file: BinaryIO
    discarded_bytes: int

    def append(self, payload: bytes, durable: bool) -> int:
        """Write a record, and make it durable before it is acknowledged."""
        offset = self.file.tell()
        self.file.write(frame(payload))
        self.file.flush()
        if durable:
            os.fsync(self.file)
        return offset

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """Read everything back."""
        return records(self.path.read_bytes())


@adapter.journal
def opened(directory: Path) -> Iterator[Log]:
    """Copy what is whole to a new file, which takes the old one's place."""
    path, new = directory / "log", directory / "log.new"
    with exclusive(directory):
        data = path.read_bytes() if path.exists() else b""
        kept = b"".join(frame(payload) for _, payload in records(data))
        new.unlink(missing_ok=True)  # a file that was cut may show its old bytes
        with new.open("xb") as file:
            file.write(kept)
            file.flush()
            os.fsync(file)
            new.rename(path)
            sync_directory(directory)
            yield Log(path, file, len(data) - len(kept))
            os.fsync(file)


adapter.serve()
