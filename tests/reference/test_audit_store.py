"""The audit store answers as specified, on both key-value stores."""

import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tornproof.audit import (
    AuditStore,
    Contribution,
    QueryAudit,
    QueryParameters,
    encode,
)
from tornproof.errors import Conflict, Corrupt, Invalid, NewerVersion
from tornproof.keys import MAX_TIMESTAMP, agent_key, record_key, time_key
from tornproof.kv import KeyValueStore, MemoryKeyValueStore, SqliteKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement

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


# The worked cases


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


# Edges


@requirement("AUD-2", "AUD-5", "AUD-6", "AUD-7")
def test_edges_of_time(audits: AuditStore) -> None:
    """0, 2^63 and 2^64 - 1 are timestamps like any other, in the right order."""
    edges = [0, 1, 255, 256, 2**63 - 1, 2**63, MAX_TIMESTAMP]
    for number, timestamp in enumerate(reversed(edges)):
        audits.put(audit(bytes([number]), ONE, timestamp))

    assert timestamps(audits.by_agent(ONE, limit=99)) == edges
    assert timestamps(audits.by_agent(ONE, MAX_TIMESTAMP, limit=99)) == [MAX_TIMESTAMP]
    assert timestamps(audits.by_agent(ONE, 0, 0, limit=99)) == [0]
    assert timestamps(audits.recent(99)) == edges[::-1]


@requirement("AUD-2", "AUD-5", "AUD-14")
def test_ids_of_every_byte_value() -> None:
    """Ids hold any byte, NUL and `:` included, and neighbours stay apart."""
    audits = AuditStore(MemoryKeyValueStore())
    for value in range(256):
        audits.put(audit(bytes([value]), bytes([value]) * 32, 0x3A3A3A3A3A3A3A3A))

    for value in range(256):
        (found,) = audits.by_agent(bytes([value]) * 32, limit=9)
        assert found.query_id == bytes([value]) * 32
        assert audits.get(found.query_id) == found


@requirement("AUD-5", "AUD-7")
def test_ties_are_in_the_order_of_ids(audits: AuditStore) -> None:
    """Equal timestamps are ordered by ascending id, whichever way time runs."""
    names = [b"c", b"a", b"d", b"b"]
    for name in names:
        audits.put(audit(name, ONE, 1000))
    audits.put(audit(b"z", ONE, 999))
    audits.put(audit(b"y", ONE, 1001))

    def order(found: list[QueryAudit]) -> bytes:
        return b"".join(each.query_id[:1] for each in found)

    assert order(audits.by_agent(ONE, limit=99)) == b"zabcdy"
    assert [order(audits.recent(limit)) for limit in range(7)] == [
        b"",
        b"y",
        b"ya",
        b"yab",
        b"yabc",
        b"yabcd",
        b"yabcdz",
    ]


@requirement("AUD-15")
def test_empty_questions_have_empty_answers(worked: AuditStore) -> None:
    """A limit of zero, and a range that ends before it begins."""
    assert worked.recent(0) == []
    assert worked.by_agent(ONE, limit=0) == []
    assert worked.by_agent(ONE, 3000, 1000, limit=9) == []
    assert worked.by_agent(ONE, 2001, 2000, limit=9) == []


@requirement("AUD-15")
@pytest.mark.parametrize(
    "question",
    [
        lambda audits: audits.recent(-1),
        lambda audits: audits.recent(1.0),
        lambda audits: audits.recent(True),
        lambda audits: audits.by_agent(ONE, limit=-1),
        lambda audits: audits.by_agent(ONE, -1, limit=1),
        lambda audits: audits.by_agent(ONE, 2**64, limit=1),
        lambda audits: audits.by_agent(ONE, 0, 2**64, limit=1),
        lambda audits: audits.by_agent(ONE[1:], limit=1),
        lambda audits: audits.get(ONE + b"1"),
        lambda audits: audits.has("1" * 32),
    ],
)
def test_mistakes_are_refused(worked: AuditStore, question: Any) -> None:
    """What cannot be meant is a typed error."""
    with pytest.raises(Invalid):
        question(worked)


# Damage


def damaged(entries: Mapping[bytes, bytes | None]) -> AuditStore:
    """Store one audit, and change something below the store's feet."""
    store = MemoryKeyValueStore()
    AuditStore(store).put(audit(b"q", ONE, 1000))
    store.write(entries)
    return AuditStore(store)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({record_key(b"q" * 32): None}, "is in an index and has no record"),
        ({record_key(b"q" * 32): b"\x00"}, "not a CBOR map"),
        ({record_key(b"q" * 32): encode(audit(b"p", ONE, 1000))}, "is that of 7070"),
    ],
    ids=["record missing", "record damaged", "another's record"],
)
def test_damage_is_reported_with_the_way_out(
    entries: Mapping[bytes, bytes | None], message: str
) -> None:
    """Both queries say which audit, and that the index can be built again."""
    audits = damaged(entries)

    questions = [partial(audits.by_agent, ONE, limit=9), partial(audits.recent, 9)]
    for question in questions:
        with pytest.raises(Corrupt, match=message) as refused:
            question()
        assert "7171" in str(refused.value)
        assert "build the index again" in str(refused.value)


def test_an_index_key_that_nobody_wrote_is_damage() -> None:
    """A stray key in an index is not passed over."""
    with pytest.raises(Corrupt, match="no key of the audit index"):
        damaged({time_key(1000, ONE) + b"!": b""}).recent(9)


@requirement("AUD-16")
def test_a_newer_record_asks_for_an_upgrade() -> None:
    """It is not damage, and building the index again would not help."""
    record = encode(audit(b"q", ONE, 1000)).replace(b"version\x01", b"version\x02")

    with pytest.raises(NewerVersion, match=r"audit 7171.*version 2"):
        damaged({record_key(b"q" * 32): record}).get(b"q" * 32)


def contents(store: KeyValueStore) -> dict[bytes, bytes | None]:
    """Read everything."""
    return {key: store.get(key) for key in store.keys(b"", b"\xff" * 99)}
