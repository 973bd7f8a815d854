"""
Journals, audit indexes and deferred queues that are wrong, each in one way, as adapters.

    python wrong_subjects.py NAME

Each is the reference's adapter with one operation replaced.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

import log
from audit_index import AuditIndex
from deferred_queue import DeferredQueue
from log import Log
from tornproof.audit import AuditStore
from tornproof.kv import MemoryKeyValueStore
from tornproof_conformance.kit import Adapter


class FollowsFromTheStart(Log):
    """A reader that forgets where it was."""

    def reader_scan(self, start: int | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Begin again."""
        return super().reader_scan(None)


class ReadersLeaveMarks(Log):
    """A reader that notes that it was here."""

    def reader_open(self, dir: str, durable_only: bool = True) -> dict[str, Any]:  # noqa: A002
        """Write a file."""
        (Path(dir) / "last-reader").write_text("me")
        return super().reader_open(dir, durable_only)


class OffsetsTurnedRound(Log):
    """Tells each of many the offset of another."""

    def journal_append_many(self, payloads: list[bytes]) -> dict[str, Any]:
        """Turn the offsets round."""
        return {"offsets": super().journal_append_many(payloads)["offsets"][::-1]}


class CleansNothing(Log):
    """Leaves every segment where it is."""

    def journal_cleanup(self, cursor: int) -> dict[str, Any]:  # noqa: ARG002
        """Do nothing."""
        return {"first": self._journal().first}


class OldestFirst(AuditIndex):
    """Gives the most recent audits the wrong way round."""

    def audit_recent(self, limit: int) -> dict[str, Any]:
        """Turn them round."""
        return {"audits": super().audit_recent(limit)["audits"][::-1]}


class NothingKept(AuditIndex):
    """Keeps the index in memory."""

    def audit_open(self, dir: str) -> None:  # noqa: A002, ARG002
        """Begin with nothing."""
        self.store = AuditStore(MemoryKeyValueStore())


class LimitIgnored(AuditIndex):
    """Gives an agent's audits however many there are."""

    def audit_by_agent(
        self,
        agent_id: bytes,
        limit: int,  # noqa: ARG002
        start: int = 0,
        to: int | None = None,
    ) -> dict[str, Any]:
        """Forget the limit."""
        return super().audit_by_agent(agent_id, 1 << 40, start, to)


class VolatileInDisguise(DeferredQueue):
    """Keeps what it calls durable in memory."""

    def drainer_open(
        self,
        dir: str,  # noqa: A002
        durable: bool,  # noqa: ARG002
        max_restarts: int = 3,
        paused: bool = False,
    ) -> None:
        """Open the volatile queue."""
        super().drainer_open(dir, durable=False, max_restarts=max_restarts, paused=paused)


class SaysDrained(DeferredQueue):
    """Says that everything has landed before it has."""

    def drainer_drain(self, timeout_ms: int) -> dict[str, Any]:  # noqa: ARG002
        """Do nothing, and say so in other words."""
        return {"drained": True}


class ShownTwice(DeferredQueue):
    """Has its last event in the chain twice."""

    def drainer_chain(self) -> dict[str, Any]:
        """Repeat the last row, under a number of its own."""
        rows = super().drainer_chain()["rows"]
        again = [{**row, "sequence": row["sequence"] + 1} for row in rows[-1:]]
        return {"rows": [*rows, *again]}


class CountsRefusals(DeferredQueue):
    """Counts every event as refused as well."""

    def drainer_metrics(self) -> dict[str, Any]:
        """Count wrongly."""
        counters = super().drainer_metrics()
        return {**counters, "refused": counters["refused"] + counters["chained"]}


class FindsBreaks(DeferredQueue):
    """Finds its own chain broken."""

    def drainer_verify(self) -> dict[str, Any]:
        """Find a break."""
        return {"breaks": ["sequence 1: hash mismatch"]}


if __name__ == "__main__":
    subject = globals()[sys.argv[1]]()
    claims = {
        "Log": log.PROFILES,
        "AuditIndex": ("audit/core", "audit/keys"),
        "DeferredQueue": ("drainer/durable", "chain/v1"),
    }[type(subject).__mro__[1].__name__]
    adapter = Adapter(sys.argv[1], claims)
    for name in dir(subject):
        if name.startswith(("journal_", "reader_", "audit_", "drainer_", "fault_")):
            adapter.operation(getattr(subject, name))
    adapter.serve()
