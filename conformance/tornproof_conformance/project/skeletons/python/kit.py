"""
The adapter's half of the protocol: requests in, replies out, one JSON object a line.

Leave this file as it is, and fill in adapter.py.  The kit keeps a second writer out with a lock
on the directory, answers `closed` when nothing is open, and after an append that failed answers
`poisoned` until the journal is opened again.  Whatever you print goes to standard error.
"""

import base64
import errno
import fcntl
import json
import os
import sys


class Refused(Exception):
    """An error that the protocol has a code for; `definite` if nothing was changed."""

    def __init__(self, code, message="", definite=True):
        super().__init__(message or code)
        self.code, self.definite = code, definite


def serve(name, version, open_journal):
    """
    Answer requests until `bye` or the end of the input.

    `open_journal` takes a directory and returns an object with `append(payload, durable)`, which
    returns an offset, `scan()`, which yields pairs of offset and payload, and `close()`.
    """
    replies, sys.stdout = sys.stdout, sys.stderr
    served = _Served(open_journal)
    implementation = {"name": name, "version": version, "language": "Python"}
    hello = {"protocol": 1, "implementation": implementation, "claims": ["journal/core"]}
    operations = {
        "hello": lambda arguments: hello,
        "journal.open": served.open,
        "journal.append": served.append,
        "journal.scan": served.scan,
        "journal.close": served.close,
        "bye": lambda arguments: {},
    }
    for line in sys.stdin:
        request = json.loads(line)
        op = request["op"]
        try:
            reply = (
                {"ok": operations[op](request["args"])} if op in operations else {"unsupported": op}
            )
        except NotImplementedError:
            reply = {"unsupported": op}
        except Refused as error:
            reply = {
                "error": {"code": error.code, "definite": error.definite, "message": str(error)}
            }
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            code = "no_space" if full else "io"
            reply = {"error": {"code": code, "definite": False, "message": str(error)}}
        print(json.dumps({"id": request["id"], **reply}), file=replies, flush=True)
        if op == "bye":
            return


def sync_directory(directory):
    """Make the names in a directory durable: the sync of a file does not cover its name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _follow_no_link(path, flags):
    return os.open(path, flags | os.O_NOFOLLOW, 0o644)


class _Served:
    """The journal that is open, its lock, and whether an append has failed."""

    def __init__(self, open_journal):
        self.open_journal = open_journal
        self.journal = self.lock = None
        self.poisoned = False

    def open(self, arguments):
        directory = arguments["dir"]
        if self.journal is not None:
            raise Refused("locked", "a journal is open in this process")
        lock = open(os.path.join(directory, "lock"), "a", opener=_follow_no_link)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.journal = self.open_journal(directory)
        except BlockingIOError:
            raise Refused("locked", "another process writes to " + directory) from None
        finally:
            if self.journal is None:
                lock.close()
        self.lock, self.poisoned = lock, False
        return {"discarded_bytes": 0}

    def append(self, arguments):
        journal = self.opened()
        if self.poisoned:
            raise Refused("poisoned", "an append has failed: open the journal again")
        try:
            payload = base64.b64decode(arguments["payload"])
            return {"offset": journal.append(payload, arguments.get("durable", True))}
        except OSError:
            self.poisoned = True
            raise

    def scan(self, arguments):
        records = [
            {"offset": offset, "payload": base64.b64encode(payload).decode()}
            for offset, payload in self.opened().scan()
        ]
        return {"records": records, "end": "clean"}

    def close(self, arguments):
        if self.journal is None:
            return {}
        try:
            self.journal.close()
        finally:
            self.lock.close()
            self.journal = self.lock = None
        return {}

    def opened(self):
        if self.journal is None:
            raise Refused("closed", "no journal is open")
        return self.journal
