"""
What was asked and answered, as marks in a trace.

Where a recorded process speaks the adapter protocol, what passed over standard input and
output says when a promise was made.  Requests and replies are told apart from anything
else by their form; a process that speaks something else has no marks, and what a crash
may leave can still be counted.

Only the journal's operations leave marks: an append its call and its answer, a sync and
a close their promise, and the first scan after an opening what recovery has shown.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field
from tornproof_models.disk.trace import (
    Acked,
    Event,
    Failed,
    Flushed,
    Invoked,
    Mark,
    Observed,
    Trace,
)

from tornproof_conformance.adapter.messages import Unreadable, decode_ok, decode_reply, to_bytes
from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.result import Recorded

PROMISES: Mapping[str, str] = {"journal.sync": "sync", "journal.close": "close"}
"""Operations that promise, by returning, that everything before them will last."""


def mark(recorded: Recorded) -> Trace:
    """Return a recorded trace with the marks of what was said meanwhile."""
    events: list[Event] = []
    conversation, done = Conversation(), 0
    for place, said in recorded.said:
        events += recorded.trace.events[done:place]
        done = place
        events += conversation.hear(said.stream, said.data)
    events += recorded.trace.events[done:]
    return Trace(recorded.trace.initial, tuple(events))


@define
class _Request:
    op: str
    args: Mapping[str, Any]
    call: int | None = None
    """The number of the append, if it is one."""


@define
class Conversation:
    """What was said so far, in either direction."""

    _pending: dict[Stream, bytes] = field(factory=lambda: dict.fromkeys(Stream, b""))
    _requests: dict[Any, _Request] = field(factory=dict)
    _calls: int = 0
    _is_fresh: bool = False
    """Whether a journal was opened, and nothing was shown or appended since."""

    def hear(self, stream: Stream, data: bytes) -> Iterator[Mark]:
        """Take bytes of one direction, and yield the marks of the lines that they end."""
        *lines, self._pending[stream] = (self._pending[stream] + data).split(b"\n")
        for line in lines:
            if stream is Stream.REQUESTS:
                yield from self._ask(line)
            else:
                yield from self._answer(line)

    def _ask(self, line: bytes) -> Iterator[Mark]:
        try:
            data = json.loads(line)
            request = _Request(data["op"], data["args"])
            self._requests[data["id"]] = request
        except (ValueError, TypeError, KeyError):
            return  # it speaks something else
        if request.op == "journal.append":
            request.call, self._calls = self._calls, self._calls + 1
            yield Invoked(request.call, "append", to_bytes(request.args["payload"]))

    def _answer(self, line: bytes) -> Iterator[Mark]:
        try:
            identifier = json.loads(line)["id"]
            request = self._requests.pop(identifier)
            reply = decode_reply(line, request.op)
        except (ValueError, TypeError, KeyError, Unreadable):
            return
        if request.call is not None:
            self._is_fresh = False
            if reply.ok is None:
                yield Failed(request.call, bool(reply.error and reply.error.get("definite")))
            else:
                durable = request.args.get("durable", True)
                yield Acked(request.call, decode_ok(request.op, reply.ok)["offset"], durable)
        elif reply.ok is None:
            return
        elif request.op in PROMISES:
            yield Flushed(PROMISES[request.op])
        elif request.op == "journal.open":
            self._is_fresh = True
        elif request.op == "journal.scan" and self._is_fresh and "from" not in request.args:
            self._is_fresh = False
            found = decode_ok(request.op, reply.ok)["records"]
            yield Observed(tuple((each["offset"], each["payload"]) for each in found))
