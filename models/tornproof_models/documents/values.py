"""
Read the values of a document, each with its position for error messages.

    case = Value(document, "found.json").member("case")
    size = case.member("size").number("size")

Each method returns what was expected of a value, or raises `Invalid` with one line that
says which file, where, what is there and what was expected:

    found.json: $.case.size is 'many'; a whole number from 0 to 16,777,217 was expected

Types are exact: true is no number, 5.0 no whole one, and a number is no string.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from attrs import frozen
from tornproof.errors import Invalid

from tornproof_models.documents.limits import DEPTH, FILE_BYTES, NAME_BYTES, NUMBERS, Span
from tornproof_models.documents.words import shown


@frozen
class Value:
    """A value of JSON, the file that it is in, and its place there as a JSON path (RFC 9535)."""

    data: Any
    file: str
    place: str = "$"

    def refuse(self, expected: str) -> NoReturn:
        """Raise `Invalid`: something else was expected here."""
        found = f"{self.place} is {shown(self.data)}"
        raise Invalid(f"{self.file}: {found}; {expected} was expected")

    # Parts

    def members(self, required: Collection[str], optional: Collection[str] = ()) -> "Members":
        """Return the members of a mapping that has all of some names, and no others."""
        if not isinstance(self.data, dict):
            self.refuse(f"a mapping with {', '.join(sorted(required))}")
        names = self.data.keys()
        if missing := sorted(set(required) - names):
            raise Invalid(f"{self.file}: {self.place} has no {', '.join(missing)}")
        if extra := sorted(names - set(required) - set(optional)):
            known = ", ".join(sorted({*required, *optional}))
            raise Invalid(
                f"{self.file}: {self.place} has {shown(extra[0])}; the fields there are {known}"
            )
        return {
            name: Value(value, self.file, f"{self.place}.{name}")
            for name, value in self.data.items()
        }

    def member(self, name: str) -> "Value":
        """Return one member of a mapping that may have others."""
        if not isinstance(self.data, dict) or name not in self.data:
            self.refuse(f"a mapping with {name}")
        return Value(self.data[name], self.file, f"{self.place}.{name}")

    def entries(self) -> Iterator[tuple[str, "Value"]]:
        """Yield the names of a mapping and what they stand for."""
        if not isinstance(self.data, dict):
            self.refuse("a mapping")
        for name, value in self.data.items():
            step = f".{name}" if name.isidentifier() else f"[{shown(name)}]"
            yield name, Value(value, self.file, f"{self.place}{step}")

    def items(self) -> list["Value"]:
        """Return the items of a list."""
        if not isinstance(self.data, list):
            self.refuse("a list")
        return [Value(each, self.file, f"{self.place}[{n}]") for n, each in enumerate(self.data)]

    def pair(self) -> tuple["Value", "Value"]:
        """Return the two items of a list that has two."""
        items = self.items()
        if len(items) != 2:
            self.refuse("a list of two")
        return items[0], items[1]

    # Values

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.data, str):
            self.refuse("a string")
        return str(self.data)

    def choice(self, known: Collection[str]) -> str:
        """Return a string that is one of those known."""
        if not isinstance(self.data, str) or self.data not in known:
            self.refuse(f"one of {', '.join(sorted(known))}")
        return str(self.data)

    def boolean(self) -> bool:
        """Return true or false."""
        if not isinstance(self.data, bool):
            self.refuse("true or false")
        return bool(self.data)

    def number(self, kind: str) -> int:
        """Return a whole number within the limits of a kind, a name in `limits.NUMBERS`."""
        return self.whole(NUMBERS[kind])

    def whole(self, span: Span) -> int:
        """Return a whole number within a span."""
        if type(self.data) is not int or not span.least <= self.data <= span.most:
            most = f"{span.most:,}" if span.most.bit_length() <= 64 else "what an image can have"
            self.refuse(f"a whole number from {span.least:,} to {most} ({span.reason})")
        return int(self.data)

    def integer(self) -> int:
        """Return a whole number of any size."""
        if type(self.data) is not int:
            self.refuse("a whole number")
        return int(self.data)

    def content(self) -> bytes:
        """Return bytes, which stand there as base64 (RFC 4648, section 4)."""
        if not isinstance(self.data, str) or not self.data.isascii():
            self.refuse("bytes in base64")
        try:
            return b64decode(self.data, validate=True)
        except NotBase64:
            self.refuse("bytes in base64")

    def file_content(self) -> bytes:
        """Return the bytes of a file of an image."""
        content = self.content()
        if len(content) > FILE_BYTES.most:
            self.refuse(f"a file of at most {FILE_BYTES.most:,} bytes ({FILE_BYTES.reason})")
        return content


Members = dict[str, Value]


def require_path(path: str, directories: Collection[str], place: Value) -> None:
    """
    Require that a path is absolute, leads nowhere else, and lies in a directory that is there.

    `/`-separated names, each as Linux takes it: not empty, not `.` or `..`, at most 255
    bytes, without a null byte.  Raises `Invalid`.
    """
    parent, slash, _ = path.rpartition("/")
    plain = slash and all(map(is_name, path[1:].split("/")))
    if not plain or (parent and parent not in directories):
        place.refuse("an absolute path of plain names below a directory that is listed")
    if path.count("/") > DEPTH.most:
        place.refuse(f"a path of at most {DEPTH.most} names ({DEPTH.reason})")


def is_name(name: str) -> bool:
    """Tell whether a file can bear a name."""
    return (
        name not in ("", ".", "..")
        and "/" not in name
        and "\0" not in name
        and len(name.encode("utf-8", "surrogatepass")) <= NAME_BYTES.most
    )
