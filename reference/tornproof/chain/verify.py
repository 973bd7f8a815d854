"""
Verify the chain, and report every break.

Verification reads the rows once, in the order of their numbers, in bounded memory.  After a
break it continues with the hash that the row contains, so that one edit does not make a break
of every later row (CHN-6).

A chain alone does not show that its last rows were removed, or that it was rewritten from some
row to its end.  A saved head shows both: save its hash elsewhere, and pass it here (CHN-5).
"""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Any, get_type_hints

from attrs import Factory, define, frozen

from tornproof.chain.database import require_shape, translated
from tornproof.chain.dialect import Connection, dialect_of
from tornproof.chain.row import (
    COLUMNS,
    GENESIS,
    HASH_BYTES,
    AttestLevel,
    Head,
    Row,
    content_of,
    row_hash,
)
from tornproof.chain.signatures import signature_holds
from tornproof.errors import WrongSchema

_ANY_TEXT = partial(str, encoding="utf-8", errors="surrogateescape")
"""Reads text that may not be text; encoding it again then fails, and is a break."""


class Kind(StrEnum):
    """What is wrong."""

    UNSEQUENCED = "no sequence"
    GAP = "gap in the sequence"
    REPEATED = "sequence not increasing"
    MALFORMED = "malformed row"
    UNLINKED = "not linked to the row before"
    EDITED = "row edited"
    PAYLOAD_EDITED = "payload edited"
    UNSIGNED = "signature missing"
    UNCHECKED = "signature not checked"
    FORGED = "signature wrong"
    HEAD_MISSING = "saved head missing"


@frozen
class Break:
    """One thing that is wrong: where, what, and what was found."""

    sequence: int | None
    kind: Kind
    detail: str

    def __str__(self) -> str:
        """Say it in one line."""
        place = "the chain" if self.sequence is None else f"sequence {self.sequence}"
        return f"{place}: {self.kind.value}: {self.detail}"


@frozen
class Verification:
    """What a verification saw; it holds if there are no breaks."""

    rows: int
    head: Head
    breaks: tuple[Break, ...]

    @property
    def holds(self) -> bool:
        """Say whether the chain is whole."""
        return not self.breaks


def verify(
    connection: Connection,
    *,
    head: bytes | None = None,
    keys: Collection[bytes] = (),
    require_signatures: bool = False,
) -> Verification:
    """
    Verify every row, and that the chain still goes through a saved head.

    `head` is the hash of a row that was once the last one.  `keys` are the
    public keys to trust; a row signed by any other is a break, and so is one
    without a signature if `require_signatures`.  Raises `WrongSchema` for a
    database without a chain, and the errors of `from_sqlite_error`.
    """
    with translated("read the chain"):
        if "signed_events" in require_shape(connection, "the database"):
            raise WrongSchema("the database has no table signed_events, so no chain")
        arrival = dialect_of(connection).arrival
        query = f"SELECT {COLUMNS} FROM signed_events ORDER BY sequence NULLS FIRST, {arrival}"
        walk = _Walk(head, frozenset(keys), require_signatures)
        with any_text(connection):
            for columns in connection.execute(query):
                walk.visit(columns)
    return walk.finish()


@contextmanager
def any_text(connection: Connection) -> Iterator[None]:
    """Let SQLite return text that is none as it is; a server holds no such text."""
    if not isinstance(connection, sqlite3.Connection):
        yield
        return
    before, connection.text_factory = connection.text_factory, _ANY_TEXT
    try:
        yield
    finally:
        connection.text_factory = before


@define
class _Walk:
    """The state of one pass: what the next row must follow."""

    saved: bytes | None
    keys: frozenset[bytes]
    require_signatures: bool
    last: Head = GENESIS
    rows: int = 0
    breaks: list[Break] = Factory(list)

    def visit(self, columns: tuple[Any, ...]) -> None:
        """Look at the next row."""
        row = Row(*columns)
        self.rows += 1
        if type(row.sequence) is not int:
            detail = f"row {row.id!r} has sequence {row.sequence!r}"
            self.breaks.append(Break(None, Kind.UNSEQUENCED, detail))
            return
        self.breaks += self._place(row)
        self.breaks += self._content(row, tuple(map(type, columns)))
        self.last = Head(row.sequence, row.row_hash)
        if row.row_hash == self.saved:
            self.saved = None

    def finish(self) -> Verification:
        """Report, now that there is no further row."""
        if self.saved is not None and self.saved != GENESIS.hash:
            detail = f"no row has the hash {self.saved.hex()}: the chain was cut or rewritten"
            self.breaks.append(Break(None, Kind.HEAD_MISSING, detail))
        return Verification(self.rows, self.last, tuple(self.breaks))

    def _place(self, row: Row) -> Iterator[Break]:
        """Check that the row comes next, and says so."""
        expected = self.last.sequence + 1
        if row.sequence > expected:
            missing = f"{expected} to {row.sequence - 1}"
            yield Break(row.sequence, Kind.GAP, f"{missing} are missing before it")
        elif row.sequence < expected:
            yield Break(row.sequence, Kind.REPEATED, f"{expected} was expected")
        if row.prev_hash != self.last.hash:
            yield Break(
                row.sequence,
                Kind.UNLINKED,
                f"it follows {_hex(row.prev_hash)}, and the row before has {_hex(self.last.hash)}",
            )

    def _content(self, row: Row, types: tuple[type, ...]) -> Iterator[Break]:
        """Check what the row says against its hashes and its signature."""
        try:
            _require_form(row, types)
            covered = content_of(row)
        except ValueError as error:
            yield Break(row.sequence, Kind.MALFORMED, str(error))
            return
        if row_hash(covered, row.signature) != row.row_hash:
            yield Break(row.sequence, Kind.EDITED, "its columns do not have its hash")
        if sha256(row.payload).digest() != row.payload_hash:
            yield Break(row.sequence, Kind.PAYLOAD_EDITED, "its payload does not have its hash")
        if row.signature is None or row.public_key is None:
            if self.require_signatures:
                yield Break(row.sequence, Kind.UNSIGNED, "every row was asked to be signed")
        elif row.public_key not in self.keys:
            key = row.public_key.hex()
            yield Break(row.sequence, Kind.UNCHECKED, f"the key {key} was not given")
        elif not signature_holds(row.public_key, row.signature, covered):
            yield Break(row.sequence, Kind.FORGED, f"not by the key {row.public_key.hex()}")


_BYTES_IF_SIGNED = "signature", "public_key"
_UNSIGNED = tuple(
    type(None) if name in _BYTES_IF_SIGNED else kind for name, kind in get_type_hints(Row).items()
)
_SIGNED = tuple(
    bytes if name in _BYTES_IF_SIGNED else kind for name, kind in get_type_hints(Row).items()
)
_LEVELS = frozenset(AttestLevel)


def _require_form(row: Row, types: tuple[type, ...]) -> None:
    """
    Raise `ValueError` for a row whose values have other types or sizes than a row's.

    SQLite takes any value in any column, and a text and a blob of the same
    bytes would hash alike.
    """
    form = _UNSIGNED if row.attest_level == AttestLevel.UNSIGNED else _SIGNED
    if types != form:
        columns = zip(Row.__annotations__, types, form, strict=True)
        name = next(name for name, found, expected in columns if found is not expected)
        raise ValueError(f"{name} is {getattr(row, name)!r}, at level {row.attest_level!r}")
    if row.attest_level not in _LEVELS:
        raise ValueError(f"attest_level is {row.attest_level!r}")
    for name in ("payload_hash", "prev_hash", "row_hash"):
        if len(getattr(row, name)) != HASH_BYTES:
            raise ValueError(f"{name} has {len(getattr(row, name))} bytes, not {HASH_BYTES}")


def _hex(value: object) -> str:
    return value.hex()[:16] if isinstance(value, bytes) else repr(value)
