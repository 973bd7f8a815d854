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
    Encoding,
    Links,
    PairwiseRow,
    pairwise_bytes,
    pairwise_hash,
    verify_pairwise,
)
from tornproof.chain.row import Head
from tornproof.chain.signatures import Ed25519Signer
from tornproof.errors import WrongSchema
from tornproof_conformance.pytest_support.plugin import requirement

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
    later = any(each.cause_hash is not None for each in rows)
    names = [*COLUMNS, "cause_hash"] if later else COLUMNS
    connection.execute(f"CREATE TABLE signed_events ({', '.join(names)})")
    for each in rows:
        values = tuple(getattr(each, name) for name in names)
        marks = ", ".join("?" * len(names))
        connection.execute(f"INSERT INTO signed_events VALUES ({marks})", values)
    return connection


def breaks_of(
    rows: Sequence[PairwiseRow],
    keys: Sequence[bytes] = (),
    *,
    head: bytes | None = None,
    require_signatures: bool = False,
) -> list[tuple[object, str]]:
    with closing(database_of(rows)) as connection:
        found = verify_pairwise(
            connection, head=head, keys=keys, require_signatures=require_signatures
        )
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
    """Five rows, no break; the head names the last row and hashes its length-prefixed bytes."""
    rows = chain_of(5)
    with closing(database_of(rows)) as connection:
        found = verify_pairwise(connection)

    assert (found.rows, found.head, found.holds) == (5, Head(5, later_hash(rows[4])), True)
    assert found.links == (Links(2, 5, Encoding.JOINED),)


# v1.0


def later_hash(row: PairwiseRow) -> bytes:
    """Hash a row as v1.0 did, written a second time: every field behind eight bytes of length."""
    texts = row.id, row.agent_id, row.event_type
    rest = row.attest_level, row.timestamp
    fields = [
        *map(str.encode, texts),
        row.payload_hash,
        row.signature or b"",
        *map(str.encode, rest),
    ]
    written = b"".join(len(each).to_bytes(8, "big") + each for each in fields)
    written += (row.sequence or 0).to_bytes(8, "big")
    if row.cause_hash is None:
        return sha256(written + b"\x00").digest()
    cause = len(row.cause_hash).to_bytes(8, "big") + row.cause_hash
    return sha256(written + b"\x01" + cause).digest()


def upgraded(joined: int, prefixed: int) -> list[PairwiseRow]:
    """Make a chain with so many rows of v0.7, and so many behind them of v1.0 with a cause."""
    rows = chain_of(joined)
    for number in range(joined + 1, joined + prefixed + 1):
        link = later_hash(rows[-1]) if rows else bytes(32)
        rows.append(evolve(row(number, link), cause_hash=b"cause"))
    return rows


@requirement("CHN-10")
@pytest.mark.parametrize(
    ("joined", "prefixed", "links"),
    [
        (0, 1, ()),
        (0, 4, (Links(2, 4, Encoding.PREFIXED),)),
        (1, 2, (Links(2, 3, Encoding.PREFIXED),)),
        (3, 2, (Links(2, 3, Encoding.JOINED), Links(4, 5, Encoding.PREFIXED))),
    ],
)
def test_chains_of_v1_and_upgraded_ones_hold(
    joined: int, prefixed: int, links: tuple[Links, ...]
) -> None:
    """Which rows are linked in which way is said."""
    with closing(database_of(upgraded(joined, prefixed))) as connection:
        found = verify_pairwise(connection)

    assert (found.breaks, found.links) == ((), links)


@requirement("CHN-10")
def test_edits_of_later_rows_are_breaks() -> None:
    """The cause is covered, its absence is not an empty one, and no field runs into the next."""
    rows = upgraded(2, 3)
    for change in (
        {"cause_hash": b""},
        {"cause_hash": None},
        {"agent_id": "a\x1ft", "event_type": ""},
    ):
        edited = [*rows[:3], evolve(rows[3], **change), rows[4]]
        assert breaks_of(edited) == [(5, "not linked to the row before")]


@requirement("CHN-10")
def test_an_older_link_behind_a_newer_one_is_a_break() -> None:
    """Who may still join fields after the upgrade could shift them (H8)."""
    rows = upgraded(2, 1)
    rows.append(row(4, pairwise_hash(rows[-1])))

    assert breaks_of(rows) == [(4, "not linked to the row before")]


@requirement("CHN-10")
def test_a_signature_of_v1_covers_the_row() -> None:
    """The tag, five texts behind their lengths, the number, the payload hash and the cause."""
    signer = Ed25519Signer(bytes(32))
    plain = evolve(row(1), attest_level="daemon_signed")
    texts = b"id-1", b"a", b"t", b"daemon_signed", b"2026"
    written = b"".join(len(each).to_bytes(8, "big") + each for each in texts)
    written += (1).to_bytes(8, "big") + (32).to_bytes(8, "big") + plain.payload_hash
    tagged = b"ai-memory/signed-events/row-v1\0" + written + b"\0"
    signed = evolve(plain, signature=signer.sign(sha256(tagged).digest()))

    assert breaks_of([signed], [signer.public_key]) == []
    forged = evolve(signed, agent_id="mallory")
    assert breaks_of([forged], [signer.public_key]) == [(1, "signature wrong")]


# What follows the last row


@requirement("CHN-9")
def test_a_saved_head_covers_the_last_row_and_the_length() -> None:
    """In either encoding; an edit of the last row and a cut show, and growth does not."""
    rows = chain_of(4)
    for head in (pairwise_hash(rows[2]), later_hash(rows[2])):
        assert breaks_of(rows, head=head) == []
        assert breaks_of(rows[:3], head=head) == []
        assert breaks_of(rows[:2], head=head) == [(None, "saved head missing")]
        edited = [*rows[:2], evolve(rows[2], agent_id="mallory")]
        assert breaks_of(edited, head=head) == [(None, "saved head missing")]
    assert breaks_of([], head=bytes(32)) == []


@requirement("CHN-9")
def test_a_missing_signature_is_a_break_where_one_is_claimed_or_demanded() -> None:
    """A row of a signed level always needs one; any other needs one if that is asked."""
    stripped = evolve(row(1), attest_level="daemon_signed")

    assert breaks_of([stripped]) == [(1, "signature missing")]
    assert breaks_of([row(1)]) == []
    assert breaks_of([row(1)], require_signatures=True) == [(1, "signature missing")]


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
        evolve(row(4), signature=0),  # type: ignore[arg-type]
    ]

    assert [kind for _, kind in breaks_of(rows)] == ["malformed row"] * 4


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
