"""
A small chain that is right, and chains that are wrong, each in one way.

The twin appends and verifies in some eighty lines, written apart from the reference
and from the contract.  Each miniature replaces one of its methods.
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
        return sqlite3.connect(self.uri, uri=True, isolation_level=None, timeout=0)

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


# Rows that are wrong


class AppendsBehindAnUnnumberedRow(SmallChain):
    """
    Appends while a row has no number.

    Source: ai-memory 0.7 took such a row for number 0 before it refused it.
    """

    name = "appends-behind-an-unnumbered-row"
    breaks = frozenset({"CHN-1"})

    def require_numbers(self) -> None:
        """Do not ask."""


class BeginsWithOnes(SmallChain):
    """
    Lets its first row follow something other than zeros.

    Source: of this project; a chain whose beginning looks like any other place.
    """

    name = "begins-with-ones"
    breaks = frozenset({"CHN-2"})

    def beginning(self) -> bytes:
        """Return ones."""
        return b"\x01" * 32


class LinksNothing(SmallChain):
    """
    Keeps the beginning in every row as what it follows.

    Source: hole H9 of the v0.7 queue, whose links reach back one row.
    """

    name = "links-nothing"
    breaks = frozenset({"CHN-3", "CHN-5"})

    def content(self, row: Mapping[str, Any]) -> bytes:
        """Leave the link out of what is hashed."""
        return super().content({**row, "prev_hash": ZEROS})


class JoinsWithASeparator(SmallChain):
    """
    Joins the fields of a row with 0x1F.

    Agent `a␟b`, type `c` and agent `a`, type `b␟c` → one hash.
    Source: hole H8 of the v0.7 queue.
    """

    name = "joins-with-a-separator"
    breaks = frozenset({"CHN-4"})

    def join(self, fields: Sequence[bytes]) -> bytes:
        """Put a separator between them."""
        return b"\x1f".join(fields)


class LeavesOutTheTag(SmallChain):
    """
    Hashes a row without saying that it is one.

    Source: of this project; CVE-2012-2459 is what missing domain separation led to in Bitcoin.
    """

    name = "leaves-out-the-tag"
    breaks = frozenset({"CHN-4"})

    def content(self, row: Mapping[str, Any]) -> bytes:
        """Cut the tag off."""
        return super().content(row)[8 + len(TAG) :]


# Verifications that are wrong


class IgnoresTheHead(SmallChain):
    """
    Verifies the rows that are there.

    Source: of this project; a chain that was cut is a shorter chain.
    """

    name = "ignores-the-head"
    breaks = frozenset({"CHN-5"})

    def has_head(self, head: bytes, seen: set[bytes]) -> bool:
        """Find it everywhere."""
        del head, seen
        return True


class TrustsThePayloadHash(SmallChain):
    """
    Verifies the hashes of rows and not those of payloads.

    Source: of this project; the evidence itself can be exchanged.
    """

    name = "trusts-the-payload-hash"
    breaks = frozenset({"CHN-5"})

    def look_into(self, row: Mapping[str, Any], keys: set[bytes]) -> Iterator[Broken]:
        """Take the hash from the row."""
        for found in super().look_into(row, keys):
            if "payload" not in found.words:
                yield found


class StopsAtTheFirstBreak(SmallChain):
    """
    Reports one break.

    Source: the v0.7 verification names the first.
    """

    name = "stops-at-the-first-break"
    breaks = frozenset({"CHN-6"})

    def report(self, found: list[Broken]) -> Sequence[Broken]:
        """Report the first."""
        return found[:1]


class TrustsAnyKey(SmallChain):
    """
    Checks a signature with the key that the row names.

    Source: the `alg: none` and embedded-key faults of JSON Web Token libraries (2015).
    """

    name = "trusts-any-key"
    breaks = frozenset({"CHN-7"})

    def look_at_signature(self, row: Mapping[str, Any], keys: set[bytes]) -> Iterator[Broken]:
        """Trust it."""
        return super().look_at_signature(row, keys | {row["public_key"]})


class SignsThePayloadAlone(SmallChain):
    """
    Signs the hash of the payload.

    A signature is moved to another row, or the row around it is changed → it still holds.
    Source: the v0.7 queue.
    """

    name = "signs-the-payload-alone"
    breaks = frozenset({"CHN-7"})

    def signed_content(self, row: Mapping[str, Any]) -> bytes:
        """Leave the rest out."""
        return bytes(row["payload_hash"])


class LocksLate(SmallChain):
    """
    Reads the head before it has the write lock.

    Source: SQLite's documentation of deferred transactions, which answer BUSY then.
    """

    name = "locks-late"
    breaks = frozenset({"CHN-8"})
    lock = "BEGIN"


MINIATURES: Mapping[str, type[SmallChain]] = {
    kind.name: kind
    for kind in (
        AppendsBehindAnUnnumberedRow,
        BeginsWithOnes,
        LinksNothing,
        JoinsWithASeparator,
        LeavesOutTheTag,
        IgnoresTheHead,
        TrustsThePayloadHash,
        StopsAtTheFirstBreak,
        TrustsAnyKey,
        SignsThePayloadAlone,
        LocksLate,
    )
}
"""Chains that are wrong, by name."""
