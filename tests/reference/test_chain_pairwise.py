"""The v0.7 chain: it can be read, and what it cannot show is found, not asserted."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256

import pytest
from attrs import evolve
from hypothesis import find, settings
from hypothesis import strategies as st
from tornproof.chain.pairwise import (
    COLUMNS,
    PairwiseRow,
    pairwise_bytes,
    pairwise_hash,
    verify_pairwise,
)
from tornproof.chain.signatures import Ed25519Signer
from tornproof.errors import WrongSchema
from tornproof_conformance.pytest_plugin import requirement

DETERMINISTIC = settings(derandomize=True, database=None, max_examples=2_000)


def row(number: int, previous: bytes = bytes(32), signature: bytes | None = None) -> PairwiseRow:
    payload_hash = sha256(b"payload %d" % number).digest()
    return PairwiseRow(
        f"id-{number}", "a", "t", payload_hash, signature, "unsigned", "2026", previous, number
    )


def chain_of(count: int) -> list[PairwiseRow]:
    rows: list[PairwiseRow] = []
    for number in range(1, count + 1):
        rows.append(row(number, pairwise_hash(rows[-1]) if rows else bytes(32)))
    return rows


def database_of(rows: Sequence[PairwiseRow]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(f"CREATE TABLE signed_events ({', '.join(COLUMNS)})")
    for each in rows:
        values = tuple(getattr(each, name) for name in COLUMNS)
        connection.execute(f"INSERT INTO signed_events VALUES ({', '.join('?' * 9)})", values)
    return connection


def breaks_of(rows: Sequence[PairwiseRow], keys: Sequence[bytes] = ()) -> list[tuple[object, str]]:
    with closing(database_of(rows)) as connection:
        found = verify_pairwise(connection, keys=keys)
    return [(each.sequence, each.kind.value) for each in found.breaks]


@requirement("CHN-9")
def test_the_bytes_are_those_that_are_written_out_here() -> None:
    """Fields joined with 0x1F, the sequence as eight big-endian bytes, no link."""
    expected = (
        b"id-1\x1fa\x1ft\x1f"
        + sha256(b"payload 1").digest()
        + b"\x1f\x1funsigned\x1f2026\x1f\x00\x00\x00\x00\x00\x00\x00\x01"
    )

    assert pairwise_bytes(row(1)) == expected
    assert pairwise_hash(row(1)) == sha256(expected).digest()


@requirement("CHN-9")
def test_a_whole_chain_holds() -> None:
    """Five rows, no break, and the head is the hash of the last row."""
    rows = chain_of(5)
    with closing(database_of(rows)) as connection:
        found = verify_pairwise(connection)

    assert (found.rows, found.head, found.holds) == (5, pairwise_hash(rows[4]), True)


@requirement("CHN-9")
def test_gaps_links_and_missing_numbers_are_all_reported() -> None:
    """Every break, not the first alone."""
    rows = chain_of(6)
    unplaced = evolve(row(9), sequence=None)
    broken = [unplaced, rows[0], rows[2], rows[3], evolve(rows[4], agent_id="b"), rows[5]]

    assert breaks_of(broken) == [
        (None, "no sequence"),
        (3, "gap in the sequence"),
        (3, "not linked to the row before"),
        (6, "not linked to the row before"),
    ]


@requirement("CHN-9")
def test_signatures_are_over_the_payload_hash() -> None:
    """Right with the key, not checked without, wrong with another."""
    signer = Ed25519Signer(bytes(32))
    rows = [row(1, signature=signer.sign(sha256(b"payload 1").digest()))]
    other = Ed25519Signer(b"\x01" * 32).public_key

    assert breaks_of(rows, [signer.public_key]) == []
    assert breaks_of(rows) == [(1, "signature not checked")]
    assert breaks_of(rows, [other]) == [(1, "signature wrong")]


@requirement("CHN-9")
def test_values_of_other_types_are_breaks_and_not_accidents() -> None:
    """A text where bytes belong, bytes where text belongs, a number too large."""
    rows = [
        evolve(row(1), payload_hash="text"),  # type: ignore[arg-type]
        evolve(row(2), agent_id=b"bytes"),  # type: ignore[arg-type]
        evolve(row(3), sequence=-3),
    ]

    assert [kind for _, kind in breaks_of(rows)] == ["malformed row"] * 3


def test_a_database_without_such_a_chain_is_refused() -> None:
    """The table must have the nine columns."""
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(WrongSchema):
        verify_pairwise(connection)


@requirement("CHN-9")
def test_hole_h8_is_found() -> None:
    """Two different rows with the same bytes: the separator may stand in a field."""
    texts = st.text("ab\x1f", max_size=3)
    rows = st.builds(
        lambda agent, kind: evolve(row(1), agent_id=agent, event_type=kind), texts, texts
    )

    one, other = find(
        st.tuples(rows, rows),
        lambda pair: pair[0] != pair[1] and pairwise_bytes(pair[0]) == pairwise_bytes(pair[1]),
        settings=DETERMINISTIC,
    )

    assert one != other
    assert breaks_of([one]) == breaks_of([other]) == []


@requirement("CHN-9")
def test_hole_h9_is_found() -> None:
    """A row is rewritten and one link repaired: it verifies, with the same head as before."""

    def rewritten(count: int, edited: int, repaired: int) -> list[PairwiseRow]:
        rows = chain_of(count)
        edited, repaired = edited % count, repaired % count
        rows[edited] = evolve(rows[edited], agent_id="somebody else")
        if repaired > 0:
            link = pairwise_hash(rows[repaired - 1])
            rows[repaired] = evolve(rows[repaired], prev_hash=link)
        return rows

    def passes(forgery: list[PairwiseRow]) -> bool:
        before = chain_of(len(forgery))
        same_head = pairwise_hash(before[-1]) == pairwise_hash(forgery[-1])
        return forgery != before and same_head and breaks_of(forgery) == []

    small = st.integers(0, 5)
    forgery = find(
        st.builds(rewritten, st.integers(1, 5), small, small), passes, settings=DETERMINISTIC
    )

    assert len(forgery) == 2
    assert [each.agent_id for each in forgery] == ["somebody else", "a"]
