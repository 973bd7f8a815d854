"""
The v0.7 chain, to read and verify (CHN-9).

Its rows are linked in pairs: each keeps the hash of the row before, but that
hash covers neither *its* link nor anything earlier.

    bytes = id ␟ agent_id ␟ event_type ␟ payload_hash ␟ signature ␟ attest_level ␟ timestamp
              ␟ sequence (8 bytes, big-endian)            ␟ = 0x1F
    prev_hash of a row = SHA-256(bytes of the row before)

Verifying such a chain is better than not verifying it, and two things pass
that should not.  Fields that contain the separator can be shifted into one
another (hole H8).  And a row can be rewritten if the one link behind it is
repaired, while the head and every other row stay as they were (hole H9).
"""

import sqlite3
from collections.abc import Collection, Iterator
from hashlib import sha256

from attrs import frozen

from tornproof.chain.database import translated
from tornproof.chain.row import GENESIS, Head
from tornproof.chain.signatures import signature_holds
from tornproof.chain.verify import Break, Kind
from tornproof.errors import WrongSchema

SEPARATOR = b"\x1f"

BLIND_SPOTS = (
    "fields that contain the separator, shifted into one another (H8)",
    "a row that was rewritten, with the one link behind it repaired (H9)",
)
"""What a verification of such a chain passes and should not, for whoever relies on one."""


@frozen
class PairwiseRow:
    """A row of the v0.7 chain, in the order of its columns."""

    id: str
    agent_id: str
    event_type: str
    payload_hash: bytes
    signature: bytes | None
    attest_level: str
    timestamp: str
    prev_hash: bytes | None
    sequence: int | None


@frozen
class PairwiseVerification:
    """What a verification of the v0.7 chain saw."""

    rows: int
    head: bytes
    """Hash of the last row's bytes.  It says nothing about the rows before."""

    breaks: tuple[Break, ...]

    @property
    def holds(self) -> bool:
        """Say whether nothing was found, which is less than that nothing was done."""
        return not self.breaks


COLUMNS = tuple(PairwiseRow.__annotations__)


def pairwise_bytes(row: PairwiseRow) -> bytes:
    """Write down a row the way v0.7 did.  Not injective."""
    return SEPARATOR.join(
        [
            row.id.encode(),
            row.agent_id.encode(),
            row.event_type.encode(),
            row.payload_hash,
            row.signature or b"",
            row.attest_level.encode(),
            row.timestamp.encode(),
            (row.sequence or 0).to_bytes(8, "big"),
        ]
    )


def pairwise_hash(row: PairwiseRow) -> bytes:
    """Hash a row the way v0.7 did: what the next row keeps as `prev_hash`."""
    return sha256(pairwise_bytes(row)).digest()


def verify_pairwise(
    connection: sqlite3.Connection, *, keys: Collection[bytes] = ()
) -> PairwiseVerification:
    """
    Verify numbers, links and signatures of a v0.7 chain, and report every break.

    A signature there covers the payload hash alone.  Raises `WrongSchema` for a
    database without such a chain, and the errors of `from_sqlite_error`.
    """
    with translated("read the chain"):
        names = {row[1] for row in connection.execute("PRAGMA table_info(signed_events)")}
        if not names.issuperset(COLUMNS):
            raise WrongSchema("the database has no v0.7 chain: table signed_events is not like it")
        query = f"SELECT {', '.join(COLUMNS)} FROM signed_events ORDER BY sequence, rowid"
        rows, last, breaks = 0, GENESIS, list[Break]()
        for row in (PairwiseRow(*columns) for columns in connection.execute(query)):
            rows += 1
            try:
                own = pairwise_hash(row)
            except (AttributeError, TypeError, ValueError, OverflowError) as error:
                breaks.append(Break(None, Kind.MALFORMED, f"row {row.id!r}: {error}"))
                continue
            if row.sequence is None:
                breaks.append(Break(None, Kind.UNSEQUENCED, f"row {row.id!r}"))
                continue
            breaks += _look(row, row.sequence, last, keys)
            last = Head(row.sequence, own)
    return PairwiseVerification(rows, last.hash, tuple(breaks))


def _look(row: PairwiseRow, sequence: int, last: Head, keys: Collection[bytes]) -> Iterator[Break]:
    """Check one row against the one before."""
    if sequence != last.sequence + 1:
        yield Break(sequence, Kind.GAP, f"{last.sequence + 1} was expected")
    if row.prev_hash != last.hash:
        yield Break(sequence, Kind.UNLINKED, "prev_hash is not the hash of the row before")
    if row.signature is not None and not any(
        signature_holds(key, row.signature, row.payload_hash) for key in keys
    ):
        kind = Kind.FORGED if keys else Kind.UNCHECKED
        yield Break(sequence, kind, "by none of the keys that were given")
