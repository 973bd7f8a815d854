"""The audit store at its edges, and on damaged data."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from tornproof.audit import AuditStore, QueryAudit, encode
from tornproof.errors import Corrupt, Invalid, NewerVersion
from tornproof.keys import MAX_TIMESTAMP, record_key, time_key
from tornproof.kv import MemoryKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.audit_store.audit_records import ONE, audit, timestamps

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


def damaged(entries: Mapping[bytes, bytes | None]) -> AuditStore:
    """Store one audit, and change something below the store's feet."""
    store = MemoryKeyValueStore()
    AuditStore(store).put(audit(b"q", ONE, 1000))
    store.write(entries)
    return AuditStore(store)


# Damage


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
