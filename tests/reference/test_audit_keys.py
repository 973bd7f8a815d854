"""Keys sort as audits do, are taken apart by position, and keep to themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornproof.errors import Corrupt, Invalid
from tornproof.keys import (
    MAX_TIMESTAMP,
    POSITION_KEY,
    agent_key,
    agent_range,
    big_endian,
    entry_from,
    from_big_endian,
    prefix_range,
    record_key,
    require_identifier,
    require_unsigned,
    time_key,
    time_range,
)
from tornproof_conformance.pytest_support.plugin import requirement

IDENTIFIERS = st.binary(min_size=32, max_size=32) | st.sampled_from(
    [bytes(32), b":" * 32, b":" * 31 + b";", b"\xff" * 32, bytes(range(32)), bytes(range(224, 256))]
)
TIMESTAMPS = st.integers(0, MAX_TIMESTAMP) | st.sampled_from(
    [0, 1, 255, 256, 2**63 - 1, 2**63, 0x3A3A3A3A3A3A3A3A, MAX_TIMESTAMP]
)
MOMENTS = st.tuples(IDENTIFIERS, TIMESTAMPS, IDENTIFIERS)


@requirement("AUD-1", "AUD-12")
def test_layout_is_byte_for_byte_as_specified() -> None:
    """The three kinds of key, written out."""
    agent, query = b"a" * 32, b"q" * 32

    assert record_key(query) == b"\x00AUD:" + b"q" * 32
    assert agent_key(agent, 0x0102030405060708, query) == (
        b"\x00AUDA:" + b"a" * 32 + b":\x01\x02\x03\x04\x05\x06\x07\x08:" + b"q" * 32
    )
    assert time_key(1000, query) == b"\x00AUDT:\x00\x00\x00\x00\x00\x00\x03\xe8:" + b"q" * 32


@requirement("AUD-2")
@given(MOMENTS, MOMENTS)
def test_order_of_agent_keys_is_order_of_agent_time_and_id(
    first: tuple[bytes, int, bytes], second: tuple[bytes, int, bytes]
) -> None:
    """Comparing keys compares (agent, timestamp, id)."""
    assert (agent_key(*first) < agent_key(*second)) == (first < second)


@requirement("AUD-2")
@given(MOMENTS, MOMENTS)
def test_order_of_time_keys_is_order_of_time_and_id(
    first: tuple[bytes, int, bytes], second: tuple[bytes, int, bytes]
) -> None:
    """Comparing keys compares (timestamp, id)."""
    assert (time_key(*first[1:]) < time_key(*second[1:])) == (first[1:] < second[1:])


@requirement("AUD-2")
@given(MOMENTS)
def test_keys_are_taken_apart_by_position(moment: tuple[bytes, int, bytes]) -> None:
    """What went into a key comes out, whatever bytes the ids and the timestamp hold."""
    agent, timestamp, query = moment

    entries = [
        entry_from(agent_key(agent, timestamp, query)),
        entry_from(time_key(timestamp, query)),
    ]

    assert [(entry.timestamp, entry.query_id) for entry in entries] == [(timestamp, query)] * 2


@requirement("AUD-1")
@given(st.lists(MOMENTS, unique=True, max_size=5))
def test_keys_are_injective(moments: list[tuple[bytes, int, bytes]]) -> None:
    """Different audits have different keys, of whatever kind."""
    agent_keys = {agent_key(*moment) for moment in moments}
    record_keys = {record_key(query) for _, _, query in moments}

    assert len(agent_keys) == len(moments)
    assert len(record_keys) == len({query for _, _, query in moments})
    assert not agent_keys & record_keys


@requirement("AUD-5", "AUD-6", "AUD-14")
@given(MOMENTS, IDENTIFIERS, TIMESTAMPS, TIMESTAMPS)
def test_a_range_holds_one_agent_between_two_inclusive_bounds(
    moment: tuple[bytes, int, bytes], agent: bytes, earliest: int, latest: int
) -> None:
    """A key lies in a range if, and only if, agent and timestamp do."""
    start, end = agent_range(agent, earliest, latest)

    inside = start <= agent_key(*moment) < end

    assert inside == (moment[0] == agent and earliest <= moment[1] <= latest)


@requirement("AUD-6")
def test_a_range_without_bounds_holds_the_last_timestamp() -> None:
    """2^64 - 1 with the last id is in both kinds of range."""
    last = b"\xff" * 32
    start, end = agent_range(last)
    first_moment, after = time_range()

    assert start <= agent_key(last, MAX_TIMESTAMP, last) < end
    assert first_moment <= time_key(MAX_TIMESTAMP, last) < after


@requirement("AUD-14", "SYS-1")
@given(MOMENTS)
def test_kinds_of_keys_keep_to_themselves(moment: tuple[bytes, int, bytes]) -> None:
    """Each key lies in the range of its own prefix alone, and the position in none."""
    _, timestamp, query = moment
    keys = [record_key(query), agent_key(*moment), time_key(timestamp, query), POSITION_KEY]
    ranges = [prefix_range(prefix) for prefix in (b"\x00AUD:", b"\x00AUDA:", b"\x00AUDT:")]

    membership = [[start <= key < end for start, end in ranges] for key in keys]

    assert membership == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
        [False, False, False],
    ]


@requirement("AUD-2")
@given(TIMESTAMPS)
def test_numbers_come_back(number: int) -> None:
    """Eight big-endian bytes hold every timestamp."""
    assert big_endian(number) == bytes.fromhex(f"{number:016x}")
    assert from_big_endian(big_endian(number)) == number


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"\x00AUDA:",
        record_key(bytes(32)),
        time_key(1, bytes(32))[:-1],
        agent_key(bytes(32), 1, bytes(32)) + b"\x00",
        time_key(1, bytes(32)).replace(b"\x01:", b"\x01;"),
        b"\x00AUDX:" + time_key(1, bytes(32))[6:],
    ],
)
def test_a_key_of_no_index_is_damage(key: bytes) -> None:
    """Only what this codec wrote is read."""
    with pytest.raises(Corrupt, match="is no key of the audit index"):
        entry_from(key)


@requirement("AUD-15")
@pytest.mark.parametrize("value", [b"", bytes(31), bytes(33), "a" * 32, bytearray(32), None, 7])
def test_an_identifier_has_32_bytes(value: object) -> None:
    """Anything else is refused by the name of the argument."""
    with pytest.raises(Invalid, match=r"^agent_id must be 32 bytes"):
        require_identifier(value, "agent_id")


@requirement("AUD-15")
@pytest.mark.parametrize("value", [-1, 2**64, 1.0, True, "1", None])
def test_a_number_fits_64_bits_without_a_sign(value: object) -> None:
    """Anything else is refused by the name of the argument."""
    with pytest.raises(Invalid, match=r"^limit "):
        require_unsigned(value, "limit")
