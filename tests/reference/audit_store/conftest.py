"""Key-value stores of each kind, and audit stores on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tornproof.audit import AuditStore
from tornproof.kv import KeyValueStore, MemoryKeyValueStore, SqliteKeyValueStore

from tests.reference.audit_store.audit_records import ONE, TWO, audit


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValueStore]:
    """One key-value store of each kind."""
    made: KeyValueStore = (
        MemoryKeyValueStore() if request.param == "memory" else SqliteKeyValueStore(tmp_path / "db")
    )
    yield made
    made.close()


@pytest.fixture
def audits(store: KeyValueStore) -> AuditStore:
    """An audit store on each."""
    return AuditStore(store)


@pytest.fixture
def worked(audits: AuditStore) -> AuditStore:
    """Three audits of one agent at 1000, 2000 and 3000, and one of another at 2500."""
    for name, agent, timestamp in [
        (b"a", ONE, 1000),
        (b"b", ONE, 2000),
        (b"c", ONE, 3000),
        (b"d", TWO, 2500),
    ]:
        audits.put(audit(name, agent, timestamp))
    return audits
