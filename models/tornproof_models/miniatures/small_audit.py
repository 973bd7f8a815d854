"""
A small audit store and a small indexer, both right.

They pass whatever judges them, and they are put together from small steps, so
that a subclass can get exactly one of them wrong (the other modules named `audit_…`).

Nothing here shares code with the reference.  Audits are plain mappings, records
are CBOR, and the store below has three methods.
"""

from collections.abc import Iterator, Mapping, Sequence
from ctypes import c_float
from math import isfinite
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import cbor2
from tornproof.errors import Conflict, Corrupt, Invalid

from tornproof_models.miniatures.audit_checks import AUDIT, has_fields

Audit: TypeAlias = Mapping[str, Any]
Batch: TypeAlias = dict[bytes, bytes | None]

RECORDS, AGENTS, TIMES = b"\x00AUD:", b"\x00AUDA:", b"\x00AUDT:"
POSITION = b"\x00AUDP"
VERSION = 1
FIELDS = {
    "query_id",
    "agent_id",
    "timestamp",
    "params",
    "result_hash",
    "result_confidence",
    "contributing_assertions",
}
FRAME_HEADER_BYTES = 40


class Store(Protocol):
    """The part of an ordered key-value store that is needed here."""

    def get(self, key: bytes) -> bytes | None:
        """Return a value, or none."""
        ...

    def write(
        self, changes: Mapping[bytes, bytes | None], *, expected: Mapping[bytes, bytes | None] = ...
    ) -> bool:
        """Make all changes or none; false if a key does not hold what is expected."""
        ...

    def keys(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        """Yield the keys of a half-open range."""
        ...


class Source(Protocol):
    """The part of a journal that is needed here."""

    def scan(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Yield offset and payload of each record from the one at `start`."""
        ...


class Entry(NamedTuple):
    """What an index key says."""

    timestamp: int
    query_id: bytes


class SmallAuditStore:
    """Right in every step."""

    breaks: ClassVar[frozenset[str]] = frozenset()
    """Requirements, one of which the judge names when it convicts."""

    def __init__(self, store: Store) -> None:
        self.store = store

    # Operations

    def put(self, audit: Audit) -> bytes:
        """Store an audit, once."""
        self.check_audit(audit)
        audit = self.rounded(audit)
        first, *rest = self.batches(audit)
        record_key = RECORDS + audit["query_id"]
        if self.store.write(first, expected={record_key: None}):
            for batch in rest:
                self.store.write(batch)
        else:
            self.found_again(self.store.get(record_key), audit)
        return bytes(audit["query_id"])

    def get(self, query_id: bytes) -> Audit | None:
        """Return the audit of an id, or none."""
        self.check_identifier(query_id)
        record = self.store.get(RECORDS + query_id)
        return None if record is None else self.decode(record)

    def by_agent(
        self, agent_id: bytes, earliest: int = 0, latest: int | None = None, *, limit: int
    ) -> list[Audit]:
        """Return the audits of an agent between two timestamps."""
        self.check_identifier(agent_id)
        self.check_number(earliest)
        self.check_number(limit)
        start, end = self.bounds(agent_id, earliest, latest)
        entries = [self.entry(key) for key in self.store.keys(start, end)]
        return [self.audit(entry) for entry in self.cut(entries, limit)]

    def recent(self, limit: int) -> list[Audit]:
        """Return the most recent audits."""
        self.check_number(limit)
        found = sorted(self.newest(limit), key=self.rank)
        return [self.audit(entry) for entry in self.cut(found, limit)]

    def has(self, agent_id: bytes) -> bool:
        """Say whether an agent has audits."""
        self.check_identifier(agent_id)
        prefix = self.agent_prefix(agent_id)
        return any(True for _ in self.store.keys(prefix, self.after(prefix)))

    def keys(self) -> Iterator[bytes]:
        """Yield every key."""
        for prefix in (RECORDS, AGENTS, TIMES):
            yield from self.store.keys(prefix, self.after(prefix))

    # Steps: what is written

    def rounded(self, audit: Audit) -> Audit:
        """Round its numbers to 32 bits, and make negative zero zero."""
        return {
            **audit,
            "result_confidence": c_float(audit["result_confidence"]).value + 0.0,
            "contributing_assertions": [
                {**each, "weight": c_float(each["weight"]).value + 0.0}
                for each in audit["contributing_assertions"]
            ],
        }

    def batches(self, audit: Audit) -> list[Batch]:
        """Return what to write, in order; each batch is atomic."""
        return [{**self.record_entry(audit), **self.index_entries(audit)}]

    def record_entry(self, audit: Audit) -> Batch:
        """Return the record under its key."""
        return {RECORDS + audit["query_id"]: self.encode(audit)}

    def index_entries(self, audit: Audit) -> Batch:
        """Return the empty entries of both indexes."""
        moment = self.moment(audit["timestamp"]) + b":" + audit["query_id"]
        entries: Batch = {TIMES + moment: b""}
        if (agent := self.indexed_agent(audit)) is not None:
            entries[self.agent_prefix(agent) + moment] = b""
        return entries

    def indexed_agent(self, audit: Audit) -> bytes | None:
        """Return the agent under whom to enter an audit."""
        agent: bytes | None = audit["agent_id"]
        return agent

    def found_again(self, stored: bytes | None, audit: Audit) -> None:
        """Decide about an id that is there already."""
        if stored != self.encode(audit):
            raise Conflict(f"audit {audit['query_id'].hex()} is stored with other content")

    def encode(self, audit: Audit) -> bytes:
        """Write a record."""
        return cbor2.dumps({"version": VERSION, **audit}, canonical=True)

    def decode(self, record: bytes) -> Audit:
        """Read a record; it is one only if writing what it says gives the same bytes."""
        try:
            content: dict[str, Any] = cbor2.loads(record)
            if content.pop("version") > VERSION:
                raise Invalid("a newer version wrote this record")
            numbers = [content["result_confidence"]]
            numbers += [each["weight"] for each in content["contributing_assertions"]]
            is_whole = content.keys() == FIELDS and len(content["query_id"]) == 32
            if is_whole and all(map(self.is_plain, numbers)) and self.encode(content) == record:
                return content
        except (cbor2.CBORDecodeError, AttributeError, KeyError, TypeError) as error:
            raise Corrupt(f"no record: {error}") from error
        raise Corrupt("the record is not in the one form that its audit has")

    def is_plain(self, number: float) -> bool:
        """Tell whether a number is finite, fits 32 bits and is no negative zero."""
        return isfinite(number) and c_float(number).value == number and str(number) != "-0.0"

    def moment(self, timestamp: int) -> bytes:
        """Write a timestamp into a key."""
        return timestamp.to_bytes(8, "big")

    # Steps: what is read

    def agent_prefix(self, agent_id: bytes) -> bytes:
        """Return what the keys of an agent begin with."""
        return AGENTS + agent_id + b":"

    def after(self, prefix: bytes) -> bytes:
        """Return the end of the range of a prefix that ends with a colon."""
        return prefix[:-1] + b";"

    def bounds(self, agent_id: bytes, earliest: int, latest: int | None) -> tuple[bytes, bytes]:
        """Return the range of keys between two timestamps."""
        prefix = self.agent_prefix(agent_id)
        return prefix + self.moment(earliest), self.upper_bound(prefix, latest)

    def upper_bound(self, prefix: bytes, latest: int | None) -> bytes:
        """Return the end of that range."""
        return self.after(prefix) if latest is None else prefix + self.moment(latest) + b";"

    def entry(self, key: bytes) -> Entry:
        """Take an index key apart."""
        return Entry(int.from_bytes(key[-41:-33], "big"), key[-32:])

    def newest(self, limit: int) -> list[Entry]:
        """Read enough of the time index, backwards, to hold the answer and all its ties."""
        found: list[Entry] = []
        for key in self.store.keys(TIMES, self.after(TIMES), reverse=True):
            entry = self.entry(key)
            if len(found) >= limit and (not found or entry.timestamp < found[-1].timestamp):
                break
            found.append(entry)
        return found

    def rank(self, entry: Entry) -> tuple[Any, ...]:
        """Return what the most recent are sorted by."""
        return (-entry.timestamp, entry.query_id)

    def cut(self, entries: Sequence[Entry], limit: int) -> Sequence[Entry]:
        """Keep no more than the limit."""
        return entries[:limit]

    def audit(self, entry: Entry) -> Audit:
        """Read the record that an index entry promises."""
        record = self.store.get(RECORDS + entry.query_id)
        if record is None:
            raise Corrupt(f"audit {entry.query_id.hex()} is in an index and has no record")
        return self.decode(record)

    # Steps: what is refused

    def check_audit(self, audit: Audit) -> None:
        """Refuse what is no audit."""
        if not has_fields(audit, AUDIT):
            raise Invalid("a field lacks, is too many, or holds what it cannot")

    def check_identifier(self, identifier: bytes) -> None:
        """Refuse an id that has not 32 bytes."""
        if len(identifier) != 32:
            raise Invalid(f"an id has 32 bytes, not {len(identifier)}")

    def check_number(self, number: int) -> None:
        """Refuse a timestamp or limit that does not fit."""
        if not 0 <= number < 2**64:
            raise Invalid(f"{number} does not fit 64 bits without a sign")


class SmallIndexer:
    """Right in every step: the position is written with what it reflects."""

    breaks: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, store: Store, source: Source) -> None:
        self.store = store
        self.source = source
        self.audits = SmallAuditStore(store)

    def catch_up(self) -> int:
        """Apply every record, and return the position reached."""
        for offset, payload in self.source.scan(self.position()):
            try:
                audit = self.audits.decode(payload)
            except (Corrupt, Invalid) as error:
                self.cannot_read(offset, error)
                continue
            for batch in self.batches(audit, offset + FRAME_HEADER_BYTES + len(payload)):
                self.store.write(batch)
        return self.position()

    def position(self) -> int:
        """Return where the index stands."""
        return int.from_bytes(self.store.get(POSITION) or b"", "big")

    # Steps

    def batches(self, audit: Audit, end: int) -> list[Batch]:
        """Return what to write, in order; each batch is atomic."""
        return [{**self.entries(audit), **self.position_entry(end)}]

    def entries(self, audit: Audit) -> Batch:
        """Return the entries of an audit, or none if it is there already."""
        stored = self.store.get(RECORDS + audit["query_id"])
        if stored is not None:
            self.audits.found_again(stored, audit)
            return {}
        (entries,) = self.audits.batches(audit)
        return entries

    def position_entry(self, end: int) -> Batch:
        """Return the entry that says where the index stands."""
        return {POSITION: end.to_bytes(8, "big")}

    def cannot_read(self, offset: int, error: Exception) -> None:
        """Decide about a record that is no audit."""
        raise Corrupt(f"offset {offset}: {error}")
