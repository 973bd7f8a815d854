"""
What an adapter in Python needs, and no more.

    adapter = Adapter("my log", ["journal/core"])

    @adapter.operation
    def journal_append(payload: bytes, durable: bool = True) -> dict: ...

    adapter.serve()

An operation is a function with the operation's name, an underscore for the dot,
and its arguments by their names (`from`, which Python keeps for itself, is
`start`).  Bytes and large integers arrive as such and may be returned as such.
What is asked and has no function is answered with `unsupported`.

A typed error (`tornproof.errors`, or what `refusal` makes) becomes an error reply,
an `OSError` one of the operating system.  Any other exception is a defect of the
adapter: it ends the process, with its traceback on standard error.
"""

import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from attrs import define, field
from tornproof.errors import TornproofError, from_os_error

from tornproof_conformance.adapter.messages import (
    PROTOCOL,
    Refusal,
    decode_arguments,
    encode,
    refusal_of,
)

Operation = Callable[..., Mapping[str, Any] | None]


def refusal(code: str, message: str, *, definite: bool = True) -> Refusal:
    """
    Make the error of a code of the protocol, to be raised.

    `definite` says that the operation certainly had no effect.
    """
    return refusal_of(code, message, definite=definite)


def die() -> None:
    """End this process at once, as a crash would: the fault action `die`."""
    os.kill(os.getpid(), signal.SIGKILL)


@define
class Adapter:
    """An implementation, its claims, and its operations."""

    name: str
    profiles: Sequence[str]
    version: str = ""
    language: str = "Python"
    more: Mapping[str, Any] = field(factory=dict)
    """What else `hello` says: `format`, `limits`."""

    operations: dict[str, Operation] = field(factory=dict)

    def operation(self, function: Operation) -> Operation:
        """Take a function for the operation of its name (decorator)."""
        self.operations[function.__name__.replace("_", ".", 1)] = function
        return function

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
            "profiles": list(self.profiles),
            **self.more,
        }


def _wanted(function: Operation, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out what a function does not ask for."""
    named = {"start" if name == "from" else name: value for name, value in arguments.items()}
    parameters = inspect.signature(function).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return named
    return {name: value for name, value in named.items() if name in parameters}


def _describe(error: TornproofError) -> Mapping[str, Any]:
    return {"code": error.code, "definite": error.definite, "message": str(error)}
