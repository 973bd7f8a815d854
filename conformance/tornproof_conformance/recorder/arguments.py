"""
The arguments of a system call.

What stands in a line for a descriptor, a string, a set of flags or a vector of
buffers, and what it means.  A descriptor comes with the path that it had at the
moment of the call (`strace -y`), so a path that went through a symbolic link, or the
working directory that a relative one starts from, need not be guessed.
"""

import re
from posixpath import join, normpath

from tornproof_conformance.recorder.lines import Unreadable

_DESCRIPTOR = re.compile(r"(AT_FDCWD|-?\d+)(?:<((?:\\x[0-9a-f]{2})*)>)?(\(deleted\))?")
_NUMBER = re.compile(r"-?(?:0x[0-9a-f]+|\d+)")
_BASE = re.compile(r"iov_base=(NULL|\"[^\"]*\"(?:\.\.\.)?)")

WORKING_DIRECTORY = -100
"""What stands for the working directory where a directory's descriptor is asked for."""


def string(text: str) -> bytes:
    """Read a string.  Raises `Unreadable` if it was cut off, or is an address."""
    if text.endswith('"...'):
        raise Unreadable("a string in the log is cut off; record with a larger limit")
    if not (len(text) > 1 and text.startswith('"') and text.endswith('"')):
        raise Unreadable(f"no string: {text:.80}")
    return _unescape(text[1:-1])


def _unescape(text: str) -> bytes:
    try:
        return bytes.fromhex(text.replace("\\x", ""))
    except ValueError:
        raise Unreadable(f"no hexadecimal: {text:.80}") from None


def path(text: str) -> str:
    """Read a string that is a path."""
    return string(text).decode("utf-8", "surrogateescape")


def descriptor(text: str) -> int:
    """Read the number of a descriptor."""
    found = _DESCRIPTOR.fullmatch(text)
    if found is None:
        raise Unreadable(f"no descriptor: {text:.80}")
    return WORKING_DIRECTORY if found.group(1) == "AT_FDCWD" else int(found.group(1))


def path_of_descriptor(text: str) -> str | None:
    """Read the path that a descriptor had; none if it had none, or has lost it."""
    found = _DESCRIPTOR.fullmatch(text)
    if found is None or found.group(2) is None or found.group(3):
        return None
    data = _unescape(found.group(2))
    return data.decode("utf-8", "surrogateescape") if data.startswith(b"/") else None


def number(text: str) -> int:
    """Read an integer, decimal or hexadecimal."""
    if not _NUMBER.fullmatch(text):
        raise Unreadable(f"no integer: {text:.80}")
    return int(text, 0)


def pointed_number(text: str) -> int | None:
    """Read an integer behind a pointer, as it was when the call began; none for no pointer."""
    if text == "NULL":
        return None
    found = _NUMBER.search(text)
    if found is None:
        raise Unreadable(f"no integer: {text:.80}")
    return int(found.group(), 0)


def flags(text: str) -> frozenset[str]:
    """Read a set of flags by name."""
    return frozenset(text.split("|"))


def vector(text: str) -> bytes:
    """Read a vector of buffers as the bytes that they make."""
    bases = (found.group(1) for found in _BASE.finditer(text))
    return b"".join(string(base) for base in bases if base != "NULL")


def resolve(base: str, relative: str) -> str:
    """Return the absolute path of a path, seen from a directory."""
    absolute = normpath(join(base, relative))
    return "/" + absolute.lstrip("/")
