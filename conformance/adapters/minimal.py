"""
A journal in one file: the least that Tornproof can judge.

    tornproof check -- python conformance/adapters/minimal.py

Whatever a crash left is read as far as it is valid and written to a new file,
which replaces the old one.  No byte of a file is written twice.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tornproof_conformance.kit import Adapter, refusal

HEADER = struct.Struct("<II")
adapter = Adapter("minimal", ["journal/core"])
state: dict[str, Any] = {}


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield offset and payload of every record, up to the first that is not whole."""
    at = 0
    while at + HEADER.size <= len(data):
        size, checksum = HEADER.unpack_from(data, at)
        payload = data[at + HEADER.size : at + HEADER.size + size]
        if len(payload) < size or checksum != zlib.crc32(data[at : at + 4] + payload):
            return
        yield at, payload
        at += HEADER.size + size


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


@adapter.operation
def journal_open(dir: str) -> dict[str, Any]:  # noqa: A002
    """Lock the directory, recover what is in it, and begin a new file."""
    lock = (Path(dir) / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise refusal("locked", f"another process writes to {dir}") from None
    path, fresh = Path(dir) / "log", Path(dir) / "log.new"
    data = path.read_bytes() if path.exists() else b""
    end = max((at + HEADER.size + len(payload) for at, payload in records(data)), default=0)
    fresh.unlink(missing_ok=True)  # cut and written again, its old bytes might come back
    file = fresh.open("wb", buffering=0)
    file.write(data[:end])
    os.fsync(file.fileno())
    fresh.rename(path)
    sync_directory(path.parent)
    state.update(lock=lock, path=path, file=file, end=end)
    return {"first": 0, "end": end, "discarded_bytes": len(data) - end}


@adapter.operation
def journal_append(payload: bytes, durable: bool = True) -> dict[str, Any]:
    """Write a record, and make it durable before it is acknowledged."""
    if state.get("poisoned"):
        raise refusal("poisoned", "an earlier write or sync failed: open the journal again")
    if "file" not in state:
        raise refusal("closed", "the journal is not open")
    size = struct.pack("<I", len(payload))
    frame = size + struct.pack("<I", zlib.crc32(size + payload)) + payload
    state["poisoned"] = True  # unless all of it succeeds
    if state["file"].write(frame) < len(frame):
        raise refusal("no_space", "a record was written in part", definite=False)
    if durable:
        os.fsync(state["file"].fileno())
    state["poisoned"] = False
    offset, state["end"] = state["end"], state["end"] + len(frame)
    return {"offset": offset}


@adapter.operation
def journal_scan() -> dict[str, Any]:
    """Read everything back."""
    found = records(state["path"].read_bytes())
    return {"records": [{"offset": at, "payload": data} for at, data in found], "end": "clean"}


@adapter.operation
def journal_close() -> None:
    """Make everything durable and let go."""
    if "file" in state:
        poisoned = state.get("poisoned")
        if not poisoned:
            os.fsync(state["file"].fileno())
        state["file"].close()
        state["lock"].close()
        state.clear()
        if poisoned:
            raise refusal("poisoned", "what was appended last may not be durable", definite=False)


if __name__ == "__main__":
    adapter.serve()
