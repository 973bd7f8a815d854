"""
Requests and replies as marks in a trace.

Where a recorded process speaks the adapter protocol, what passed over standard input and
output says when a promise was made.  Requests and replies are told apart from anything
else by their form; a process that speaks something else has no marks, and what a crash
may leave can still be counted.

Only the journal's operations leave marks: an append its call and its answer, a sync and
a close their promise, and the first scan after an opening what recovery has shown.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from attrs import define, field
from tornproof.errors import Invalid
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

from tornproof_conformance.adapter.speaking.messages import (
    Reply,
    Unreadable,
    decode_arguments,
    decode_ok,
    decode_reply,
)
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
    identifier: Any
    op: str
    args: Mapping[str, Any]
    call: int = -1
    """The number of the append, if it is one, once it has begun."""


def _request(said: Mapping[str, Any]) -> _Request | None:
    """Read a request; none for what is none of the protocol's."""
    try:
        return _Request(said["id"], said["op"], decode_arguments(said["op"], said["args"]))
    except (KeyError, TypeError, Invalid):
        return None


@define
class Conversation:
    """
    What was said so far, in either direction.

    Requests are answered in order.  One that was handed over before another was answered
    begins when that is.
    """

    _pending: dict[Stream, bytes] = field(factory=lambda: dict.fromkeys(Stream, b""))
    _requests: deque[_Request] = field(factory=deque)
    _calls: int = 0
    _is_fresh: bool = False
    """Whether a journal was opened, and nothing was shown or appended since."""

    def hear(self, stream: Stream, data: bytes) -> Iterator[Mark]:
        """Take bytes of one direction, and yield the marks of the lines that they end."""
        *lines, self._pending[stream] = (self._pending[stream] + data).split(b"\n")
        for line in lines:
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                continue  # it speaks something else
            if not isinstance(said, dict) or "id" not in said:
                continue
            if stream is Stream.REPLIES:
                yield from self._answer(said, line)
            elif request := _request(said):
                self._requests.append(request)
                if len(self._requests) == 1:
                    yield from self._begin()

    def _begin(self) -> Iterator[Mark]:
        """Let the next request begin."""
        if self._requests and self._requests[0].op == "journal.append":
            request = self._requests[0]
            request.call, self._calls = self._calls, self._calls + 1
            yield Invoked(request.call, "append", request.args["payload"])

    def _answer(self, said: Mapping[str, Any], line: bytes) -> Iterator[Mark]:
        if not self._requests or self._requests[0].identifier != said["id"]:
            return
        request = self._requests.popleft()
        with suppress(Unreadable):  # of a broken reply, nothing is known
            yield from self._outcome(request, decode_reply(line, request.op))
        yield from self._begin()

    def _outcome(self, request: _Request, reply: Reply) -> Iterator[Mark]:
        if request.op == "journal.append":
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
