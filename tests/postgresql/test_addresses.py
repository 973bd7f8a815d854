"""Which databases are taken, which are refused, and what is said of them."""

import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from tornproof.chain.database import connector
from tornproof.chain.postgresql import connect
from tornproof.chain.server_errors import ServerError
from tornproof.drainer import DeferredAuditQueue
from tornproof.errors import InputOutput, Invalid, WrongSchema
from tornproof_conformance.cli import main
from tornproof_conformance.pytest_support.plugin import requirement

from tests.postgresql.landing import submit
from tests.reference.drainer_world import event


def test_a_password_is_not_in_the_name_of_a_database() -> None:
    """Names stand in messages, and messages in logs."""
    name, _ = connector("postgresql://audit:secret@example.org:5433/chain")

    assert name == "postgresql://example.org:5433/chain"


def test_what_is_no_address_is_refused_in_one_line() -> None:
    """It is not taken for the name of a file."""
    with pytest.raises(Invalid, match="not an address of PostgreSQL"):
        connector("postgresql://host/name?colour=red")


def test_without_psycopg_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite needs nothing of it."""
    monkeypatch.delitem(sys.modules, "tornproof.chain.postgresql", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(Invalid, match=r"pip install 'tornproof\[postgresql\]'"):
        connector("postgresql://host/name")


def test_a_server_that_does_not_run_is_named() -> None:
    """Nothing was submitted, so nothing is lost by that."""
    with pytest.raises(InputOutput, match=r"cannot open postgresql://127.0.0.1:9/audit"):
        DeferredAuditQueue.open("postgresql://127.0.0.1:9/audit", spool=None)


@requirement("DRN-17")
def test_a_commit_waits_for_the_disk_whatever_the_server_does_by_default(address: str) -> None:
    """A role or a database may have been told otherwise."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER ROLE tornproof SET synchronous_commit = off")
    try:
        with closing(connect(address)) as ours:
            setting = ours.execute("SELECT current_setting('synchronous_commit')").fetchone()
    finally:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("ALTER ROLE tornproof RESET synchronous_commit")

    assert setting == ("on",)


def test_a_table_of_another_shape_is_refused_unchanged(address: str) -> None:
    """It is another application's, or of another version."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE signed_events (id TEXT)")

    with pytest.raises(WrongSchema, match="table signed_events has no column agent_id"):
        DeferredAuditQueue.open(address, spool=None)

    with psycopg.connect(address) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
    assert tables == (1,)


def test_a_connection_that_reads_cannot_write(address: str) -> None:
    """Evidence is not changed by looking at it."""
    with (
        closing(connect(address, read_only=True)) as connection,
        pytest.raises(ServerError) as refused,
    ):
        connection.execute("CREATE TABLE t (x BIGINT)")

    assert refused.value.sqlstate == "25006"


@requirement("EVT-5")
def test_an_id_that_no_column_holds_is_refused_at_submit(address: str, tmp_path: Path) -> None:
    """Else it would keep everything behind it from landing."""
    queue = DeferredAuditQueue.open(address, spool=tmp_path / "spool")

    receipt = queue.submit(event(event_id="a\0b"))

    assert not receipt
    assert "U+0000" in receipt.reason
    assert queue.close_and_flush()


def test_the_commands_take_an_address(address: str, tmp_path: Path) -> None:
    """`chain verify` and `dlq list` read a server's chain as they read a file's."""
    queue = DeferredAuditQueue.open(address, spool=tmp_path / "spool")
    submit(queue, [], "first", "second")
    assert queue.close_and_flush()

    verified = CliRunner().invoke(main, ["chain", "verify", address])
    listed = CliRunner().invoke(main, ["dlq", "list", address])

    assert verified.exit_code == 0, verified.output
    assert "2 rows" in verified.output
    assert "no dead letters" in listed.output
