"""The chain: what it is made of, how it grows, and the database that holds it."""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornproof.chain import (
    GENESIS,
    Entry,
    Head,
    append,
    connect,
    prepare,
    verify,
)
from tornproof.chain.database import require_sqlite
from tornproof.chain.row import content
from tornproof.errors import (
    Busy,
    Conflict,
    NotADatabase,
    TornproofError,
    UnsequencedRow,
    WrongSchema,
)
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.chain.chains import (
    Database,
    chain_of,
    entry,
    rows_of,
)

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
