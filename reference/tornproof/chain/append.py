"""
Append to the chain.

Appending reads the head and inserts the next row, in one transaction that holds the write
lock from its beginning (CHN-8).  Each step is a function, because a caller such as the drainer
does more in the same transaction.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

from tornproof.chain.database import immediate, translated
from tornproof.chain.dialect import Connection
from tornproof.chain.row import COLUMNS, GENESIS, AttestLevel, Entry, Head, content, row_hash
from tornproof.errors import UnsequencedRow

_INSERT = f"INSERT INTO signed_events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Signer(Protocol):
    """Signs rows; `Ed25519Signer` is one."""

    attest_level: AttestLevel
    public_key: bytes

    def sign(self, content: bytes) -> bytes:
        """Return a signature of a row's content."""
        ...


def append(
    connection: Connection, entries: Iterable[Entry], *, signer: Signer | None = None
) -> Head:
    """
    Append entries in one transaction and return the new head.

    Raises `UnsequencedRow`, `Busy`, `NoSpace` and the other errors of `translated`.
    After one that is not definite the entries may be there, all of them or none.
    """
    with translated("append to the chain"), immediate(connection):
        head = read_head(connection)
        for entry in entries:
            head = insert(connection, head, entry, signer=signer)
    return head


def read_head(connection: Connection) -> Head:
    """
    Read the last row's number and hash.

    Raises `UnsequencedRow` while any row has no number: what the next one
    would be is then a guess.
    """
    last = connection.execute(
        "SELECT sequence, row_hash FROM signed_events ORDER BY sequence DESC NULLS LAST LIMIT 1"
    ).fetchone()
    if last is None:
        return GENESIS
    unplaced = connection.execute(
        "SELECT id FROM signed_events WHERE sequence IS NULL LIMIT 1"
    ).fetchone()
    if unplaced is not None:
        raise UnsequencedRow(
            f"row {unplaced[0]!r} of the chain has no sequence, so nothing is appended: find out "
            "who wrote it and number or remove it"
        )
    return Head(*last)


def insert(
    connection: Connection, head: Head, entry: Entry, *, signer: Signer | None = None
) -> Head:
    """
    Insert one entry behind `head`, inside the caller's transaction, and return the next head.

    Raises `sqlite3.IntegrityError`, or `ServerError`, if its number or its id is taken.
    """
    # place
    sequence = head.sequence + 1
    level = signer.attest_level if signer else AttestLevel.UNSIGNED
    key = signer.public_key if signer else None
    payload_hash = sha256(entry.payload).digest()

    # seal
    covered = content(
        sequence,
        head.hash,
        entry.id,
        entry.agent_id,
        entry.event_type,
        payload_hash,
        level,
        entry.timestamp,
        key,
    )
    signature = signer.sign(covered) if signer else None
    sealed = row_hash(covered, signature)

    # write
    connection.execute(
        _INSERT,
        (
            entry.id,
            entry.agent_id,
            entry.event_type,
            payload_hash,
            signature,
            level,
            entry.timestamp,
            head.hash,
            sequence,
            entry.payload,
            key,
            sealed,
        ),
    )
    return Head(sequence, sealed)
