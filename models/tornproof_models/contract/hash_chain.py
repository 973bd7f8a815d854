"""
The contract of the rows of a chain, computed in a second, plain way.

The bytes are those of the specification's chapter on chains, written a second time:
field by field, each behind its length, with nothing of the implementation's.  Whoever
judges a chain computes what each row should be, and whoever tampers with one
computes what a clever forger would.

The rows of v0.7 and v1.0 are here as well.  Each keeps the hash of the one before
alone, whose fields are joined with a separator or stand behind their lengths.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from attrs import evolve, frozen

from tornproof_models.contract.journal import Violation

FINDS_NOTHING = "the verification finds nothing of what was changed"
WRITES = "the verification writes to what it verifies"
"""Causes that break several requirements."""

JUDGES = frozenset({"CHN-1", "CHN-2", "CHN-3", "CHN-4", "EVT-3"})
"""The requirements that the rows of a chain can violate."""

TAG = b"tornproof/chain/row/v1"
GENESIS = bytes(32)
SEPARATOR = b"\x1f"


@frozen
class Row:
    """A row, in the order of the table's columns."""

    id: str
    agent_id: str
    event_type: str
    payload_hash: bytes
    signature: bytes | None
    attest_level: str
    timestamp: str
    prev_hash: bytes
    sequence: int
    payload: bytes
    public_key: bytes | None
    row_hash: bytes


COLUMNS = tuple(Row.__annotations__)
"""The columns that a chain has to have; a table may have more."""


def content_of(row: Row) -> bytes:
    """Write down everything about a row but its signature: what a signature covers."""
    return b"".join(
        len(field).to_bytes(8, "big") + field
        for field in (
            TAG,
            row.sequence.to_bytes(8, "big"),
            row.prev_hash,
            row.id.encode(),
            row.agent_id.encode(),
            row.event_type.encode(),
            row.payload_hash,
            row.attest_level.encode(),
            row.timestamp.encode(),
            row.public_key or b"",
        )
    )


def hash_of(row: Row) -> bytes:
    """Work out the hash of a row."""
    signature = row.signature or b""
    return sha256(content_of(row) + len(signature).to_bytes(8, "big") + signature).digest()


def sealed(row: Row) -> Row:
    """Give a row the hash that it should have: what a forger does, too."""
    return evolve(row, row_hash=hash_of(row))


def row_after(last: Row | None, event_id: str, agent_id: str, payload: bytes) -> Row:
    """Make the row that follows another, or the first one, as somebody else would append it."""
    return sealed(
        Row(
            id=event_id,
            agent_id=agent_id,
            event_type="sibling",
            payload_hash=sha256(payload).digest(),
            signature=None,
            attest_level="unsigned",
            timestamp="2026-01-31T12:00:00.000000000Z",
            prev_hash=last.row_hash if last else GENESIS,
            sequence=last.sequence + 1 if last else 1,
            payload=payload,
            public_key=None,
            row_hash=b"",
        )
    )


def judge_rows(rows: Sequence[Row]) -> Iterator[Violation]:
    """Say what is wrong with the rows of a chain that nobody has touched."""
    last: Row | None = None
    for expected, row in enumerate(rows, start=1):
        if row.sequence != expected:
            yield Violation("CHN-1", f"row {expected} has the number {row.sequence}")
        if last is None and row.prev_hash != GENESIS:
            yield Violation("CHN-2", f"row 1 follows {row.prev_hash.hex()}, and not 32 zero bytes")
        if last is not None and row.prev_hash != last.row_hash:
            yield Violation("CHN-3", f"row {expected} does not keep the hash of the row before")
        if row.payload_hash != sha256(row.payload).digest():
            yield Violation("EVT-3", f"the payload of row {expected} does not have its hash")
        if row.row_hash != hash_of(row):
            message = f"the hash of row {expected} is not that of its fields behind their lengths"
            yield Violation("CHN-4", message)
        last = row


# Dead letters


LETTER_TAG = b"tornproof/drainer/dead-letter/v1"


def dead_letter_content(
    event_id: str,
    agent_id: str,
    event_type: str,
    payload_hash: bytes,
    *rest: str,
) -> bytes:
    """Work out what a signature covers; the rest is level, timestamp, reason and failed_at."""
    fields = [each.encode() for each in (event_id, agent_id, event_type)]
    fields = [LETTER_TAG, *fields, payload_hash, *[each.encode() for each in rest]]
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


# The rows of v0.7 and v1.0


@frozen
class PairwiseRow:
    """A row of a pairwise chain, in the order of the table's columns."""

    id: str
    agent_id: str
    event_type: str
    payload_hash: bytes
    signature: bytes | None
    attest_level: str
    timestamp: str
    prev_hash: bytes
    sequence: int | None
    cause_hash: bytes | None = None
    """Of v1.0 alone, and seldom there."""


def pairwise_hash(row: PairwiseRow) -> bytes:
    """Work out what the next row keeps of a row of v0.7."""
    fields = (
        row.id.encode(),
        row.agent_id.encode(),
        row.event_type.encode(),
        row.payload_hash,
        row.signature or b"",
        row.attest_level.encode(),
        row.timestamp.encode(),
        (row.sequence or 0).to_bytes(8, "big"),
    )
    return sha256(SEPARATOR.join(fields)).digest()


def later_pairwise_hash(row: PairwiseRow) -> bytes:
    """Work out what the next row keeps of a row of v1.0."""
    fields = (
        row.id.encode(),
        row.agent_id.encode(),
        row.event_type.encode(),
        row.payload_hash,
        row.signature or b"",
        row.attest_level.encode(),
        row.timestamp.encode(),
    )
    return sha256(_behind_lengths(*fields) + _number_and_cause(row)).digest()


def later_signed(row: PairwiseRow) -> bytes:
    """Work out what v1.0 signs of a row as a whole."""
    texts = (row.id, row.agent_id, row.event_type, row.attest_level, row.timestamp)
    number, cause = _number_and_cause(row)[:8], _number_and_cause(row)[8:]
    written = _behind_lengths(*(text.encode() for text in texts)) + number
    written += _behind_lengths(row.payload_hash) + cause
    return sha256(b"ai-memory/signed-events/row-v1\0" + written).digest()


def _behind_lengths(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def _number_and_cause(row: PairwiseRow) -> bytes:
    number = (row.sequence or 0).to_bytes(8, "big")
    cause = b"\0" if row.cause_hash is None else b"\1" + _behind_lengths(row.cause_hash)
    return number + cause


def later_chain(rows: int, joined: int = 0) -> list[PairwiseRow]:
    """Make a chain that holds, as v1.0 leaves it; so many rows before its own are of v0.7."""
    chain = pairwise_chain(max(joined, 1))
    for number in range(len(chain) + 1, rows + 1):
        digest = sha256(b"payload %d" % number).digest()
        link = later_pairwise_hash(chain[-1])
        last = evolve(chain[-1], id=f"id-{number}", payload_hash=digest)
        chain.append(evolve(last, prev_hash=link, sequence=number))
    return chain


def pairwise_chain(rows: int) -> list[PairwiseRow]:
    """Make a chain of v0.7 that holds."""
    chain: list[PairwiseRow] = []
    for number in range(1, rows + 1):
        link = pairwise_hash(chain[-1]) if chain else GENESIS
        digest = sha256(b"payload %d" % number).digest()
        row = (f"id-{number}", "agent", "type", digest, None, "unsigned", "2026", link, number)
        chain.append(PairwiseRow(*row))
    return chain
