"""
A conversation with an adapter, one call at a time.

`call` sends a request, waits for its reply and returns what it holds.  A refusal
by the implementation (`error`) is raised with the adapter's own code, so that
whoever judges a journal cannot tell one in another process from one in this.  A
breach of the protocol is raised as an `AdapterBroken`, and a process that ends or
hangs as a `ProcessFailed`.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from attrs import define, field

from tornproof_conformance.adapter.speaking import messages
from tornproof_conformance.adapter.speaking.diagnosis import (
    Diagnosis,
    Exited,
    Lingers,
    NoReply,
    PartialLine,
    TwoReplies,
    WrongId,
    quote,
)
from tornproof_conformance.adapter.speaking.last_words import last_words
from tornproof_conformance.adapter.speaking.own_time import Delayed
from tornproof_conformance.adapter.speaking.patience import STARTING, OutOfPatience, Patience
from tornproof_conformance.adapter.speaking.process import (
    LONGER,
    Deadline,
    Ended,
    LineProcess,
)

TIMEOUT = 10.0
"""Seconds that a reply may take; a journal that syncs on a slow disk needs a fraction of one."""

PARTING = 2.0
"""Seconds that a process may take to end once its input has ended."""


@define(eq=False)
class Session:
    """An adapter that runs."""

    process: LineProcess
    timeout: float = TIMEOUT
    calls: int = 0
    """How many requests were sent; also the id of the last one."""

    hello: Mapping[str, Any] = field(factory=dict, kw_only=True)
    """What it has said of itself; empty before `introduction`."""

    patience: Patience = field(factory=Patience, kw_only=True)
    """That of the run, of which every silence takes something."""

    _request: bytes = field(default=b"")

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        timeout: float = TIMEOUT,
        patience: Patience | None = None,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "Session":
        """
        Start an adapter.

        `timeout` is in seconds and holds for each call; `directory` is the working
        directory.  Raises `CannotStart`.
        """
        process = LineProcess.start(command, directory=directory, environment=environment)
        return cls(process, timeout, patience=patience or Patience())

    @property
    def pid(self) -> int:
        """The process, or its wrapper; also the number of its process group."""
        return self.process.pid

    @property
    def log(self) -> str:
        """The end of what the adapter has written on standard error."""
        return self.process.log

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.is_alive

    # Calls

    def call(self, op: str, **arguments: Any) -> Mapping[str, Any]:
        """
        Ask for an operation and return the `ok` of its reply.

        Bytes among the arguments are sent as base64; in the reply they are as they
        came.  Raises the adapter's refusal as a `Refusal`, an operation that it does
        not have as `Unsupported`, a breach of the protocol as `AdapterBroken`, and an end
        or a silence as `ProcessFailed`.
        """
        return self.finish(op, self.begin(op, **arguments))

    def begin(self, op: str, **arguments: Any) -> int:
        """Send a request and return its id, without waiting for the reply."""
        if self.process.is_released:
            raise Exited(f"is asked for {op} and has ended", command=self.process.command)
        self.calls += 1
        self._request = messages.encode_request(self.calls, op, arguments)
        granted = self.patience.grant(self.timeout)
        try:
            self.process.send(self._request, time.monotonic() + granted)
        except Deadline:
            if not self.process.is_asleep:
                self.kill()
                self.patience.delay(granted, f"{op} was not read")
            self._lose_patience(granted, self.timeout, f"{op} was not read")
            message = f"no reply to {op}: it does not read its standard input for {granted:g} s"
            raise self._broken(NoReply, message) from None
        except Ended:
            raise self._ended() from None
        return self.calls

    def finish(self, op: str, request: int) -> Mapping[str, Any]:
        """Wait for the reply to a request that was sent; what it raises is what `call` raises."""
        line = self._receive(op)
        try:
            reply = messages.decode_reply(line, op)
        except messages.Unreadable as error:
            raise self._broken(error.kind, error.message, line) from None
        if reply.id != request:
            if isinstance(reply.id, int) and 0 < reply.id < request:
                message = f"answered request {reply.id} again, when asked for {op} ({request})"
                raise self._broken(TwoReplies, message, line)
            message = f"answered {reply.id!r}, when asked for {op} ({request})"
            raise self._broken(WrongId, message, line)
        if self.process.pending and request == self.calls:
            message = f"wrote more than one line in answer to {op}"
            raise self._broken(TwoReplies, message, self.process.pending)
        return reply.outcome()

    def _receive(self, op: str) -> bytes:
        if op == "hello" and not self.patience.has_greeted:
            return self._be_greeted()
        try:
            timeout = self.timeout * (STARTING if op == "hello" else 1)
            granted = self.patience.grant(timeout)
        except OutOfPatience:
            self.kill()
            raise
        try:
            line = self.process.await_line(granted, self.patience.latest(granted))
        except Delayed:
            self.kill()
            self.patience.delay(granted, f"no reply to {op}")
        except Deadline:
            if op == "hello":
                self.kill()
                late = f"a process did not say hello within {timeout:g} s, as others had"
                raise OutOfPatience(late) from None
            self._lose_patience(granted, timeout, f"no reply to {op}")
            raise self._silent(op, granted) from None
        except Ended:
            if op == "hello":
                self.patience.bury()
            raise self._ended() from None
        if op == "hello":
            self.patience.greet()
        return line

    def _be_greeted(self) -> bytes:
        """Wait for the first greeting of a run, without which there is nothing to judge."""
        timeout = self.timeout * STARTING
        try:
            line = self.process.await_line(timeout, time.monotonic() + timeout * LONGER)
        except (Deadline, Delayed):
            raise self._silent("hello", timeout) from None
        except Ended:
            raise self._ended() from None
        self.patience.greet()
        return line

    def _silent(self, op: str, seconds: float) -> Diagnosis:
        if pending := self.process.pending:
            message = f"began a reply to {op} and did not end it within {seconds:g} s"
            return self._broken(PartialLine, message, pending)
        return self._broken(NoReply, f"no reply to {op} in {seconds:g} s")

    def _lose_patience(self, granted: float, timeout: float, silence: str) -> None:
        """Note a silence; one that was cut short is the end, as the reply may yet come."""
        try:
            self.patience.lose(granted, timeout, silence)
        except OutOfPatience:
            self.kill()
            raise

    def _ended(self) -> Diagnosis:
        """Say how the process ended; its last words may be part of a line."""
        code = self.process.wait(PARTING)
        match code:
            case None:
                how = "closed its standard output"
            case _ if code < 0:
                how = f"was ended by signal {-code}"
            case _:
                how = f"exited with code {code}"
        if pending := self.process.pending:
            return self._broken(PartialLine, f"{how} in the middle of a line", pending)
        last = last_words(self.log)
        words = f": {quote(last.encode())}" if last else ""
        return self._broken(Exited, f"{how} without a reply{words}")

    def _broken(self, kind: type[Diagnosis], message: str, reply: bytes = b"") -> Diagnosis:
        return kind(
            message,
            command=self.process.command,
            request=self._request,
            reply=reply,
            log=self.process.log,
        )

    # The end

    def close(self) -> None:
        """
        Say `bye` and wait for the end.

        Raises `Lingers` if the process goes on, after it has been killed.
        """
        try:
            if not self.process.is_released and self.is_alive:
                with contextlib.suppress(messages.Unsupported):  # its input ends all the same
                    self.call("bye")
                self.process.end_input()
                parting = min(PARTING, self.timeout)
                if self.process.wait_patiently(parting) is None:
                    message = f"still runs {parting:g} s after the end of its input"
                    raise self._broken(Lingers, message)
                if not self.process.wait_for_descendants(parting):
                    message = (
                        f"has ended, and a process that it started still runs {parting:g} s later"
                    )
                    raise self._broken(Lingers, message)
        except Delayed:
            pass  # the machine left it no time to end
        finally:
            self.kill()

    def kill_and_listen(self) -> list[bytes]:
        """
        End the adapter by SIGKILL and return the lines that it had written and nobody had read.

        What was on its way when it died is part of no line.
        """
        self.process.kill()
        lines = []
        with contextlib.suppress(Deadline, Ended):
            while True:
                lines.append(self.process.receive(time.monotonic()))
        self.process.release()
        return lines

    def kill(self) -> None:
        """End the adapter with all its children, by SIGKILL, and let go of it."""
        self.process.kill()
        self.process.release()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()
