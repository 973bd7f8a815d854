"""
Parse the lines of strace into calls.

A call takes time, and with several threads or processes others happen meanwhile.
strace then writes it in two pieces,

    7 fsync(3</d/a> <unfinished ...>
    8 write(4</d/b>, "\\x61", 1)              = 1
    7 <... fsync resumed>)                    = 0

and both places matter: what the call did, it did between them.  So a call keeps the
numbers of the line where it began and of the line where it ended; they are equal if
nothing else was seen in between.

All strings are in hexadecimal (`strace -xx`), so that commas, quotes and brackets in
what is left are those of strace.
"""

import re
from collections.abc import Iterator

from attrs import define, field, frozen
from tornproof.errors import TornproofError


class Unreadable(TornproofError):
    """A line is none that strace writes, or tells of something that is not known."""

    code = "untraceable"


@frozen
class Call:
    """A system call that has returned, with its arguments and result as strace writes them."""

    process: int
    """The thread that made it: Linux gives each a number of its own."""

    name: str
    arguments: tuple[str, ...]
    result: str
    error: str
    """The name of the error, such as `EIO`; empty if there was none."""

    began: int
    """Number of the line where it began, from 0."""

    ended: int
    is_injected: bool = False
    """Whether strace was told to let it fail."""


@frozen
class Cut:
    """A call whose process ended before it returned: nobody knows what it did."""

    process: int
    name: str
    arguments: tuple[str, ...]
    began: int
    ended: int


@frozen
class Ended:
    """A thread or process ended."""

    process: int
    ended: int


Line = Call | Cut | Ended

_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_TOKENS = re.compile(r'"[^"]*"|[\[\]{}(),]')
"""What separates arguments, and strings, which are passed over whole: most are long."""


@define
class Assembler:
    """Puts calls together from lines, as they come."""

    lines: int = 0
    """How many lines there have been."""

    _begun: dict[int, tuple[str, int]] = field(factory=dict)
    """For each thread in a call: the text so far, and the line where it began."""

    def feed(self, line: str) -> Iterator[Line]:
        """Take one line and yield what it brings to an end.  Raises `Unreadable`."""
        number, self.lines = self.lines, self.lines + 1
        head, _, text = line.partition(" ")
        if not head.isdigit():
            raise Unreadable(f"line {number + 1} of the log does not begin with a process")
        process, text = int(head), text.lstrip()
        if text.startswith("+++"):
            yield from self._end(process, number)
        elif text.startswith("<..."):
            resumed = _RESUMED.match(text)
            if process not in self._begun or resumed is None:
                raise Unreadable(f"line {number + 1} of the log resumes a call that never began")
            begun, began = self._begun.pop(process)
            yield from self._whole(process, begun + text[resumed.end() :], began, number)
        elif text.endswith(_UNFINISHED):
            self._begun[process] = text.removesuffix(_UNFINISHED), number
        elif not text.startswith("---"):  # a signal changes no file
            yield from self._whole(process, text, number, number)

    def begun(self) -> list[Cut]:
        """Return the calls that have not returned yet."""
        return [
            _cut(process, text, began, self.lines) for process, (text, began) in self._begun.items()
        ]

    def _end(self, process: int, number: int) -> Iterator[Line]:
        if process in self._begun:
            text, began = self._begun.pop(process)
            yield _cut(process, text, began, number)
        yield Ended(process, number)

    def _whole(self, process: int, text: str, began: int, number: int) -> Iterator[Line]:
        called, equals, returned = text.rpartition(" = ")
        called = called.rstrip()
        if not equals or not called.endswith(")"):
            raise Unreadable(f"line {number + 1} of the log is no call: {text:.80}")
        name, _, arguments = called[:-1].partition("(")
        result, _, rest = returned.partition(" ")
        if result == "?":  # its process ended in it, or it will be made again by the kernel
            if not rest.startswith("ERESTART"):
                yield _cut(process, called[:-1], began, number)
            return
        error = rest.partition(" ")[0] if result == "-1" else ""
        yield Call(
            process,
            name,
            split_arguments(arguments),
            result,
            error,
            began,
            number,
            is_injected=rest.endswith("(INJECTED)"),
        )


def _cut(process: int, text: str, began: int, number: int) -> Cut:
    name, _, arguments = text.partition("(")
    return Cut(process, name, split_arguments(arguments), began, number)


def split_arguments(text: str) -> tuple[str, ...]:
    """Split at the commas that stand in no brackets."""
    arguments, depth, start = [], 0, 0
    for found in _TOKENS.finditer(text):
        character = found.group()
        if character in "[{(":
            depth += 1
        elif character in "]})":
            depth -= 1
        elif character == "," and depth == 0:
            arguments.append(text[start : found.start()].strip())
            start = found.end()
    if last := text[start:].strip():
        arguments.append(last)
    return tuple(arguments)


def assemble(text: str) -> Iterator[Line]:
    """Yield the calls of a whole log, in the order of their ends."""
    assembler = Assembler()
    for line in text.splitlines():
        yield from assembler.feed(line)
