"""
Audit indexes with one bug each in their keys or queries.

Each class is `SmallAuditStore` with one step gone wrong.  Its docstring says
what goes wrong and where that has been seen; `breaks` names the requirements
that a judge may report for it.
"""

from collections.abc import Sequence
from typing import Any

from tornproof_models.miniatures.small_audit import (
    AGENTS,
    RECORDS,
    Audit,
    Entry,
    SmallAuditStore,
)

# Keys


class HexadecimalAgents(SmallAuditStore):
    """
    Agent ids stand in keys as text: readable, and nobody else's layout.

    Source: the string keys that tendermint/tendermint#4567 (2020) replaced.
    """

    breaks = frozenset({"AUD-1"})

    def agent_prefix(self, agent_id: bytes) -> bytes:
        """Write the id for people."""
        return AGENTS + agent_id.hex().encode() + b":"


class LittleEndianTimestamp(SmallAuditStore):
    """
    Timestamps stand in keys least significant byte first, so 256 sorts before 1.

    Source: cometbft/tendermint-rs#769 (2021), solana-labs/solana#1885 (2018).
    """

    breaks = frozenset({"AUD-2", "AUD-5", "AUD-7", "AUD-15"})

    def moment(self, timestamp: int) -> bytes:
        """Write the bytes as the processor has them."""
        return timestamp.to_bytes(8, "little")

    def entry(self, key: bytes) -> Entry:
        """Read them back consistently, which hides the mistake from a round trip."""
        return Entry(int.from_bytes(key[-41:-33], "little"), key[-32:])


class SeparatorParsing(SmallAuditStore):
    """
    Keys are split at `:`, which is a byte like any other in an id or a timestamp.

    Source: keybase/client#16340 (2019).
    """

    breaks = frozenset({"AUD-2", "AUD-5", "AUD-7"})

    def entry(self, key: bytes) -> Entry:
        """Take what follows the last two separators."""
        *_, timestamp, query_id = key.split(b":")
        return Entry(int.from_bytes(timestamp, "big"), query_id)


# Queries


class ExclusiveUpperBound(SmallAuditStore):
    """
    The upper bound of a range is left out of it.

    Source: the two readings of a bound in iotaledger/iota#11865 (2026).
    """

    breaks = frozenset({"AUD-5"})

    def upper_bound(self, prefix: bytes, latest: int | None) -> bytes:
        """End the range where the last timestamp begins."""
        return self.after(prefix) if latest is None else prefix + self.moment(latest)


class NoBoundIsTheLargestNumber(SmallAuditStore):
    """
    Without an upper bound the range ends below 2^64 - 1.

    Source: MystenLabs/sui#26455 (2026).
    """

    breaks = frozenset({"AUD-6"})

    def upper_bound(self, prefix: bytes, latest: int | None) -> bytes:
        """Put a number for infinity."""
        if latest is None:
            return prefix + self.moment(2**64 - 1)
        return super().upper_bound(prefix, latest)


class NeighbourInTheScan(SmallAuditStore):
    """
    A scan of an agent's keys ends with the index and not with the agent.

    Source: skyzh/mini-lsm#180 (2026), where the first key is not held to the bound.
    """

    breaks = frozenset({"AUD-14"})

    def upper_bound(self, prefix: bytes, latest: int | None) -> bytes:
        """Go on to the end of all agents if there is no bound."""
        return self.after(AGENTS) if latest is None else super().upper_bound(prefix, latest)


class RecentAscending(SmallAuditStore):
    """
    The most recent audits come oldest first.

    Source: a result that is read backwards, cut, and turned round once too often.
    """

    breaks = frozenset({"AUD-7"})

    def rank(self, entry: Entry) -> tuple[Any, ...]:
        """Sort as the other query does."""
        return (entry.timestamp, entry.query_id)


class UnstableTies(SmallAuditStore):
    """
    Audits of one moment come in whatever order the scan met them.

    Source: newtheatre/rehearsal#48 (2026), an audit log that drops rows at page ends.
    """

    breaks = frozenset({"AUD-7"})

    def rank(self, entry: Entry) -> tuple[Any, ...]:
        """Sort by time alone."""
        return (-entry.timestamp,)


class RecentByFullScan(SmallAuditStore):
    """
    The most recent audits are found by reading all: right, and slower every day.

    Source: A13, upstream's own way.
    """

    breaks = frozenset({"AUD-12"})

    def newest(self, limit: int) -> list[Entry]:  # noqa: ARG002
        """Read every record."""
        keys = self.store.keys(RECORDS, self.after(RECORDS))
        audits = [self.decode(self.store.get(key) or b"") for key in keys]
        return [Entry(audit["timestamp"], audit["query_id"]) for audit in audits]


class HasByPrefix(SmallAuditStore):
    """
    An agent is looked for by the beginning of its id, and a neighbour is found.

    Source: sourcenetwork/defradb.rs#647 (2026), ids cut short.
    """

    breaks = frozenset({"AUD-8"})

    def has(self, agent_id: bytes) -> bool:
        """Look for sixteen bytes, which are surely enough."""
        self.check_identifier(agent_id)
        start = AGENTS + agent_id[:16]
        return any(True for _ in self.store.keys(start, start + b"\xff" * 17))


class UnknownIdGivesTheNext(SmallAuditStore):
    """
    A get seeks, and takes the key it lands on.

    Source: skyzh/mini-lsm#180 (2026), a seek whose result is not compared.
    """

    breaks = frozenset({"AUD-4"})

    def get(self, query_id: bytes) -> Audit | None:
        """Seek to the id."""
        self.check_identifier(query_id)
        for key in self.store.keys(RECORDS + query_id, self.after(RECORDS)):
            return self.decode(self.store.get(key) or b"")
        return None


class ZeroLimitMeansAll(SmallAuditStore):
    """
    A limit of zero is taken for none.

    Source: go-gorm/gorm#1042 (2016).
    """

    breaks = frozenset({"AUD-15"})

    def cut(self, entries: Sequence[Entry], limit: int) -> Sequence[Entry]:
        """Ask whether there is a limit, and ask wrongly."""
        return entries[:limit] if limit else entries


class ZeroIsNoBound(SmallAuditStore):
    """
    An upper bound of zero is taken for none.

    Source: of this project; `if latest` in the place of `if latest is not None`.
    """

    breaks = frozenset({"AUD-5", "AUD-15"})

    def bounds(self, agent_id: bytes, earliest: int, latest: int | None) -> tuple[bytes, bytes]:
        """Ask whether there is a bound, and ask wrongly."""
        return super().bounds(agent_id, earliest, latest or None)


class NegativeLimitCounts(SmallAuditStore):
    """
    A negative limit drops that many from the end.

    Source: what a slice does with it; SQL's LIMIT -1 means all.
    """

    breaks = frozenset({"AUD-15"})

    def check_number(self, number: int) -> None:
        """Trust the caller."""


# Pages


class OnePage(SmallAuditStore):
    """
    Keys are fetched in pages, and nobody fetches the second.

    Source: of this project; a mutant of the reference that ends after a page.
    """

    breaks = frozenset({"AUD-5", "AUD-7"})

    def cut(self, entries: Sequence[Entry], limit: int) -> Sequence[Entry]:
        """Keep what the first page holds."""
        return super().cut(entries[:16], limit)
