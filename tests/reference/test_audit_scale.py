"""Ten thousand audits are answered for like three, and the recent cost no scan."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornproof.audit import (
    AuditStore,
    QueryAudit,
    audit_from_fields,
    audit_to_fields,
)
from tornproof.keys import MAX_TIMESTAMP
from tornproof.kv import MemoryKeyValueStore, SqliteKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract import audit_index as oracle

ONE = b"1" * 32


def audit(query_id: bytes, agent_id: bytes | None, timestamp: int) -> QueryAudit:
    """Make an audit."""
    return QueryAudit(
        query_id=query_id, agent_id=agent_id, timestamp=timestamp, result_confidence=0.5
    )


@requirement("AUD-3", "AUD-5", "AUD-7", "AUD-8", "AUD-9", "AUD-13", "AUD-14")
def test_ten_thousand_audits_against_the_oracle(tmp_path: Path) -> None:
    """Every answer on a large store is that of a list and a sort, also after opening again."""
    generator = random.Random(5)
    agents = [None, *(generator.randbytes(31) + bytes([end]) for end in (0, 1)), ONE]
    fields = [
        audit_to_fields(
            audit(
                generator.randbytes(32),
                generator.choice(agents),
                generator.choice([generator.getrandbits(64), generator.randrange(1000)]),
            )
        )
        for _ in range(10_000)
    ]
    path = (
        Path("/dev/shm") / f"{tmp_path.name}.db" if Path("/dev/shm").is_dir() else tmp_path / "db"
    )
    audits = AuditStore(SqliteKeyValueStore(path))
    for each in fields:
        audits.put(audit_from_fields(each))
    audits.close()

    audits = AuditStore(SqliteKeyValueStore(path))
    try:
        for agent in agents[1:]:
            assert agent is not None
            assert audits.has(agent) == oracle.has(fields, agent)
            for earliest, latest, limit in [
                (0, None, 500),
                (0, 500, 10_000),
                (250, 750, 20),
                (2**63, MAX_TIMESTAMP, 100),
            ]:
                found = audits.by_agent(agent, earliest, latest, limit=limit)
                expected = oracle.by_agent(fields, agent, earliest, latest, limit)
                assert [audit_to_fields(each) for each in found] == expected
        for limit in (1, 100, 3_000):
            found = audits.recent(limit)
            assert [audit_to_fields(each) for each in found] == oracle.recent(fields, limit)
        assert list(audits.keys()) == oracle.layout(fields, by_time=True)
    finally:
        audits.close()
        path.unlink(missing_ok=True)


class Counting(MemoryKeyValueStore):
    """Counts the keys that scans read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def keys(self, start: bytes, end: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        """Count each key as it is read."""
        for key in super().keys(start, end, reverse=reverse):
            self.read += 1
            yield key


@requirement("AUD-12")
@pytest.mark.parametrize("spread", [1, 1000], ids=["all at one moment", "spread out"])
def test_the_recent_are_found_without_a_scan(spread: int) -> None:
    """At most two keys are read for each audit of the answer, however many there are."""
    store = Counting()
    audits = AuditStore(store)
    for number in range(1000):
        audits.put(audit(number.to_bytes(32, "big"), None, number % spread))

    found = audits.recent(10)

    assert len(found) == 10
    assert store.read <= 20
