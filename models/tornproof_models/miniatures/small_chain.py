"""
A small chain without a bug, written apart from the reference and from the contract.

It appends and verifies in about 180 lines.  Each miniature of `chain_miniatures` replaces one
of its methods.
"""

import itertools
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar

from attrs import frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from tornproof.errors import UnsequencedRow

SCHEMA = """
CREATE TABLE signed_events (id TEXT PRIMARY KEY, agent_id TEXT, event_type TEXT,
    payload_hash BLOB, signature BLOB, attest_level TEXT, timestamp TEXT, prev_hash BLOB,
    sequence INTEGER UNIQUE, payload BLOB, public_key BLOB, row_hash BLOB)
"""
TAG = b"tornproof/chain/row/v1"
ZEROS = bytes(32)
TEXTS = ("id", "agent_id", "event_type", "attest_level", "timestamp")
_NUMBERS = itertools.count()


@frozen
class Broken:
    """A break: where, and what."""

    sequence: int | None
    words: str

    def __str__(self) -> str:
        return self.words


def read_any_text(data: bytes) -> str:
    """Read text that may be none; encoding it again fails then."""
    return data.decode(errors="surrogateescape")


class SmallChain:
    """The correct twin."""

    name = "small-chain"
    breaks: ClassVar[frozenset[str]] = frozenset()
    """The requirements that it breaks."""

    lock = "BEGIN IMMEDIATE"

    def __init__(self) -> None:
        self.uri = f"file:/small-chain-{next(_NUMBERS)}?vfs=memdb"
        self.connection = self.connect()
        self.connection.execute(SCHEMA)
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(32))
        self.count = 0

    def connect(self) -> sqlite3.Connection:
        """Open another connection."""
        connection = sqlite3.connect(self.uri, uri=True, isolation_level=None, timeout=0)
        connection.text_factory = read_any_text
        return connection

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()

    # Appending

    def append(self, agent_id: str, event_type: str = "type", *, signed: bool = False) -> None:
        """Append a row in one transaction."""
        self.count += 1
        public_key = self.key.public_key().public_bytes_raw() if signed else None
        row: dict[str, Any] = {
            "id": f"id-{self.count}",
            "agent_id": agent_id,
            "event_type": event_type,
            "payload_hash": self.hash_payload(b"{}"),
            "attest_level": "self_signed" if signed else "unsigned",
            "timestamp": "2026-01-31T12:00:00Z",
            "payload": b"{}",
            "public_key": public_key,
        }
        self.connection.execute(self.lock)
        try:
            self.require_numbers()
            number, link = self.read_head()
            row |= {"sequence": number + 1, "prev_hash": link}
            row["signature"] = self.key.sign(self.signed_content(row)) if signed else None
            row["row_hash"] = self.hash(row)
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            statement = f"INSERT INTO signed_events ({names}) VALUES ({marks})"
            self.connection.execute(statement, tuple(row.values()))
            self.connection.execute("COMMIT")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise

    def require_numbers(self) -> None:
        """Refuse while a row has no number."""
        query = "SELECT count(*) FROM signed_events WHERE sequence IS NULL"
        if self.connection.execute(query).fetchone() != (0,):
            raise UnsequencedRow("a row has no number")

    def read_head(self) -> tuple[int, bytes]:
        """Read number and hash of the last row."""
        query = "SELECT sequence, row_hash FROM signed_events ORDER BY sequence DESC LIMIT 1"
        return self.connection.execute(query).fetchone() or (0, self.beginning())

    def beginning(self) -> bytes:
        """Return what the first row follows."""
        return ZEROS

    def hash_payload(self, payload: bytes) -> bytes:
        """Hash a payload."""
        return sha256(payload).digest()

    def content(self, row: Mapping[str, Any]) -> bytes:
        """Write down all of a row but its signature."""
        number = int(row["sequence"]).to_bytes(8, "big")
        texts = [str(row[name]).encode() for name in TEXTS]
        texts.insert(3, row["payload_hash"])
        return self.join([TAG, number, row["prev_hash"], *texts, row["public_key"] or b""])

    def join(self, fields: Sequence[bytes]) -> bytes:
        """Put each field behind its length."""
        return b"".join(len(field).to_bytes(8, "big") + field for field in fields)

    def signed_content(self, row: Mapping[str, Any]) -> bytes:
        """Return what a signature covers."""
        return self.content(row)

    def hash(self, row: Mapping[str, Any]) -> bytes:
        """Hash a row with its signature."""
        signature = row["signature"] or b""
        return sha256(self.content(row) + self.join([signature])).digest()

    def head(self) -> bytes:
        """Return the hash that stands for all rows."""
        return self.read_head()[1]

    # Verifying

    def verify(self, *, head: bytes | None = None, with_key: bool = False) -> Sequence[Broken]:
        """Look at every row, and at the head."""
        keys = {self.key.public_key().public_bytes_raw()} if with_key else set()
        return self.report(list(self.look(head, keys)))

    def report(self, found: list[Broken]) -> Sequence[Broken]:
        """Report every break."""
        return found

    def look(self, head: bytes | None, keys: set[bytes]) -> Iterator[Broken]:
        """Yield the breaks, in the order of the rows."""
        cursor = self.connection.execute("SELECT * FROM signed_events ORDER BY sequence, rowid")
        names = [column[0] for column in cursor.description]
        last, link, seen = 0, self.beginning(), {ZEROS}
        for columns in cursor.fetchall():
            row = dict(zip(names, columns, strict=True))
            number = row["sequence"]
            if not isinstance(number, int):
                yield Broken(None, "a row without a number")
                continue
            if number != last + 1 or row["prev_hash"] != link:
                yield Broken(number, f"row {number} does not follow row {last}")
            try:
                yield from self.look_into(row, keys)
            except (TypeError, ValueError, AttributeError) as error:
                yield Broken(number, f"row {number} is malformed: {error}")
            last, link = number, row["row_hash"]
            seen.add(link)
        if head is not None and not self.has_head(head, seen):
            yield Broken(None, "the saved head is missing")

    def has_head(self, head: bytes, seen: set[bytes]) -> bool:
        """Say whether the chain still goes through a saved head."""
        return head in seen

    def look_into(self, row: Mapping[str, Any], keys: set[bytes]) -> Iterator[Broken]:
        """Check a row against its own hashes and its signature."""
        number = row["sequence"]
        if self.hash(row) != row["row_hash"]:
            yield Broken(number, f"row {number} does not have its hash")
        if self.hash_payload(row["payload"]) != row["payload_hash"]:
            yield Broken(number, f"the payload of row {number} does not have its hash")
        if (row["attest_level"] == "unsigned") != (row["signature"] is None):
            yield Broken(number, f"row {number} is signed and says it is not, or the other way")
        if row["signature"] is not None:
            yield from self.look_at_signature(row, keys)

    def look_at_signature(self, row: Mapping[str, Any], keys: set[bytes]) -> Iterator[Broken]:
        """Check a signature with a key that is trusted."""
        number = row["sequence"]
        if row["public_key"] not in keys:
            yield Broken(number, f"the key of row {number} was not given")
            return
        try:
            key = Ed25519PublicKey.from_public_bytes(row["public_key"])
            key.verify(row["signature"], self.signed_content(row))
        except InvalidSignature:
            yield Broken(number, f"the signature of row {number} is wrong")
