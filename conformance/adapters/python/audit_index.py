"""
The audit index, in a file of SQLite.
"""

from pathlib import Path
from typing import Any

from attrs import define
from tornproof.audit import AuditStore, audit_from_fields, audit_to_fields
from tornproof.errors import Closed
from tornproof.keys import record_key
from tornproof.kv import KeyValueStore, SqliteKeyValueStore
from tornproof_conformance.kit import Adapter

CLAIMS = ("audit/core", "audit/keys")


@define
class AuditIndex:
    """The index that is open in this process."""

    store: AuditStore | None = None
    stored: KeyValueStore | None = None
    """What the index lies on."""

    def audit_open(self, dir: str) -> None:  # noqa: A002
        """Open the index of a directory."""
        self.stored = SqliteKeyValueStore(Path(dir) / "audits.db")
        self.store = AuditStore(self.stored)

    def audit_put(self, audit: dict[str, Any]) -> dict[str, Any]:
        """Store an audit."""
        return {"query_id": self._store().put(audit_from_fields(audit))}

    def audit_get(self, query_id: bytes) -> dict[str, Any]:
        """Return an audit, and the bytes that are stored of it, or none."""
        audit = self._store().get(query_id)
        if audit is None:
            return {"audit": None}
        return {"audit": audit_to_fields(audit), "record": self._stored().get(record_key(query_id))}

    def audit_by_agent(
        self, agent_id: bytes, limit: int, start: int = 0, to: int | None = None
    ) -> dict[str, Any]:
        """Return the audits of an agent."""
        found = self._store().by_agent(agent_id, start, to, limit=limit)
        return {"audits": [audit_to_fields(audit) for audit in found]}

    def audit_recent(self, limit: int) -> dict[str, Any]:
        """Return the most recent audits."""
        return {"audits": [audit_to_fields(audit) for audit in self._store().recent(limit)]}

    def audit_has(self, agent_id: bytes) -> dict[str, Any]:
        """Say whether an agent has audits."""
        return {"has": self._store().has(agent_id)}

    def audit_keys(self) -> dict[str, Any]:
        """List the keys."""
        return {"keys": list(self._store().keys())}

    def audit_close(self) -> None:
        """Let go."""
        if self.store is not None:
            self.store.close()
            self.store = None

    def _store(self) -> AuditStore:
        if self.store is None:
            raise Closed("no audit index is open in this process")
        return self.store

    def _stored(self) -> KeyValueStore:
        assert self.stored is not None
        return self.stored


def plug_in(adapter: Adapter) -> None:
    """Give the adapter its operations."""
    index = AuditIndex()
    for name in dir(index):
        if name.startswith("audit_"):
            adapter.operation(getattr(index, name))
