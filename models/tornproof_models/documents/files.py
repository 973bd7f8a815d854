"""
Read the bytes and the JSON of a file that someone sent.

The file is one that the user named, so a link is followed.  A pipe, a device or a
directory is refused before it is opened, and so is what is larger than its limit: none of
them can hang a command or fill the memory.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from tornproof.errors import Invalid

from tornproof_models.documents.limits import DIGITS, FILES, MIB, FileLimit
from tornproof_models.documents.words import shown

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_file(path: Path, kind: str) -> bytes:
    """
    Return the content of a file of some kind, a name in `limits.FILES`.

    Raises `Invalid` if it cannot be read, is no regular file or has too many bytes.
    """
    limit = FILES[kind]
    try:
        _require_regular(path, path.stat(), kind)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123
            status = os.fstat(descriptor)  # another file may have taken its place
            _require_regular(path, status, kind)
            if status.st_size <= limit.largest:
                content = file.read(status.st_size + 1)  # no more memory than it needs
                while len(content) <= limit.largest and (more := file.read(MIB)):
                    content += more
                if len(content) <= limit.largest:
                    return content
    except OSError as error:
        raise Invalid(f"cannot read {shown(path)}: {error.strerror}") from None
    except ValueError as error:  # a null byte in the path
        raise Invalid(f"cannot read {shown(path)}: {error}") from None
    raise Invalid(
        f"{shown(path)} has more than {limit.largest:,} bytes, the most that a file of this kind "
        f"({kind}) may have: {limit.reason}"
    )


def _require_regular(path: Path, status: os.stat_result, kind: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        found = next((name for test, name in _KINDS if test(status.st_mode)), "no regular file")
        raise Invalid(f"cannot read {shown(path)}: it is {found}; give a file ({kind})")


def read_json(path: Path, kind: str) -> Any:
    """Return the document in a file of some kind.  Raises `Invalid`, naming the file."""
    return parse_json(read_file(path, kind), kind, shown(path))


def parse_json(data: bytes, kind: str, place: str) -> Any:
    """
    Return the document in bytes; `place` says in messages where they come from.

    Refuses with `Invalid` what is not UTF-8 or not JSON (RFC 8259), a name that stands twice in
    one mapping, the numbers NaN and Infinity, strings that are not Unicode, and more values
    than the kind may have.
    """
    limit = FILES[kind]
    _require_few(data, limit, place)
    try:
        text = data.decode()
        document = json.loads(
            text,
            object_pairs_hook=_mapping,
            parse_constant=_no_constant,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise Invalid(f"{place} is not UTF-8 at byte {error.start}; JSON was expected") from None
    except _Refused as refused:
        raise Invalid(f"{place} {refused}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid(f"{place} is not JSON, or cut short, at {where}: {error.msg}") from None
    except RecursionError:
        raise Invalid(f"{place} has lists or mappings too deep in each other") from None
    if "\\u" in text and not is_unicode(document):
        raise Invalid(f"{place} holds half of a surrogate pair, which is not Unicode")
    return document


class _Refused(Exception):
    """Why JSON that can be parsed is not taken; not a `ValueError`, which JSON has for syntax."""


def _require_few(data: bytes, limit: FileLimit, place: str) -> None:
    """Count what separates and begins values, before memory is spent on them."""
    if len(data) > limit.largest:
        raise Invalid(f"{place} has more than {limit.largest:,} bytes: {limit.reason}")
    if len(data) > limit.values:
        values = sum(data.count(each) for each in (b",", b"[", b"{"))
        if values > limit.values:
            raise Invalid(f"{place} has more than {limit.values:,} values: {limit.reason}")


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"has the name {shown(twice)} twice in one mapping")
    return mapping


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise _Refused(f"has a number of {len(digits):,} digits; {DIGITS:,} are read")
    return int(digits)


def _no_constant(name: str) -> NoReturn:
    raise _Refused(f"has the number {name}, which JSON does not have")


def is_unicode(document: Any) -> bool:
    """Tell whether every string can be written as UTF-8; goes through without recursion."""
    pending = [document]
    while pending:
        value = pending.pop()
        match value:
            case str() if not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    return False
            case dict():
                pending += value
                pending += value.values()
            case list():
                pending += value
    return True
