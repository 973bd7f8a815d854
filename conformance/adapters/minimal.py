"""
A journal in one file: the least that Tornproof can judge.

    tornproof check -- python conformance/adapters/minimal.py

What a crash left is copied, as far as it is valid, to a new file that takes the old
one's place.  No byte of a file is ever written twice.
"""

import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tornproof_conformance.kit import Adapter, refusal

adapter = Adapter("minimal", ["journal/core"])
state: dict[str, Any] = {}


def frame(payload: bytes) -> bytes:
    """Put the length, and a checksum of both, before a payload."""
    length = len(payload).to_bytes(4, "little")
    return length + zlib.crc32(length + payload).to_bytes(4, "little") + payload


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield offset and payload of every record, up to the first that is not whole."""
    at = 0
    while at < len(data):
        payload = data[at + 8 : at + 8 + int.from_bytes(data[at : at + 4], "little")]
        if data[at : at + 8 + len(payload)] != frame(payload):
            return
        yield at, payload
        at += 8 + len(payload)


@adapter.operation
def journal_open(dir: str) -> dict[str, Any]:  # noqa: A002
    """Lock the directory, recover what is in it, and begin a new file."""
    directory, path = Path(dir), Path(dir) / "log"
    lock = (directory / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise refusal("locked", f"another process writes to {dir}") from None
    data = path.read_bytes() if path.exists() else b""
    kept = b"".join(frame(payload) for _, payload in records(data))
    (directory / "log.new").unlink(missing_ok=True)  # a file that was cut may show its old bytes
    file = (directory / "log.new").open("xb", buffering=0)
    file.write(kept)
    os.fsync(file)
    (directory / "log.new").rename(path)
    names = os.open(dir, os.O_RDONLY)
    os.fsync(names)
    os.close(names)
    state.update(lock=lock, path=path, file=file, end=len(kept), poisoned=False)
    return {"first": 0, "end": len(kept), "discarded_bytes": len(data) - len(kept)}


@adapter.operation
def journal_append(payload: bytes, durable: bool = True) -> dict[str, Any]:
    """Write a record, and make it durable before it is acknowledged."""
    if not state:
        raise refusal("closed", "the journal is not open")
    if state["poisoned"]:
        raise refusal("poisoned", "an earlier write or sync failed: open the journal again")
    data, offset = frame(payload), state["end"]
    state["poisoned"] = True  # unless all of it succeeds
    if state["file"].write(data) < len(data):
        raise refusal("no_space", "a record was written in part", definite=False)
    if durable:
        os.fsync(state["file"])
    state.update(poisoned=False, end=offset + len(data))
    return {"offset": offset}


@adapter.operation
def journal_scan() -> dict[str, Any]:
    """Read everything back."""
    found = records(state["path"].read_bytes())
    return {"records": [{"offset": at, "payload": data} for at, data in found], "end": "clean"}


@adapter.operation
def journal_close() -> None:
    """Make everything durable and let go; closing twice is closing once."""
    if state:
        file, lock, poisoned = state["file"], state["lock"], state["poisoned"]
        state.clear()
        with lock, file:
            if poisoned:
                raise refusal("poisoned", "the last append may be lost", definite=False)
            os.fsync(file)


if __name__ == "__main__":
    adapter.serve()
