"""The chain: what it is made of, and that no change to it goes unseen."""

import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornproof.chain import (
    GENESIS,
    AttestLevel,
    Ed25519Signer,
    Entry,
    Head,
    append,
    connect,
    prepare,
    verify,
)
from tornproof.chain.database import require_sqlite
from tornproof.chain.row import content
from tornproof.chain.signatures import signature_holds
from tornproof.errors import (
    Busy,
    Conflict,
    Invalid,
    NotADatabase,
    TornproofError,
    UnsequencedRow,
    WrongSchema,
)
from tornproof_conformance.pytest_support.plugin import requirement

Database = sqlite3.Connection


def entry(number: int) -> Entry:
    return Entry(f"id-{number}", f"agent-{number}", "type", "2026", b"payload %d" % number)


def chain_of(rows: int, signer: Ed25519Signer | None = None) -> Database:
    """A database in memory with so many rows."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    prepare(connection, "memory")
    append(connection, map(entry, range(1, rows + 1)), signer=signer)
    return connection


@pytest.fixture
def chain() -> Iterator[Database]:
    with closing(chain_of(5)) as connection:
        yield connection


def rows_of(connection: Database) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT * FROM signed_events ORDER BY sequence").fetchall()


# What it is made of


@requirement("CHN-1", "CHN-2", "CHN-3", "CHN-4")
def test_rows_are_linked_by_hashes_computed_here_from_the_description(chain: Database) -> None:
    """Tag, fields and signature, each behind its length, hashed with SHA-256; genesis is zeros."""

    def field(value: bytes) -> bytes:
        return struct.pack(">Q", len(value)) + value

    previous = bytes(32)
    for number in range(1, 6):
        payload_hash = sha256(b"payload %d" % number).digest()
        expected = sha256(
            field(b"tornproof/chain/row/v1")
            + field(struct.pack(">Q", number))
            + field(previous)
            + field(b"id-%d" % number)
            + field(b"agent-%d" % number)
            + field(b"type")
            + field(payload_hash)
            + field(b"unsigned")
            + field(b"2026")
            + field(b"")
            + field(b"")
        ).digest()
        found = chain.execute(
            "SELECT prev_hash, payload_hash, row_hash FROM signed_events WHERE sequence = ?",
            (number,),
        ).fetchone()
        assert found == (previous, payload_hash, expected)
        previous = expected
    assert verify(chain).head == Head(5, previous)


@requirement("CHN-4")
@given(st.lists(st.text("a\x1f\x00", max_size=3), min_size=10, max_size=10))
def test_moving_text_between_fields_changes_the_bytes(texts: list[str]) -> None:
    """Two rows have the same content only if they agree in every field."""
    first = content(1, b"", texts[0], texts[1], texts[2], b"", texts[3], texts[4], None)
    second = content(1, b"", texts[5], texts[6], texts[7], b"", texts[8], texts[9], None)

    assert (first == second) == (texts[:5] == texts[5:])


@pytest.mark.parametrize("sequence", [-1, 2**64])
def test_a_sequence_outside_of_64_bits_has_no_content(sequence: int) -> None:
    """It would be written in more bytes than a reader expects."""
    with pytest.raises(ValueError, match="64 bits"):
        content(sequence, b"", "", "", "", b"", "", "", None)


def test_an_empty_chain_holds() -> None:
    """It has no rows, and its head is genesis."""
    with closing(chain_of(0)) as connection:
        seen = verify(connection, head=GENESIS.hash)

    assert (seen.rows, seen.head, seen.holds) == (0, GENESIS, True)


# Appending


@requirement("CHN-1", "CHN-8")
def test_appending_continues_where_the_chain_ends(chain: Database) -> None:
    """A later append reads the head; the chain stays whole."""
    head = append(chain, [entry(6)])

    assert (head.sequence, verify(chain).head, verify(chain).holds) == (6, head, True)


@requirement("CHN-1")
def test_what_is_rolled_back_takes_no_number(chain: Database) -> None:
    """The second of two entries has an id that is taken, so neither is there, and no gap."""
    with pytest.raises(TornproofError):
        append(chain, [entry(6), entry(1)])
    append(chain, [entry(7)])

    assert [row[0] for row in rows_of(chain)] == [f"id-{n}" for n in (1, 2, 3, 4, 5, 7)]
    assert verify(chain).holds


@requirement("CHN-8")
def test_nobody_appends_between_head_and_insert(tmp_path: Path) -> None:
    """While one connection is about to insert, a second cannot begin."""
    path = tmp_path / "chain.db"
    with closing(connect(path)) as first, closing(connect(path)) as second:
        prepare(first, "chain.db")

        def entries() -> Iterator[Entry]:
            with pytest.raises(Busy):
                append(second, [entry(2)])
            yield entry(1)

        append(first, entries())
        append(second, [entry(2)])

        assert verify(first).holds
        assert verify(first).rows == 2


@requirement("CHN-1", "CHN-8")
def test_nothing_is_appended_while_a_row_has_no_number(chain: Database) -> None:
    """The error names the row, and the chain does not advance."""
    chain.execute("UPDATE signed_events SET sequence = NULL WHERE sequence = 3")

    with pytest.raises(UnsequencedRow, match="id-3"):
        append(chain, [entry(6)])
    assert len(rows_of(chain)) == 5


# Verifying


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


# Signatures


SIGNER = Ed25519Signer(bytes(range(32)), AttestLevel.DAEMON_SIGNED)


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


# The database


@requirement("DRN-17")
def test_commits_are_durable(tmp_path: Path) -> None:
    """A write-ahead log with synchronous=FULL (2)."""
    with closing(connect(tmp_path / "chain.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_preparing_twice_is_preparing_once(tmp_path: Path) -> None:
    """The id of the database stays; another database has another one."""
    with closing(connect(tmp_path / "a.db")) as a, closing(connect(tmp_path / "b.db")) as b:
        first = prepare(a, "a.db")
        append(a, [entry(1)])

        assert prepare(a, "a.db") == first
        assert prepare(b, "b.db") != first
        assert verify(a).rows == 1


def test_a_prepared_database_opens_while_somebody_writes(tmp_path: Path) -> None:
    """Preparing then reads only."""
    with closing(connect(tmp_path / "a.db")) as a, closing(connect(tmp_path / "a.db")) as b:
        identity = prepare(a, "a.db")
        a.execute("BEGIN IMMEDIATE")

        assert prepare(b, "a.db") == identity


def test_the_tables_may_stand_beside_an_applications_own(tmp_path: Path) -> None:
    """Nothing of the application's is touched."""
    with closing(connect(tmp_path / "app.db")) as connection:
        connection.execute("CREATE TABLE memories (text)")
        connection.execute("PRAGMA application_id = 77")
        prepare(connection, "app.db")

        assert connection.execute("PRAGMA application_id").fetchone() == (77,)
        assert connection.execute("SELECT * FROM memories").fetchall() == []


@pytest.mark.parametrize("table", ["signed_events", "signed_events_dlq", "signed_events_spools"])
def test_a_table_of_another_shape_is_refused_unchanged(tmp_path: Path, table: str) -> None:
    """The error names the table and the columns, and no table of ours was made beside it."""
    with closing(connect(tmp_path / "old.db")) as connection:
        connection.execute(f"CREATE TABLE {table} (id TEXT, agent_id TEXT)")

        with pytest.raises(WrongSchema, match=rf"old\.db: table {table} has no column"):
            prepare(connection, "old.db")
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [(table,)]


def test_a_database_without_a_chain_does_not_verify() -> None:
    """Nothing to look at is not a pass."""
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(WrongSchema):
        verify(connection)


@pytest.mark.parametrize("data", [b"x", b"SQLite format 3\x00", b"a text file\n" * 20])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, data: bytes) -> None:
    """SQLite would take the short ones for empty databases and write over them."""
    path = tmp_path / "file"
    path.write_bytes(data)

    with pytest.raises(NotADatabase):
        require_sqlite(str(path))
    assert path.read_bytes() == data


def test_a_missing_or_empty_file_may_become_a_database(tmp_path: Path) -> None:
    """Neither is anybody's."""
    (tmp_path / "empty").touch()

    require_sqlite(str(tmp_path / "empty"))
    require_sqlite(str(tmp_path / "missing"))
    with pytest.raises(TornproofError):
        require_sqlite(str(tmp_path))


def test_an_id_that_is_taken_is_an_error_of_the_hierarchy(chain: Database) -> None:
    """SQLite's primary key says no, and the error is typed."""
    with pytest.raises(Conflict):
        append(chain, [entry(1)])
