"""
The library for adapters written in Python.

    adapter = Adapter("my log", ["journal/core"])

    @adapter.journal
    def opened(directory: Path) -> Iterator[Log]:
        with exclusive(directory), Log(directory) as log:
            yield log

    adapter.serve()

A journal is a generator: what stands before its `yield` opens, what it yields
appends and scans, what stands behind closes.  That is all of `journal/core`.

    @adapter.operation
    def journal_rotate() -> dict: ...

Any other operation is a function with the operation's name, an underscore for the
dot, and its arguments by their names (`from`, which Python keeps for itself, is
`start`).  Bytes and large integers arrive as such and may be returned as such.
What is asked and has no function is answered with `unsupported`.

A typed error (`tornproof.errors`, or what `refusal` makes) becomes an error reply,
an `OSError` one of the operating system.  Any other exception is a defect of the
adapter: it ends the process, with its traceback on standard error.
"""

import fcntl
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from attrs import define, field
from tornproof.errors import TornproofError, from_os_error

from tornproof_conformance.adapter.speaking.wire import (
    PROTOCOL,
    Refusal,
    decode_arguments,
    encode,
    refusal_of,
)

Operation = Callable[..., Mapping[str, Any] | None]


class Journal(Protocol):
    """A journal that is open."""

    @property
    def discarded_bytes(self) -> int:
        """What recovery has cut."""
        ...

    def append(self, payload: bytes, durable: bool) -> int:
        """Append a record, return when it is durable if it is to be, and return its offset."""
        ...

    def scan(self) -> Iterable[tuple[int, bytes]]:
        """Read back every record and its offset."""
        ...


Opening = Callable[[Path], Iterator[Journal]]


def refusal(code: str, message: str, *, definite: bool = True) -> Refusal:
    """
    Make the error of a code of the protocol, to be raised.

    `definite` says that the operation certainly had no effect.
    """
    return refusal_of(code, message, definite=definite)


def die() -> None:
    """End this process at once, as a crash would: the fault action `die`."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """
    Keep everybody else out of a directory, while this lasts or the process lives (JRN-9).

    Refuses with `locked` if somebody is in it.
    """
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal("locked", f"another process writes to {directory}") from None
        yield


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable: the sync of a file does not cover its name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@define
class Adapter:
    """An implementation, its claims, and its operations."""

    name: str
    claims: Sequence[str]
    version: str = ""
    language: str = "Python"
    more: Mapping[str, Any] = field(factory=dict)
    """What else `hello` says: `format`, `limits`."""

    operations: dict[str, Operation] = field(factory=dict)

    def operation(self, function: Operation) -> Operation:
        """Take a function for the operation of its name (decorator)."""
        self.operations[function.__name__.replace("_", ".", 1)] = function
        return function

    def journal(self, opening: Opening) -> Opening:
        """
        Take a generator for the operations of `journal/core` (decorator).

        When an append ends with an `OSError` the journal is poisoned (JRN-7): whatever is asked
        of it then is refused, and the generator ends with that error instead of a close.  One
        that can go on after a failure raises a `refusal`.
        """
        served = _Served(contextmanager(opening))
        for function in (served.journal_open, served.journal_append, served.journal_scan):
            self.operation(function)
        self.operation(served.journal_close)
        return opening

    def serve(
        self, requests: BinaryIO = sys.stdin.buffer, replies: BinaryIO = sys.stdout.buffer
    ) -> None:
        """Answer requests until `bye` or the end of the input."""
        for line in requests:
            request = json.loads(line)
            reply = {"id": request["id"], **self.answer(request["op"], request["args"])}
            replies.write((json.dumps(encode(reply)) + "\n").encode())
            replies.flush()
            if request["op"] == "bye":
                return

    def answer(self, op: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out a request and return `ok`, `error` or `unsupported`."""
        if op == "hello":
            return {"ok": self._introduce()}
        if op == "bye":
            return {"ok": {}}
        function = self.operations.get(op)
        if function is None:
            return {"unsupported": op}
        try:
            return {"ok": function(**_wanted(function, decode_arguments(op, arguments))) or {}}
        except OSError as error:
            return {"error": _describe(from_os_error(error, f"carry out {op}"))}
        except TornproofError as error:
            return {"error": _describe(error)}

    def _introduce(self) -> Mapping[str, Any]:
        implementation = {"name": self.name, "version": self.version, "language": self.language}
        return {
            "protocol": PROTOCOL,
            "implementation": implementation,
            "claims": list(self.claims),
            **self.more,
        }


@define
class _Served:
    """The journal that is open in this process, if any, and what has poisoned it."""

    opening: Callable[[Path], AbstractContextManager[Journal]]
    context: AbstractContextManager[Journal] | None = None
    journal: Journal | None = None
    poison: OSError | None = None

    def journal_open(self, dir: str) -> Mapping[str, Any]:  # noqa: A002
        """Open; a second journal is a second process's business."""
        if self.context is not None:
            raise refusal("locked", "a journal is open in this process: close it first")
        context = self.opening(Path(dir))
        self.journal, self.context, self.poison = context.__enter__(), context, None
        return {"discarded_bytes": self.journal.discarded_bytes}

    def journal_append(self, payload: bytes, durable: bool = True) -> Mapping[str, Any]:
        """Append, unless an append has failed."""
        journal = self._open_journal()
        if self.poison:
            raise refusal("poisoned", f"an append has failed: {self.poison}; open it again")
        try:
            return {"offset": journal.append(payload, durable)}
        except OSError as error:
            self.poison = error
            raise

    def journal_scan(self) -> Mapping[str, Any]:
        """Read everything back."""
        records = [{"offset": at, "payload": data} for at, data in self._open_journal().scan()]
        return {"records": records, "end": "clean"}

    def journal_close(self) -> None:
        """Close, or end with what has poisoned the journal; closing twice is closing once."""
        context, self.context, self.journal = self.context, None, None
        if context is None:
            return
        if self.poison is None:
            context.__exit__(None, None, None)
        else:
            context.__exit__(type(self.poison), self.poison, self.poison.__traceback__)
            raise self.poison

    def _open_journal(self) -> Journal:
        if self.journal is None:
            raise refusal("closed", "no journal is open: open one first")
        return self.journal


def _wanted(function: Operation, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out what a function does not ask for."""
    named = {"start" if name == "from" else name: value for name, value in arguments.items()}
    parameters = inspect.signature(function).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return named
    return {name: value for name, value in named.items() if name in parameters}


def _describe(error: TornproofError) -> Mapping[str, Any]:
    return {"code": error.code, "definite": error.definite, "message": str(error)}
