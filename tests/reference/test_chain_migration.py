"""Going on from a chain of v0.7: nothing of it is changed, and the new chain says what it was."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from tornproof.chain import Ed25519Signer, connect, prepare, verify
from tornproof.chain.migration import migrate_pairwise
from tornproof.chain.pairwise import COLUMNS
from tornproof.drainer import Bash, DeferredAuditQueue, Refuse
from tornproof.errors import WrongSchema
from tornproof_conformance.cli import main
from tornproof_conformance.commands.chain import command
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.hash_chain import later_pairwise_hash, pairwise_chain

NOW = "2026-01-31T12:00:00Z"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of v0.7 with three rows, a dead letter, and a table of somebody else's."""
    path = tmp_path / "audit.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE signed_events ({', '.join(COLUMNS)})")
        for row in pairwise_chain(3):
            values = [getattr(row, name) for name in COLUMNS]
            connection.execute(f"INSERT INTO signed_events VALUES ({', '.join('?' * 9)})", values)
        connection.execute("CREATE UNIQUE INDEX old_sequence ON signed_events (sequence)")
        connection.execute("CREATE TABLE signed_events_dlq (dlq_id, id, failure_reason)")
        connection.execute("INSERT INTO signed_events_dlq VALUES (1, 'x', 'why')")
        connection.execute("CREATE TABLE theirs (a)")
    return path


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@requirement("CHN-9")
def test_the_old_rows_stay_and_the_first_new_one_says_what_they_were(old: Path) -> None:
    """The rows under another name; their number, last number and head in a signed row."""
    signer = Ed25519Signer(bytes(32))
    with closing(connect(old)) as connection:
        seen, head = migrate_pairwise(connection, "it", timestamp=NOW, signer=signer)
        names = ", ".join(COLUMNS)
        rows = connection.execute(f"SELECT {names} FROM signed_events_pairwise").fetchall()
        letters = connection.execute("SELECT * FROM signed_events_dlq_pairwise").fetchall()
        verification = verify(connection, keys=[signer.public_key], require_signatures=True)
        kind, payload = connection.execute(
            "SELECT event_type, payload FROM signed_events"
        ).fetchone()

    expected = pairwise_chain(3)
    assert rows == [tuple(getattr(each, name) for name in COLUMNS) for each in expected]
    assert letters == [(1, "x", "why")]
    assert (seen.holds, verification.holds, verification.head) == (True, True, head)
    assert (kind, json.loads(payload)) == (
        "chain.migrated",
        {
            "breaks": 0,
            "head": later_pairwise_hash(expected[-1]).hex(),
            "rows": 3,
            "sequence": 3,
            "table": "signed_events_pairwise",
        },
    )


def test_a_drainer_goes_on_behind_it(old: Path) -> None:
    """The database is refused before, and is one of ours after."""
    with pytest.raises(WrongSchema, match="chain migrate"):
        DeferredAuditQueue.open(old, spool=None)
    with closing(connect(old)) as connection:
        migrate_pairwise(connection, "it", timestamp=NOW)

    with DeferredAuditQueue.open(old, spool=None) as queue:
        assert queue.submit_refusal("agent", Bash("ls"), Refuse("R", "because"))
    with closing(connect(old)) as connection:
        assert verify(connection).rows == 2


def test_what_is_no_old_chain_is_left_alone(old: Path, tmp_path: Path) -> None:
    """An empty database, one of this version, and one that was migrated before."""
    with closing(connect(tmp_path / "empty.db")) as empty, pytest.raises(WrongSchema):
        migrate_pairwise(empty, "it", timestamp=NOW)
    with closing(connect(old)) as connection:
        migrate_pairwise(connection, "it", timestamp=NOW)
        before = dump(old)
        with pytest.raises(WrongSchema, match="no chain"):
            migrate_pairwise(connection, "it", timestamp=NOW)
        connection.execute("DROP TABLE signed_events")
        connection.execute(f"CREATE TABLE signed_events ({', '.join(COLUMNS)})")
        with pytest.raises(WrongSchema, match="moved aside before"):
            migrate_pairwise(connection, "it", timestamp=NOW)
        connection.execute("DROP TABLE signed_events")
        prepare(connection, "it")
    assert dump(old) != before


def test_it_happens_whole_or_not_at_all(old: Path) -> None:
    """A table in the place of an index that is to be made leaves everything as it was."""
    with closing(connect(old)) as connection:
        connection.execute("CREATE TABLE signed_events_sequence (a)")
        before = dump(old)
        with pytest.raises(Exception, match="signed_events_sequence"):
            migrate_pairwise(connection, "it", timestamp=NOW)
    assert dump(old) == before


def test_from_a_terminal_it_asks_first(old: Path) -> None:
    """Nothing without a yes; then the head to be saved."""
    before = dump(old)
    refused = CliRunner().invoke(command, ["migrate", str(old)], input="n\n")
    assert refused.exit_code != 0
    assert dump(old) == before

    done = CliRunner().invoke(command, ["migrate", str(old), "--yes"])
    assert done.exit_code == 0
    assert "3 rows are in signed_events_pairwise now" in done.output
    assert "head 1:" in done.output


@requirement("AUD-17")
@pytest.mark.parametrize("content", ["", "CREATE TABLE theirs (a)"])
def test_a_refusal_leaves_the_file_as_it_was(content: str, tmp_path: Path) -> None:
    """An empty file stays empty, and nothing appears beside what is somebody else's."""
    path = tmp_path / "theirs.db"
    path.touch()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(content)
    before = path.read_bytes()

    refused = CliRunner().invoke(main, ["chain", "migrate", "--yes", str(path)])

    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert (path.read_bytes(), [*tmp_path.iterdir()]) == (before, [path])
