"""
Make text from outside safe to print.

Names, messages and file names come from whoever wrote a file or an adapter.  A terminal
acts on some characters, and an editor turns the direction of others round, so that one
reads what is not there.  `printable` is the one form in which such words leave.
"""

import json
import os
import re
from typing import Any

LONGEST = 120
"""Characters of a value that are quoted in a message; it may be a whole file."""


def printable(text: str) -> str:
    """
    Escape every character that is not printable, so that evidence cannot talk to a terminal.

    Escaped as in Python (`\\x1b`): control characters, also those above 127; line and
    paragraph separators; marks of direction; halves of surrogate pairs.  Printable, as in
    Unicode 15, is what has a shape and the space.  Text that is printable comes back as it is.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )


def printable_lines(text: str) -> str:
    """Do the same to text of several lines; their ends stay."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def to_json(document: Any, *, indent: int | None = None, sort: bool = False) -> str:
    """
    Write a document as JSON that can be printed.

    Characters that are not printable are written as escapes, so that the document says what
    it said.
    """
    text = json.dumps(document, ensure_ascii=False, indent=indent, sort_keys=sort)
    if text.isprintable():
        return text
    return _STRANGE.sub(lambda found: _escaped(found.group()), text)


_STRANGE = re.compile(r"[^\x20-\x7e\n]")


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def shown(value: Any) -> str:
    """Quote a value in a message: on one line, printable, and short."""
    if isinstance(value, os.PathLike):
        return _short(printable(os.fspath(value)))
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 512:
        return f"a number of {value.bit_length():,} bits"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, dict):
        return f"a mapping of {len(value):,}"
    if isinstance(value, str):
        return _short(printable(repr(value[: LONGEST + 1])), whole=len(value))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return _short(printable(repr(value)))


def _short(text: str, *, whole: int | None = None) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({whole or len(text):,} characters)"
