"""
Adapters that break the protocol, one way each, and a few whose journal is wrong.

    python broken_adapter.py NAME

Written without any of this project, in as little as a process can start with.
The journal is a file of lines, each a payload in base64: enough for the plainest
use.  `Journal` itself does nothing wrong to the protocol.
"""

import fcntl
import json
import sys
import time
from pathlib import Path
from typing import Any, ClassVar, TextIO

Message = dict[str, Any]


def answer(reply: Message) -> None:
    """Write a reply."""
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


class Refused(Exception):
    """The journal refuses; the argument is the code."""


class Journal:
    """A log of lines."""

    claims: ClassVar[list[str]] = ["journal/core"]
    protocol = 1

    def __init__(self) -> None:
        self.path = Path()
        self.file: TextIO | None = None
        self.lock: TextIO | None = None

    def hello(self, _: Message) -> Message:
        """Say who is there."""
        implementation = {"name": type(self).__name__}
        return {
            "protocol": self.protocol,
            "implementation": implementation,
            "claims": self.claims,
        }

    def journal_open(self, args: Message) -> Message:
        """Open the file, and cut what has no end."""
        self.path = Path(args["dir"]) / "log"
        lock = self.path.with_name("lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("locked") from None
        self.lock = lock
        lines = self.lines()
        with self.path.open("w") as file:
            file.writelines(lines)
        self.file = self.path.open("a")
        return {"first": 0, "end": len(lines), "discarded_bytes": 0}

    def lines(self) -> list[str]:
        """Read the lines that have an end."""
        if not self.path.exists():
            return []
        content = self.path.read_text().splitlines(keepends=True)
        return [line for line in content if line.endswith("\n")]

    def writable(self) -> TextIO:
        """Return the file, or refuse."""
        if self.file is None:
            raise Refused("closed")
        return self.file

    def journal_append(self, args: Message) -> Message:
        """Append a line."""
        offset = len(self.lines())
        file = self.writable()
        file.write(args["payload"] + "\n")
        file.flush()
        return {"offset": offset}

    def journal_scan(self, _: Message) -> Message:
        """Read all lines."""
        lines = enumerate(self.lines())
        records = [{"offset": number, "payload": line.strip()} for number, line in lines]
        return {"records": records, "end": "clean"}

    def journal_close(self, _: Message) -> Message:
        """Let go: every line has been written."""
        for each in (self.file, self.lock):
            if each is not None:
                each.close()
        self.file = self.lock = None
        return {}

    def bye(self, _: Message) -> Message:
        """Say good-bye."""
        return {}

    def carry_out(self, request: Message) -> None:
        """Answer a request."""
        operation = getattr(self, request["op"].replace(".", "_"), None)
        if operation is None:
            answer({"id": request["id"], "unsupported": request["op"]})
            return
        try:
            answer({"id": request["id"], "ok": operation(request["args"])})
        except Refused as refused:
            error = {"code": str(refused), "definite": True}
            answer({"id": request["id"], "error": error})

    def serve(self) -> None:
        """Answer every request."""
        for line in sys.stdin:
            self.carry_out(json.loads(line))


class NoReply(Journal):
    """Reads, and says nothing."""

    def carry_out(self, request: Message) -> None:
        """Keep quiet."""


class TwoReplies(Journal):
    """Answers an append twice."""

    def carry_out(self, request: Message) -> None:
        super().carry_out(request)
        if request["op"] == "journal.append":
            answer({"id": request["id"], "ok": {"offset": 0}})


class WrongId(Journal):
    """Counts the requests by itself, from nought."""

    def carry_out(self, request: Message) -> None:
        super().carry_out({**request, "id": request["id"] + 1000})


class InvalidJson(Journal):
    """Writes single quotes."""

    def journal_append(self, _: Message) -> Message:
        print({"offset": 1}, flush=True)
        return {"offset": 1}


class Noise(Journal):
    """Prints a banner where replies belong."""

    def serve(self) -> None:
        print("my journal 1.0", flush=True)
        super().serve()


class Exits(Journal):
    """Ends when it is to append."""

    def journal_append(self, _: Message) -> Message:
        sys.exit("panicked at journal.rs:17: index out of bounds")


class Hangs(Journal):
    """Waits for ever when it is to close."""

    def journal_close(self, _: Message) -> Message:
        time.sleep(60)
        return {}


class PartialLine(Journal):
    """Forgets the end of a line."""

    def carry_out(self, request: Message) -> None:
        sys.stdout.write(json.dumps({"id": request["id"], "ok": {}}))
        sys.stdout.flush()


class BreaksSchema(Journal):
    """Gives an offset that is no integer."""

    def journal_append(self, _: Message) -> Message:
        return {"offset": 1.5}


class UnknownCode(Journal):
    """Refuses with a code of its own."""

    def carry_out(self, request: Message) -> None:
        if request["op"] == "journal.append":
            answer({"id": request["id"], "error": {"code": "EWOULDBLOCK"}})
        else:
            super().carry_out(request)


class WritesOutside(Journal):
    """Keeps a temporary file beside its directory."""

    def journal_open(self, args: Message) -> Message:
        Path(args["dir"] + ".tmp").write_text("half a journal")
        return super().journal_open(args)


class Lingers(Journal):
    """Goes on after the end of its input."""

    def serve(self) -> None:
        super().serve()
        time.sleep(60)


class AnotherProtocol(Journal):
    """Speaks a version that there is not."""

    protocol = 2


class UnknownCrashModel(Journal):
    """Claims what there is not."""

    claims: ClassVar[list[str]] = ["journal/core", "journal/perfect"]


class ClaimsTooMuch(Journal):
    """Claims group commit, and has none."""

    claims: ClassVar[list[str]] = ["journal/core", "journal/group-commit"]


class Undecided(Journal):
    """Recovers the same files to something else in each directory, by its number."""

    def lines(self) -> list[str]:
        lines = super().lines()
        number = next(int(part) for part in reversed(self.path.parts) if part.isdecimal())
        return lines[: 1 + number % 4] if len(lines) > 4 else lines


class ForgetsOnKill(Journal):
    """Acknowledges out of a buffer."""

    def journal_open(self, args: Message) -> Message:
        opened = super().journal_open(args)
        self.end = opened["end"]
        return opened

    def journal_append(self, args: Message) -> Message:
        self.writable().write(args["payload"] + "\n")
        self.end += 1
        return {"offset": self.end - 1}

    def journal_scan(self, _: Message) -> Message:
        self.writable().flush()
        return super().journal_scan(_)


class PanicsOnATornTail(Journal):
    """Ends when it finds a segment that somebody else has left."""

    claims: ClassVar[list[str]] = ["journal/core", "journal/format-v2"]

    def journal_open(self, args: Message) -> Message:
        if any(Path(args["dir"]).glob("*.wal")):
            sys.exit("panicked at 'unexpected end of file'")
        return super().journal_open(args)


if __name__ == "__main__":
    globals()[sys.argv[1]]().serve()
