"""
Read and verify the pairwise chains of v0.7 and v1.0 (CHN-9, CHN-10).

Each row contains the hash of the row before, but that hash does not cover the link of that
row, so it covers no earlier row.  The two versions encode a row differently:

    joined            id ␟ agent_id ␟ event_type ␟ payload_hash ␟ signature ␟ attest_level
    (v0.7)              ␟ timestamp ␟ sequence                               ␟ = 0x1F
    length-prefixed   the same seven fields, each behind its length, then the sequence,
    (v1.0)              then 0x00, or 0x01 and cause_hash behind its length

    prev_hash of a row = SHA-256(bytes of the row before)

Lengths and sequence are eight bytes, most significant first.  A database that was
upgraded has joined links up to some row and length-prefixed ones from there on.

`BLIND_SPOTS` lists the changes that a verification of such a chain does not detect.
"""

import sqlite3
import struct
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Any

from attrs import Factory, define, evolve, frozen

from tornproof.chain.database import columns_of, translated
from tornproof.chain.row import GENESIS, AttestLevel, Head, behind_lengths
from tornproof.chain.signatures import signature_holds
from tornproof.chain.verify import Break, Kind, any_text
from tornproof.errors import WrongSchema

SEPARATOR = b"\x1f"

SIGNED_ROW_TAG = b"ai-memory/signed-events/row-v1\0"
"""What v1.0 puts before the fields of a row that it signs as a whole."""

BLIND_SPOTS = (
    "fields that contain the separator, shifted into one another, where links are joined (H8)",
    "a row that was rewritten, with the one link behind it repaired (H9)",
    "the last row rewritten: no link follows it; a saved head or a signature shows it",
    "a signature that was removed together with its level, and the one link behind repaired; "
    "a demand for signatures shows it",
    "fields of a signed row that were changed, where the signature covers the payload hash alone",
    "rows that were cut off the end; a saved head shows it",
)
"""What a verification of such a chain passes and should not, for whoever relies on one."""

_NUMBER = struct.Struct(">Q")


class Encoding(StrEnum):
    """How a row is written down before it is hashed for the next row's link."""

    JOINED = "joined"
    PREFIXED = "length-prefixed"


@frozen
class PairwiseRow:
    """A row of a pairwise chain, in the order of its columns; v0.7 has no `cause_hash`."""

    id: str
    agent_id: str
    event_type: str
    payload_hash: bytes
    signature: bytes | None
    attest_level: str
    timestamp: str
    prev_hash: bytes | None
    sequence: int | None
    cause_hash: bytes | None = None


@frozen
class Links:
    """A run of rows, from `first` to `last` inclusive, whose links have one encoding."""

    first: int
    last: int
    encoding: Encoding


@frozen
class PairwiseVerification:
    """What a verification of a pairwise chain saw."""

    rows: int
    head: Head
    """
    Number of the last row, and the hash of its length-prefixed bytes.

    It stands for that row alone and says nothing about the rows before.
    """

    links: tuple[Links, ...]
    """Which rows are linked in which way; the first row has no link to tell by."""

    breaks: tuple[Break, ...]

    @property
    def holds(self) -> bool:
        """Say whether nothing was found, which is less than that nothing was done."""
        return not self.breaks


CAUSE = "cause_hash"
COLUMNS = tuple(name for name in PairwiseRow.__annotations__ if name != CAUSE)
"""The columns that every pairwise chain has."""


def pairwise_bytes(row: PairwiseRow) -> bytes:
    """Write down a row the way v0.7 did.  Not injective."""
    return SEPARATOR.join([*_fields(row), _number(row)])


def prefixed_bytes(row: PairwiseRow) -> bytes:
    """Write down a row the way v1.0 did: every field behind its length."""
    return behind_lengths(*_fields(row)) + _number(row) + _cause(row)


def pairwise_hash(row: PairwiseRow, encoding: Encoding = Encoding.JOINED) -> bytes:
    """Hash a row: what the next row keeps as `prev_hash`, in the given encoding."""
    written = pairwise_bytes if encoding is Encoding.JOINED else prefixed_bytes
    return sha256(written(row)).digest()


def verify_pairwise(
    connection: sqlite3.Connection,
    *,
    head: bytes | None = None,
    keys: Collection[bytes] = (),
    require_signatures: bool = False,
) -> PairwiseVerification:
    """
    Verify numbers, links and signatures of a pairwise chain, and report every break.

    `head` is the hash of a row that was once the last one, in either encoding.
    A signature covers the payload hash alone (v0.7) or the row (v1.0).  With
    `require_signatures` a row without one is a break; a row that claims a level
    other than unsigned always needs one.  Raises `WrongSchema` for a database
    without such a chain, and the errors of `from_sqlite_error`.
    """
    with translated("read the chain"):
        names = set(columns_of(connection, "signed_events"))
        if not names.issuperset(COLUMNS):
            raise WrongSchema(
                "the database has no pairwise chain: table signed_events lacks a column of v0.7"
            )
        if "row_hash" in names:
            raise WrongSchema(
                "the chain is a cumulative one, not of v0.7 or v1.0: verify it without --pairwise"
            )
        columns = [*COLUMNS, CAUSE] if CAUSE in names else COLUMNS
        walk = _Walk(head, keys, require_signatures)
        query = f"SELECT {', '.join(columns)} FROM signed_events ORDER BY sequence, rowid"
        with any_text(connection):
            for values in connection.execute(query):
                walk.visit(values)
    return walk.finish()


@define
class _Walk:
    """The state of one pass: what the next row must follow."""

    saved: bytes | None
    keys: Collection[bytes]
    require_signatures: bool
    sequence: int = 0
    joined: bytes = GENESIS.hash
    prefixed: bytes = GENESIS.hash
    rows: int = 0
    links: list[Links] = Factory(list)
    breaks: list[Break] = Factory(list)

    def visit(self, values: Sequence[Any]) -> None:
        """Look at the next row."""
        row = PairwiseRow(*values)
        self.rows += 1
        if row.sequence is None:
            self.breaks.append(Break(None, Kind.UNSEQUENCED, f"row {row.id!r}"))
            return
        try:
            joined, prefixed = (pairwise_hash(row, encoding) for encoding in Encoding)
        except (AttributeError, TypeError, ValueError, OverflowError, struct.error) as error:
            self.breaks.append(Break(None, Kind.MALFORMED, f"row {row.id!r}: {error}"))
            return
        self.breaks += self._place(row, row.sequence)
        self.breaks += self._signature(row, row.sequence)
        self.sequence, self.joined, self.prefixed = row.sequence, joined, prefixed
        if self.saved in (joined, prefixed):
            self.saved = None

    def finish(self) -> PairwiseVerification:
        """Report, now that there is no further row."""
        if self.saved is not None and self.saved != GENESIS.hash:
            detail = f"no row has the hash {self.saved.hex()}: the chain was cut or rewritten"
            self.breaks.append(Break(None, Kind.HEAD_MISSING, detail))
        head = Head(self.sequence, self.prefixed)
        return PairwiseVerification(self.rows, head, tuple(self.links), tuple(self.breaks))

    def _place(self, row: PairwiseRow, sequence: int) -> Iterator[Break]:
        """Check that a row comes next, and note how its link is made."""
        expected = self.sequence + 1
        if sequence > expected:
            yield Break(sequence, Kind.GAP, f"{expected} was expected")
        elif sequence < expected:
            yield Break(sequence, Kind.REPEATED, f"{expected} was expected")
        if self.joined == self.prefixed == GENESIS.hash:
            if row.prev_hash != GENESIS.hash:
                yield Break(sequence, Kind.UNLINKED, "the first row follows something")
        elif row.prev_hash == self.prefixed:
            self._note(sequence, Encoding.PREFIXED)
        elif row.prev_hash != self.joined:
            yield Break(sequence, Kind.UNLINKED, "prev_hash is not the hash of the row before")
        elif self.links and self.links[-1].encoding is Encoding.PREFIXED:
            yield Break(sequence, Kind.UNLINKED, "a joined link behind a length-prefixed one")
        else:
            self._note(sequence, Encoding.JOINED)

    def _note(self, sequence: int, encoding: Encoding) -> None:
        if self.links and self.links[-1].encoding is encoding:
            self.links[-1] = evolve(self.links[-1], last=sequence)
        else:
            self.links.append(Links(sequence, sequence, encoding))

    def _signature(self, row: PairwiseRow, sequence: int) -> Iterator[Break]:
        """Check that a row is signed by one of the keys, or may go without."""
        if row.signature is not None:
            if not any(_is_signed(row, key) for key in self.keys):
                kind = Kind.FORGED if self.keys else Kind.UNCHECKED
                yield Break(sequence, kind, "by none of the keys that were given")
        elif row.attest_level != AttestLevel.UNSIGNED:
            yield Break(sequence, Kind.UNSIGNED, f"at level {row.attest_level!r}")
        elif self.require_signatures:
            yield Break(sequence, Kind.UNSIGNED, "every row was asked to be signed")


def _is_signed(row: PairwiseRow, key: bytes) -> bool:
    """Say whether a key signed the payload hash, that and the cause, or the whole row."""
    assert row.signature is not None
    texts = (row.id, row.agent_id, row.event_type, row.attest_level, row.timestamp)
    whole = behind_lengths(*[text.encode() for text in texts]) + _number(row)
    whole += behind_lengths(row.payload_hash) + _cause(row)
    messages = [row.payload_hash, sha256(SIGNED_ROW_TAG + whole).digest()]
    if row.cause_hash is not None:
        messages[0] = sha256(row.payload_hash + SEPARATOR + row.cause_hash).digest()
    return any(signature_holds(key, row.signature, message) for message in messages)


def _fields(row: PairwiseRow) -> list[bytes]:
    """Return the seven fields in their order.  Raises for values of another type."""
    if not isinstance(row.signature, bytes | None):
        raise TypeError(f"signature is {row.signature!r}")
    return [
        row.id.encode(),
        row.agent_id.encode(),
        row.event_type.encode(),
        row.payload_hash,
        row.signature or b"",
        row.attest_level.encode(),
        row.timestamp.encode(),
    ]


def _number(row: PairwiseRow) -> bytes:
    return _NUMBER.pack(row.sequence)


def _cause(row: PairwiseRow) -> bytes:
    return b"\0" if row.cause_hash is None else b"\x01" + behind_lengths(row.cause_hash)
