"""
Store audits, and query them.

An audit is stored as one batch of three entries: the record under its query id,
an empty value in the index of its agent, if it has one, and an empty value in
the index of time.  The batch is atomic, so no crash leaves a record that no
query finds, or an index entry that leads nowhere (AUD-10).

It is also guarded: it is written only if the record's key is still absent.  Two
processes that put the same id at the same time cannot overwrite each other; the
second finds the first's record, and either agrees with it or says that it does
not (AUD-11).
"""

import sys
from collections.abc import Iterator
from itertools import islice

from tornproof.audit.encoding import decode, encode
from tornproof.audit.query import QueryAudit
from tornproof.errors import Conflict, Corrupt, NewerVersion
from tornproof.keys import (
    AGENT_PREFIX,
    MAX_TIMESTAMP,
    RECORD_PREFIX,
    TIME_PREFIX,
    agent_key,
    agent_range,
    entry_from,
    prefix_range,
    record_key,
    require_identifier,
    require_unsigned,
    time_key,
    time_range,
)
from tornproof.kv import KeyValueStore


class AuditStore:
    """
    Audits in a key-value store.

    Every method raises `Invalid` for an argument that does not fit, and what
    the store below raises.  Queries that read records raise `Corrupt` where the
    index and the records disagree.
    """

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    def put(self, audit: QueryAudit) -> bytes:
        """
        Store an audit and return its query id.

        Putting it again changes nothing.  Raises `Conflict` if another audit
        has the same id; that one stays.
        """
        entries = entries_of(audit)
        key = record_key(audit.query_id)
        if not self._store.write(entries, expected={key: None}):
            require_same(self._store.get(key), entries[key], audit.query_id)
        return audit.query_id

    def get(self, query_id: bytes) -> QueryAudit | None:
        """Return the audit of that id, or none (AUD-3, AUD-4)."""
        require_identifier(query_id, "query_id")
        record = self._store.get(record_key(query_id))
        return None if record is None else _decoded(query_id, record)

    def by_agent(
        self, agent_id: bytes, earliest: int = 0, latest: int | None = None, *, limit: int
    ) -> list[QueryAudit]:
        """
        Return the first `limit` audits of an agent between two timestamps, both inclusive.

        Oldest first, and by id where timestamps are equal (AUD-5).  Without
        `latest` there is no upper bound (AUD-6).
        """
        # validate
        require_identifier(agent_id, "agent_id")
        require_unsigned(earliest, "earliest")
        latest = MAX_TIMESTAMP if latest is None else require_unsigned(latest, "latest")
        count = _require_limit(limit)

        # scan
        keys = self._store.keys(*agent_range(agent_id, earliest, latest))
        return [self._audit(entry_from(key).query_id) for key in islice(keys, count)]

    def recent(self, limit: int) -> list[QueryAudit]:
        """
        Return the last `limit` audits of all agents and of none.

        Newest first, and by id, ascending, where timestamps are equal (AUD-7).
        Reads about as many keys as it returns (AUD-12).
        """
        count = _require_limit(limit)
        keys = islice(self._store.keys(*time_range(), reverse=True), count)
        newest = [entry_from(key) for key in keys]
        if not newest:
            return []

        # Reading backwards found every audit above the oldest timestamp reached.
        # Of those at that timestamp it found the highest ids: look for the lowest.
        oldest = newest[-1].timestamp
        above = [entry for entry in newest if entry.timestamp > oldest]
        above.sort(key=lambda entry: (-entry.timestamp, entry.query_id))
        tied = self._store.keys(*time_range(oldest, oldest))
        ties = [entry_from(key) for key in islice(tied, count - len(above))]
        return [self._audit(entry.query_id) for entry in above + ties]

    def has(self, agent_id: bytes) -> bool:
        """Say whether an agent has any audit (AUD-8)."""
        require_identifier(agent_id, "agent_id")
        return any(True for _ in self._store.keys(*agent_range(agent_id)))

    def keys(self) -> Iterator[bytes]:
        """Yield every key of the three kinds, in the order of their bytes (AUD-1)."""
        for prefix in (RECORD_PREFIX, AGENT_PREFIX, TIME_PREFIX):
            yield from self._store.keys(*prefix_range(prefix))

    def close(self) -> None:
        """Close the store below."""
        self._store.close()

    def _audit(self, query_id: bytes) -> QueryAudit:
        """Read a record that an index entry promises."""
        record = self._store.get(record_key(query_id))
        if record is None:
            raise Corrupt(
                f"audit {query_id.hex()} is in an index and has no record: build the index again "
                "from its journal"
            )
        return _decoded(query_id, record)


def entries_of(audit: QueryAudit) -> dict[bytes, bytes]:
    """Return the entries that an audit makes, which are stored together (AUD-10)."""
    entries = {
        record_key(audit.query_id): encode(audit),
        time_key(audit.timestamp, audit.query_id): b"",
    }
    if audit.agent_id is not None:
        entries[agent_key(audit.agent_id, audit.timestamp, audit.query_id)] = b""
    return entries


def require_same(stored: bytes | None, offered: bytes, query_id: bytes) -> None:
    """Raise `Conflict` if an id would come to mean something else (AUD-11)."""
    if stored != offered:
        raise Conflict(
            f"audit {query_id.hex()} is stored with other content, and audits are never changed: "
            "give the new one an id of its own"
        )


def _require_limit(limit: int) -> int:
    """Return a limit that can be counted to (AUD-15)."""
    return min(require_unsigned(limit, "limit"), sys.maxsize)


def _decoded(query_id: bytes, record: bytes) -> QueryAudit:
    try:
        audit = decode(record)
    except NewerVersion as error:
        raise NewerVersion(f"audit {query_id.hex()}: {error}") from None
    except Corrupt as error:
        raise Corrupt(
            f"audit {query_id.hex()}: {error}: build the index again from its journal"
        ) from None
    if audit.query_id != query_id:
        raise Corrupt(
            f"the record of audit {query_id.hex()} is that of {audit.query_id.hex()}: build the "
            "index again from its journal"
        )
    return audit
