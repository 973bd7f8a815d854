"""
Errors of an adapter against the protocol, and their messages.

A broken adapter is not a broken journal: nothing can be said of the journal, and
the run ends with exit code 3.  So every way of breaking the protocol is a class
of its own, which says what was seen and, in its hint, what usually causes it.
The person who reads it is writing an adapter right now, and is one line away
from making it work.

Two diagnoses are no breach of the protocol once the adapter has shown that it
speaks it.  A process that ends, or hangs, while it opens what a crash left is an
implementation that does not recover; that is an answer like any other error, and
the contract judges it.
"""

import errno
from collections.abc import Sequence
from typing import ClassVar

from tornproof.errors import TornproofError

JUDGES = frozenset({"ADP-1", "ADP-4", "ADP-5"})
"""The requirements of which a breach is a diagnosis and no violation: it ends the run."""

LONGEST_QUOTE = 200
"""Characters of a line that are quoted; a line may have megabytes."""

LAST_LINES = 12
"""Lines of standard error that are shown."""


class Diagnosis(BaseException):
    """Something that is wrong with a conversation."""

    kind: ClassVar[str]
    """The name of the mistake, for reports and tests."""

    hint: ClassVar[str]
    """What usually causes it, and what to do."""

    def __init__(
        self,
        message: str,
        *,
        command: Sequence[str] = (),
        request: bytes = b"",
        reply: bytes = b"",
        log: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.command = tuple(command)
        self.request = quote(request)
        self.reply = quote(reply)
        self.log = "\n".join(log.splitlines()[-LAST_LINES:])

    def explain(self) -> str:
        """Tell the whole of it: what was seen, what was said, and the hint."""
        parts = [f"{self.kind}: {self.message}"]
        if self.request:
            parts.append(f"  request  {self.request}")
        if self.reply:
            parts.append(f"  reply    {self.reply}")
        if self.log:
            parts += ["  standard error", *(f"    {line}" for line in self.log.splitlines())]
        parts.append(f"  hint     {self.hint}")
        return "\n".join(parts)


class AdapterBroken(Diagnosis):
    """
    An adapter does not speak the protocol; what it implements cannot be judged.

    No `Exception`: nothing that judges a journal may take it for a journal's error.
    """


class ProcessFailed(Diagnosis, TornproofError):
    """An adapter's process failed where a reply was due."""

    definite = False


class Nonsense(TornproofError):
    """
    A reply breaks the protocol over what a crash, a kill or a failed call has left.

    That is what came of it, and is judged; the adapter itself speaks the protocol.
    """

    code = "nonsense"

    @classmethod
    def of(cls, broken: Diagnosis) -> "Nonsense":
        """Say what is wrong with the reply."""
        return cls(f"the reply breaks the protocol: {broken.message}")


class CannotStart(AdapterBroken):
    """The command cannot be run."""

    kind = "cannot start"
    hint = "Everything after `--` is the command; give a path, or a program on PATH."


class Exited(ProcessFailed):
    """The process ended in the middle of a conversation."""

    code = "exited"
    kind = "exited"
    hint = (
        "An adapter answers until it has answered `bye` or its standard input ends; "
        "errors of the journal are replies, not exits."
    )


class NoReply(ProcessFailed):
    """Nothing came before the deadline."""

    code = "no_reply"
    kind = "no reply"
    hint = (
        "Flush standard output after every reply (it is no terminal, so many languages keep "
        "lines back), and reply to every request; --timeout gives more time."
    )


class PartialLine(AdapterBroken):
    """A line was begun and not ended."""

    kind = "partial line"
    hint = "End every reply with a newline, and write none inside it."


class NotJson(AdapterBroken):
    """A line on standard output is not JSON."""

    kind = "not JSON"
    hint = "Standard output is for replies alone; print and log on standard error."


class BreaksSchema(AdapterBroken):
    """A reply is JSON, but not what the protocol says of it."""

    kind = "breaks the schema"
    hint = (
        "The chapter on the protocol says what each reply holds; so does, for programs, "
        "spec/schema/protocol.schema.json."
    )


class WrongId(AdapterBroken):
    """A reply carries another id than its request."""

    kind = "wrong id"
    hint = "Copy `id` from the request into the reply, and answer in the order of the requests."


class TwoReplies(AdapterBroken):
    """One request was answered more than once."""

    kind = "two replies"
    hint = "Write one line for each request, also after an error."


class WrongProtocol(AdapterBroken):
    """The adapter speaks another version of the protocol, or claims what does not exist."""

    kind = "wrong protocol"
    hint = "Answer `hello` with protocol 1 and claims of it."


class Lingers(AdapterBroken):
    """The process goes on although the conversation is over."""

    kind = "lingers"
    hint = "Exit when standard input ends, with all threads and child processes."


class WritesOutside(AdapterBroken):
    """Something was written outside the directory that the adapter was given."""

    kind = "writes outside"
    hint = (
        "Keep everything below `dir`, temporary files too: what lies elsewhere is not in the "
        "crash images, and a rename across directories is no rename.  Log on standard error."
    )


class LeavesTooMuch(AdapterBroken):
    """Something was left in the directory that no image of a disk can hold."""

    kind = "leaves too much"
    hint = (
        "Keep files, names and levels in `dir` within what a log needs: the suite reads all of "
        "it, over and over."
    )


def quote(line: bytes) -> str:
    """Show a line as text, at a readable length."""
    text = line.decode("utf-8", "backslashreplace").rstrip("\n")
    if len(text) <= LONGEST_QUOTE:
        return text
    return f"{text[:LONGEST_QUOTE]}… ({len(line):,} bytes)"


def remedy(error: OSError, program: str) -> str:
    """Say how to start a program that is there and may not be run; empty if not known."""
    if error.errno == errno.EACCES:
        return f"; make it executable (`chmod +x {program}`), or put its interpreter before it"
    if error.errno == errno.ENOEXEC:
        return "; put its interpreter before it, as in `-- python3 adapter.py`"
    return ""
