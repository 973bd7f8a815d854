"""The audit store answers as specified, on both key-value stores."""

import threading
from pathlib import Path

import pytest
from tornproof.audit import (
    AuditStore,
    Contribution,
    QueryAudit,
    QueryParameters,
    encode,
)
from tornproof.errors import Conflict
from tornproof.keys import MAX_TIMESTAMP, agent_key, record_key, time_key
from tornproof.kv import KeyValueStore, SqliteKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.audit_store.audit_records import (
    ONE,
    TWO,
    audit,
    timestamps,
)

# The worked cases


@requirement("AUD-5", "AUD-14")
def test_an_agent_has_its_own_audits_in_order(worked: AuditStore) -> None:
    """Agent one has three in all, and none of agent two's."""
    assert timestamps(worked.by_agent(ONE, limit=100)) == [1000, 2000, 3000]
    assert timestamps(worked.by_agent(TWO, limit=100)) == [2500]


@requirement("AUD-5")
@pytest.mark.parametrize(
    ("earliest", "latest", "expected"),
    [
        (1500, 2500, [2000]),
        (2000, 2000, [2000]),
        (1000, 3000, [1000, 2000, 3000]),
        (1001, 2999, [2000]),
        (3001, None, []),
        (2000, None, [2000, 3000]),
        (0, 1000, [1000]),
        (0, 999, []),
    ],
)
def test_a_range_includes_both_ends(
    worked: AuditStore, earliest: int, latest: int | None, expected: list[int]
) -> None:
    """On, just inside and just outside the stored timestamps."""
    assert timestamps(worked.by_agent(ONE, earliest, latest, limit=100)) == expected


@requirement("AUD-5")
def test_a_limit_keeps_the_first(worked: AuditStore) -> None:
    """Two with limit two: the oldest."""
    assert timestamps(worked.by_agent(ONE, limit=2)) == [1000, 2000]
    assert timestamps(worked.by_agent(ONE, limit=2**64 - 1)) == [1000, 2000, 3000]
    assert timestamps(worked.recent(2**64 - 1)) == [3000, 2500, 2000, 1000]


@requirement("AUD-7")
def test_the_three_most_recent_of_five(audits: AuditStore) -> None:
    """Of five at 1000 … 1400 the three most recent are 1400, 1300 and 1200."""
    for number in range(5):
        audits.put(audit(bytes([number]), ONE, 1000 + 100 * number))

    assert timestamps(audits.recent(3)) == [1400, 1300, 1200]


@requirement("AUD-4", "AUD-8")
def test_what_is_not_there_is_not_there(worked: AuditStore) -> None:
    """Unknown id, none; agent without audits, an empty list and `has` false."""
    assert worked.get(b"?" * 32) is None
    assert worked.by_agent(b"?" * 32, limit=100) == []
    assert not worked.has(b"?" * 32)
    assert worked.has(ONE)


# Put and get


@requirement("AUD-3")
def test_a_put_returns_the_id_under_which_a_get_finds_it(audits: AuditStore) -> None:
    """Every field comes back."""
    full = audit(
        b"q",
        ONE,
        MAX_TIMESTAMP,
        params=QueryParameters(subject="rain", lifecycle="someday", epoch=7),
        result_hash=b"r" * 32,
        result_confidence=0.1,
        contributing_assertions=[
            Contribution(assertion_hash=bytes(32), weight=2, source_hash=ONE, lifecycle="approved")
        ],
    )

    assert audits.get(audits.put(full)) == full


@requirement("AUD-11")
def test_a_repetition_changes_nothing(store: KeyValueStore, audits: AuditStore) -> None:
    """Putting the same audit again is a success that writes nothing."""
    audits.put(audit(b"q", ONE, 1000))
    before = contents(store)

    assert audits.put(audit(b"q", ONE, 1000)) == b"q" * 32
    assert contents(store) == before


@requirement("AUD-11")
@pytest.mark.parametrize(
    "other",
    [
        audit(b"q", ONE, 1001),
        audit(b"q", TWO, 1000),
        audit(b"q", None, 1000),
        audit(b"q", ONE, 1000, result_confidence=0.25),
    ],
    ids=["time", "agent", "no agent", "confidence"],
)
def test_a_contradiction_is_refused(
    store: KeyValueStore, audits: AuditStore, other: QueryAudit
) -> None:
    """Other content under a known id is a conflict, and nothing changes."""
    audits.put(audit(b"q", ONE, 1000))
    before = contents(store)

    with pytest.raises(Conflict, match="stored with other content"):
        audits.put(other)

    assert contents(store) == before


@requirement("AUD-11")
def test_of_many_writers_of_one_id_one_wins(tmp_path: Path) -> None:
    """Writers that meet on an id agree afterwards on what it says, and the others are told."""
    SqliteKeyValueStore(tmp_path / "db").close()
    start = threading.Barrier(4)
    outcomes: dict[int, str] = {}

    def write(number: int) -> None:
        audits = AuditStore(SqliteKeyValueStore(tmp_path / "db"))
        start.wait()
        try:
            audits.put(audit(b"q", ONE, number))
            outcomes[number] = "stored"
        except Conflict:
            outcomes[number] = "refused"
        audits.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    audits = AuditStore(SqliteKeyValueStore(tmp_path / "db"))
    (winner,) = [number for number, outcome in outcomes.items() if outcome == "stored"]
    assert sorted(outcomes.values()) == ["refused", "refused", "refused", "stored"]
    assert timestamps(audits.recent(9)) == timestamps(audits.by_agent(ONE, limit=9)) == [winner]
    audits.close()


@requirement("AUD-1", "AUD-9", "AUD-10", "AUD-12")
def test_writes_the_entries_and_nothing_else(store: KeyValueStore, audits: AuditStore) -> None:
    """A record, and two empty entries, or one if there is no agent."""
    known, anonymous = audit(b"k", ONE, 1), audit(b"n", None, 2)

    audits.put(known)
    audits.put(anonymous)

    assert contents(store) == {
        record_key(b"k" * 32): encode(known),
        record_key(b"n" * 32): encode(anonymous),
        agent_key(ONE, 1, b"k" * 32): b"",
        time_key(1, b"k" * 32): b"",
        time_key(2, b"n" * 32): b"",
    }
    assert list(audits.keys()) == sorted(contents(store))


@requirement("AUD-9")
def test_an_anonymous_audit_is_nobodys(audits: AuditStore) -> None:
    """It is found by id and among the recent, and under no agent, the zero one least of all."""
    audits.put(audit(b"n", None, 1000))

    assert audits.get(b"n" * 32) is not None
    assert timestamps(audits.recent(1)) == [1000]
    assert not audits.has(bytes(32))
    assert audits.by_agent(bytes(32), limit=9) == []


def contents(store: KeyValueStore) -> dict[bytes, bytes | None]:
    """Read everything."""
    return {key: store.get(key) for key in store.keys(b"", b"\xff" * 99)}
