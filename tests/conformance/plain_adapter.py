"""
A journal behind the adapter protocol, with few imports, so that it starts at once.

    plain_adapter.py [mistake...]

Each mistake is the name of something that it leaves out, or does besides.
"""

# ruff: noqa: PTH104, PTH108, PTH110, PTH123
import fcntl
import json
import os
import sys
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

MISTAKES = set(sys.argv[1:])
SYNC, RENAME, OUTSIDE, CHATTERS = "no-sync", "no-rename", "outside", "chatters"
UNLINKS, PROTECTS, TIED = "unlinks", "protects", "tied"
"""
Appends are acknowledged before they are durable; recovery cuts the file where it lies; a
temporary file lies in a place of its own; the third record is announced.  The last three are
none: the temporary file is removed; the log is only for its owner, or only where it was made.
"""


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


class Log:
    """The journal that is open."""

    poisoned = False

    def __init__(self, directory: str) -> None:
        self.path = f"{directory}/log"
        self.lock = os.open(f"{directory}/lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if TIED in MISTAKES:
                self.require_place(directory)
            data = self.read()
            kept = b"".join(frame(payload) for _, payload in records(data))
            self.discarded_bytes, self.end = len(data) - len(kept), len(kept)
            self.recover(directory, kept)
        except OSError:
            os.close(self.lock)
            raise

    def require_place(self, directory: str) -> None:
        """Note the inode number of the lock, and refuse another."""
        with open(f"{directory}/place", "a+") as place:
            place.seek(0)
            here = str(os.fstat(self.lock).st_ino)
            if (noted := place.read()) == "":
                place.write(here)
            elif noted != here:
                raise OSError(5, "moved")

    def recover(self, directory: str, kept: bytes) -> None:
        """Copy what is whole to a new file, which takes the old one's place."""
        new = f"{directory}/log.new"
        if OUTSIDE in MISTAKES:
            scratch = f"{directory}/../../plain-scratch"
            with open(scratch, "wb") as file:
                file.write(b"scratch" + kept)
            if UNLINKS in MISTAKES:
                os.unlink(scratch)
        if RENAME in MISTAKES:
            self.file = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            os.ftruncate(self.file, len(kept))
            return
        if os.path.exists(new):
            os.unlink(new)
        self.file = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND)
        os.write(self.file, kept)
        if PROTECTS in MISTAKES:
            os.fchmod(self.file, 0o600)
        os.fsync(self.file)
        os.rename(new, self.path)
        names = os.open(directory, os.O_RDONLY)
        os.fsync(names)
        os.close(names)

    def read(self) -> bytes:
        """Read the whole file."""
        if not os.path.exists(self.path):
            return b""
        with open(self.path, "rb") as file:
            return file.read()

    def append(self, payload: bytes, durable: bool) -> int:
        """Write a record, and make it durable before it is acknowledged."""
        offset, data = self.end, frame(payload)
        if CHATTERS in MISTAKES and offset > 20:
            print("so many records!", flush=True)
        self.poisoned = True
        if os.write(self.file, data) < len(data):
            raise OSError(28, "a short write")
        if durable and SYNC not in MISTAKES:
            os.fsync(self.file)
        self.poisoned = False
        self.end += len(data)
        return offset

    def close(self) -> None:
        """Make everything durable."""
        os.fsync(self.file)
        os.close(self.file)
        os.close(self.lock)


log: Log | None = None


def answer(op: str, args: dict[str, Any]) -> dict[str, Any]:
    """Carry out a request."""
    global log
    if op == "hello":
        return {"protocol": 1, "implementation": {"name": "plain"}, "claims": ["journal/core"]}
    if op == "journal.open":
        log = Log(args["dir"])
        return {"discarded_bytes": log.discarded_bytes}
    if log is None:
        return {}
    if op == "journal.append":
        if log.poisoned:
            raise PermissionError
        return {"offset": log.append(b64decode(args["payload"]), args.get("durable", True))}
    if op == "journal.sync":
        os.fsync(log.file)
    if op == "journal.scan":
        found = [{"offset": at, "payload": b64encode(p).decode()} for at, p in records(log.read())]
        return {"records": found, "end": "clean"}
    if op == "journal.close":
        log.close()
        log = None
    return {}


for line in sys.stdin:
    request = json.loads(line)
    try:
        reply = {"ok": answer(request["op"], request["args"])}
    except PermissionError:
        reply = {"error": {"code": "poisoned", "definite": True}}
    except BlockingIOError:
        reply = {"error": {"code": "locked", "definite": True}}
    except OSError:
        reply = {"error": {"code": "io", "definite": False}}
    print(json.dumps({"id": request["id"], **reply}), flush=True)
    if request["op"] == "bye":
        break
