"""Audits, for the tests of audit stores."""

from typing import Any

from tornproof.audit import QueryAudit

ONE, TWO = b"1" * 32, b"2" * 32


def audit(query_id: bytes, agent_id: bytes | None, timestamp: int, **more: Any) -> QueryAudit:
    """Make an audit; a short id is repeated to 32 bytes."""
    return QueryAudit(
        query_id=(query_id * 32)[:32],
        agent_id=agent_id,
        timestamp=timestamp,
        **{"result_confidence": 0.5, **more},
    )


def timestamps(audits: list[QueryAudit]) -> list[int]:
    """Read the timestamps off some audits."""
    return [each.timestamp for each in audits]
