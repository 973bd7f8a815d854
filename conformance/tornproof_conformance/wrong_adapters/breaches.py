"""
Adapters that break the protocol in one place, by the sentence that they break.
"""

import os
import re
import time
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tornproof_conformance.variants.log import Closed, Log
from tornproof_conformance.variants.server import Server

Message = dict[str, Any]

FOR_EVER = 60
"""Seconds; nobody waits as long."""


class Adapter(Server):
    """The correct twin: the plain log behind an adapter."""

    breaks: ClassVar[frozenset[str]] = frozenset()
    kept: ClassVar[type[Log]] = Log

    def __init__(self, name: str) -> None:
        super().__init__(name, self.kept)


class AnswersTwice(Adapter):
    """
    Answers an append when it is written and once more when it is synced.

    The next request is taken to be answered by the second reply, and every reply after that
    belongs to the request before.
    """

    breaks = frozenset({"ADP-1"})

    def send(self, reply: Message) -> None:
        super().send(reply)
        if "offset" in reply.get("ok", {}):
            super().send(reply)


class GreetsOnStandardOutput(Adapter):
    """Prints a line for people when it starts, where replies belong."""

    breaks = frozenset({"ADP-1"})

    def serve(self) -> None:
        print("ready", flush=True)
        super().serve()


class NumbersItsReplies(Adapter):
    """Counts its replies, and does not return the ids of the requests."""

    breaks = frozenset({"ADP-1"})

    def send(self, reply: Message) -> None:
        super().send({**reply, "id": reply["id"] + 1000})


class ClaimsWhatIsPlanned(Adapter):
    """Claims readers that nobody has written yet."""

    breaks = frozenset({"ADP-2"})

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.claims = (*self.claims, "journal/reader")


class RecoversByItsPlace(Adapter):
    """
    Chooses what recovery keeps by the directory's name, as one does who iterates over a hash.

    The same files in another directory → one record fewer.
    """

    breaks = frozenset({"ADP-3", "REC-1"})

    class Kept(Log):
        """Drops the last of many records in every second directory."""

        def whole(self) -> int:
            offsets = [offset for offset, _ in self.frames(self.file)]
            number = next((int(p) for p in reversed(self.path.split("/")) if p.isdecimal()), 0)
            return offsets[-1] if number % 2 and len(offsets) > 3 else super().whole()

    kept = Kept


class KeepsScratchElsewhere(Adapter):
    """Leaves a file beside the directory that it was given."""

    breaks = frozenset({"ADP-4"})

    def answer(self, op: str, args: Message) -> Message:
        if op == "journal.open":
            Path(f"{args['dir']}.scratch").write_text("half a log")
        return super().answer(op, args)


class OutlivesItsInput(Adapter):
    """Goes on when nobody can ask it anything any more."""

    breaks = frozenset({"ADP-5"})

    def serve(self) -> None:
        super().serve()
        time.sleep(FOR_EVER)


class TakesAfterClosing(Adapter):
    """Opens its file again for an append that comes after the close."""

    breaks = frozenset({"ADP-6"})

    class Kept(Log):
        """Never says that it is closed."""

        def append(self, payload: bytes, *, durable: bool) -> int:
            if self.closed:
                self.file = os.open(self.path, os.O_RDWR | os.O_APPEND)
                self.closed = False
            return super().append(payload, durable=durable)

    kept = Kept


class CallsEveryRefusalIo(Adapter):
    """Answers `io` whatever the reason, so that nobody can tell a second writer from a bad disk."""

    breaks = frozenset({"ADP-7"})

    def refusal(self, code: str, error: Exception, *, definite: bool) -> Message:
        del code
        return super().refusal("io", error, definite=definite)


class TakesAHundredAtMost(Adapter):
    """Refuses to hand over more records at once than its queue has places."""

    breaks = frozenset({"ADP-8"})

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.claims = (*self.claims, "journal/group-commit")

    def answer(self, op: str, args: Message) -> Message:
        if op != "journal.append_many":
            return super().answer(op, args)
        if self.log is None:
            raise Closed
        payloads = [b64decode(payload) for payload in args["payloads"]]
        if len(payloads) > 100:
            raise OSError(105, "the queue is full")
        offsets = [self.log.append(payload, durable=False) for payload in payloads]
        self.log.sync()
        return {"offsets": offsets}


class NeverAnswersACollision(Adapter):
    """Waits for the other writer instead of refusing, and so never replies."""

    breaks = frozenset({"ADP-11"})

    def refusal(self, code: str, error: Exception, *, definite: bool) -> Message:
        if code == "locked":
            time.sleep(FOR_EVER)
        return super().refusal(code, error, definite=definite)


ADAPTERS: Mapping[str, type[Adapter]] = {
    re.sub(r"(?<=.)(?=[A-Z])", "-", each.__name__).lower(): each
    for each in Adapter.__subclasses__()
}
"""Each by the name under which `python -m tornproof_conformance.wrong_adapters` serves it."""
