"""No change to a chain goes unseen, and a signature is whose it says it is."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from tornproof.chain import AttestLevel, Ed25519Signer, Entry, append, verify
from tornproof.chain.signatures import signature_holds
from tornproof.errors import Invalid
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.chain.chains import Database, chain_of, entry, rows_of

EDITS: dict[str, Any] = {
    "id": "other",
    "agent_id": "other",
    "event_type": "other",
    "payload_hash": bytes(32),
    "signature": bytes(64),
    "attest_level": "self_signed",
    "timestamp": "2027",
    "prev_hash": b"\x01" * 32,
    "sequence": 99,
    "payload": b"other",
    "public_key": bytes(32),
    "row_hash": b"\x01" * 32,
}

# Verifying


@requirement("CHN-5")
@pytest.mark.parametrize("column", EDITS)
@pytest.mark.parametrize("sequence", range(1, 6))
def test_an_edit_of_any_column_of_any_row_is_seen(
    chain: Database, column: str, sequence: int
) -> None:
    """The last row included, though no row follows it."""
    chain.execute(
        f"UPDATE signed_events SET {column} = ? WHERE sequence = ?", (EDITS[column], sequence)
    )

    assert not verify(chain).holds


@requirement("CHN-5")
@pytest.mark.parametrize("value", [None, b"", b"id-3", 3, 3.5, "\x00"])
@pytest.mark.parametrize("column", EDITS)
def test_a_value_of_another_type_is_seen(chain: Database, column: str, value: object) -> None:
    """SQLite takes any value in any column; a text is not a blob of the same bytes."""
    (before,) = chain.execute(f"SELECT {column} FROM signed_events WHERE sequence = 3").fetchone()
    try:
        chain.execute(f"UPDATE signed_events SET {column} = ? WHERE sequence = 3", (value,))
    except sqlite3.IntegrityError:
        return  # the schema itself refuses
    (after,) = chain.execute(f"SELECT {column} FROM signed_events WHERE rowid = 3").fetchone()

    assert verify(chain).holds == (type(before) is type(after) and before == after)


@requirement("CHN-5")
def test_text_that_is_not_unicode_is_a_break(chain: Database) -> None:
    """It is reported like any other edit."""
    chain.execute("UPDATE signed_events SET agent_id = CAST(x'ff' AS TEXT) WHERE sequence = 2")

    assert [found.sequence for found in verify(chain).breaks] == [2]


@requirement("CHN-5")
@pytest.mark.parametrize("sequence", range(1, 5))
def test_a_deleted_row_is_seen(chain: Database, sequence: int) -> None:
    """It leaves a gap, and the next row follows a row that is not there."""
    chain.execute("DELETE FROM signed_events WHERE sequence = ?", (sequence,))

    breaks = verify(chain).breaks
    assert [(found.sequence, found.kind) for found in breaks] == [
        (sequence + 1, "gap in the sequence"),
        (sequence + 1, "not linked to the row before"),
    ]


@requirement("CHN-5")
@pytest.mark.parametrize("sequence", range(1, 5))
def test_a_deleted_row_is_seen_after_renumbering(chain: Database, sequence: int) -> None:
    """Closing the gap changes the rows that are moved."""
    chain.execute("DELETE FROM signed_events WHERE sequence = ?", (sequence,))
    for number in range(sequence + 1, 6):
        chain.execute(
            "UPDATE signed_events SET sequence = ? WHERE sequence = ?", (number - 1, number)
        )

    assert not verify(chain).holds


@requirement("CHN-5")
@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 4), (4, 5)])
def test_two_rows_that_change_places_are_seen(chain: Database, one: int, other: int) -> None:
    """Their numbers are in their hashes."""
    for old, new in ((one, -1), (other, one), (-1, other)):
        chain.execute("UPDATE signed_events SET sequence = ? WHERE sequence = ?", (new, old))

    assert not verify(chain).holds


@requirement("CHN-5")
def test_an_inserted_row_is_seen(chain: Database) -> None:
    """A row that another chain is whole with does not fit into this one."""
    with closing(chain_of(6)) as other:
        other.execute("UPDATE signed_events SET id = 'new' WHERE sequence = 6")
        row = rows_of(other)[5]
    chain.execute(f"INSERT INTO signed_events VALUES ({', '.join('?' * 12)})", row)

    assert not verify(chain).holds


@requirement("CHN-5")
@pytest.mark.parametrize("kept", range(5))
def test_a_cut_is_seen_against_a_saved_head_alone(chain: Database, kept: int) -> None:
    """A shorter chain is a chain; only who kept the head knows that it was longer."""
    head = verify(chain).head.hash
    chain.execute("DELETE FROM signed_events WHERE sequence > ?", (kept,))

    assert verify(chain).holds
    assert [found.kind for found in verify(chain, head=head).breaks] == ["saved head missing"]


@requirement("CHN-3", "CHN-5")
@pytest.mark.parametrize("first", range(1, 6))
def test_a_rewritten_history_is_seen_against_a_saved_head(chain: Database, first: int) -> None:
    """Who rewrites one row must rewrite all that follow, and so changes the head."""
    head = verify(chain).head.hash
    entries = [
        Entry(row[0], "somebody else", row[2], row[6], row[9])
        for row in rows_of(chain)[first - 1 :]
    ]
    chain.execute("DELETE FROM signed_events WHERE sequence >= ?", (first,))
    append(chain, entries)

    assert verify(chain).holds
    assert not verify(chain, head=head).holds


@requirement("CHN-5")
def test_a_head_that_was_saved_earlier_is_found_in_a_longer_chain(chain: Database) -> None:
    """A chain that only grew holds against every head that it ever had."""
    head = verify(chain).head.hash
    append(chain, [entry(6)])

    assert verify(chain, head=head).holds


@requirement("CHN-6")
def test_every_break_is_reported(chain: Database) -> None:
    """Three edits, three breaks, in order; and it names what is wrong with each."""
    chain.execute("UPDATE signed_events SET payload = 'x' WHERE sequence = 1")
    chain.execute("UPDATE signed_events SET payload = x'00' WHERE sequence = 3")
    chain.execute("UPDATE signed_events SET timestamp = 'x' WHERE sequence = 5")

    breaks = [(found.sequence, found.kind.value) for found in verify(chain).breaks]
    assert breaks == [(1, "malformed row"), (3, "payload edited"), (5, "row edited")]


@requirement("CHN-6")
def test_a_row_without_a_number_is_reported_and_so_is_the_gap_it_leaves(chain: Database) -> None:
    """NULL is not a place in a chain."""
    chain.execute("UPDATE signed_events SET sequence = NULL WHERE sequence = 2")

    kinds = [found.kind.value for found in verify(chain).breaks]
    assert kinds == ["no sequence", "gap in the sequence", "not linked to the row before"]
    assert "id-2" in str(verify(chain).breaks[0])


@requirement("CHN-6")
def test_a_number_that_occurs_twice_is_reported(chain: Database) -> None:
    """It takes dropping the index, which whoever can edit the file can do."""
    chain.execute("DROP INDEX signed_events_sequence")
    chain.execute("UPDATE signed_events SET sequence = 2 WHERE sequence = 3")

    assert "sequence not increasing" in [found.kind for found in verify(chain).breaks]


SIGNER = Ed25519Signer(bytes(range(32)), AttestLevel.DAEMON_SIGNED)

# Signatures


def test_ed25519_is_that_of_the_rfc() -> None:
    """RFC 8032, section 7.1, test 2."""
    signer = Ed25519Signer(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )

    assert signer.public_key.hex().startswith("3d4017c3e843895a92b70aa74d1b7ebc")
    assert signer.sign(b"\x72") == signature
    assert signature_holds(signer.public_key, signature, b"\x72")
    assert not signature_holds(signer.public_key, signature, b"\x73")


@requirement("CHN-7")
def test_signed_rows_hold_with_the_key_and_not_without() -> None:
    """A missing key is not a pass."""
    with closing(chain_of(2, SIGNER)) as chain:
        assert verify(chain, keys=[SIGNER.public_key]).holds
        unchecked = ["signature not checked"] * 2
        assert [found.kind for found in verify(chain).breaks] == unchecked
        assert [found.kind for found in verify(chain, keys=[bytes(32)]).breaks] == unchecked


@requirement("CHN-7")
def test_a_signature_moved_to_another_place_is_wrong() -> None:
    """The same entry, rehashed at another number, does not carry its signature along."""
    with closing(chain_of(1, SIGNER)) as chain:
        signature = rows_of(chain)[0][4]

        class Thief:
            attest_level: AttestLevel = SIGNER.attest_level
            public_key = SIGNER.public_key

            def sign(self, content: bytes) -> bytes:  # noqa: ARG002
                return bytes(signature)

        append(chain, [Entry("id-2", "agent-1", "type", "2026", b"payload 1")], signer=Thief())
        breaks = verify(chain, keys=[SIGNER.public_key]).breaks

    assert [(found.sequence, found.kind.value) for found in breaks] == [(2, "signature wrong")]


@requirement("CHN-7")
def test_rows_without_a_signature_break_only_where_signatures_are_asked_for() -> None:
    """A chain may have begun unsigned; whoever knows that it did not can say so."""
    with closing(chain_of(1)) as chain:
        assert verify(chain, keys=[SIGNER.public_key]).holds
        breaks = verify(chain, require_signatures=True).breaks

    assert [found.kind for found in breaks] == ["signature missing"]


@requirement("CHN-7")
def test_a_level_without_a_signature_is_malformed(chain: Database) -> None:
    """And so is a level that does not exist."""
    chain.execute("UPDATE signed_events SET attest_level = 'self_signed' WHERE sequence = 1")
    chain.execute("UPDATE signed_events SET attest_level = 'blessed' WHERE sequence = 2")

    assert [found.kind for found in verify(chain).breaks] == ["malformed row"] * 2


@pytest.mark.parametrize(
    "make",
    [lambda: Ed25519Signer(bytes(31)), lambda: Ed25519Signer(bytes(32), AttestLevel.UNSIGNED)],
)
def test_a_signer_insists_on_its_key_and_level(make: Callable[[], Ed25519Signer]) -> None:
    """Thirty-one bytes are no key, and unsigned is no way to sign."""
    with pytest.raises(Invalid):
        make()
