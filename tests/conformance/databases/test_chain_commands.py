"""`tornproof chain` says what is there, and changes nothing."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tornproof.chain import Ed25519Signer, Entry, append, connect, prepare
from tornproof.chain.pairwise import COLUMNS
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.machines.chain_holes import chain_of, find_rewritten_chain

from tests.conformance.databases.database_commands import edit, run


@requirement("CHN-5")
def test_a_whole_chain_holds(database: Path) -> None:
    """With its rows counted and its head named; and the limit of that is said."""
    result = run("chain", "verify", database)

    assert result.exit_code == 0
    assert "3 rows hold" in result.output
    assert "head 3:" in result.output
    assert "No saved head was given" in result.output


@requirement("CHN-5")
@pytest.mark.parametrize("form", ["{head}", "@{file}", "{digits}"])
def test_a_head_is_saved_and_compared(database: Path, tmp_path: Path, form: str) -> None:
    """What `head` prints, a file with that in it, or the hash alone; a longer chain holds too."""
    head = run("chain", "head", database).output
    (tmp_path / "head.txt").write_text(head)
    digits = head.strip().partition(":")[2]
    saved = form.format(head=head.strip(), file=tmp_path / "head.txt", digits=digits)

    with closing(connect(database)) as connection:
        append(connection, [Entry("later", "agent", "type", "2026", b"")])
    assert run("chain", "verify", database, "--head", saved).exit_code == 0

    edit(database, "DELETE FROM signed_events WHERE sequence >= 3")
    assert run("chain", "verify", database).exit_code == 0
    cut = run("chain", "verify", database, "--head", saved)
    assert cut.exit_code == 1
    assert "saved head missing" in cut.output


@requirement("CHN-6")
def test_every_break_is_shown_in_words_and_as_json(database: Path) -> None:
    """An edit, a row without a number and the gap it leaves; no column talks to the terminal."""
    edit(database, "UPDATE signed_events SET agent_id = ? WHERE sequence = 1", "x\x1b[2J")
    edit(database, "UPDATE signed_events SET sequence = NULL, id = ? WHERE sequence = 2", "\x07")

    shown = run("chain", "verify", database)
    document = json.loads(run("chain", "verify", database, "--json").output)

    assert shown.exit_code == 1
    kinds = ["no sequence", "row edited", "gap in the sequence", "not linked to the row before"]
    assert [each["kind"] for each in document["breaks"]] == kinds
    assert all(kind in shown.output for kind in kinds)
    assert document["holds"] is False
    assert document["rows"] == 3
    assert not set("\x1b\x07") & set(shown.output)


@requirement("CHN-6")
def test_a_table_ends_before_it_fills_the_screen_for_hours(database: Path) -> None:
    """The first hundred breaks are shown, and that there are more."""
    with closing(connect(database)) as connection:
        append(connection, [Entry(f"n{n}", "agent", "type", "2026", b"") for n in range(120)])
    edit(database, "UPDATE signed_events SET agent_id = 'x'")

    result = run("chain", "verify", database)

    assert "123 breaks in 123 rows" in result.output
    assert "… and 23 more: --json prints them all" in result.output


@requirement("CHN-7")
def test_signed_rows_need_their_key(tmp_path: Path) -> None:
    """Without the key they are breaks; unsigned ones are where signatures are required."""
    path, signer = tmp_path / "signed.db", Ed25519Signer(bytes(32))
    with closing(connect(path)) as connection:
        prepare(connection, str(path))
        append(connection, [Entry("a", "agent", "type", "2026", b"")], signer=signer)
    key = signer.public_key.hex()

    assert run("chain", "verify", path).exit_code == 1
    assert run("chain", "verify", path, "--key", key, "--require-signatures").exit_code == 0
    assert run("chain", "verify", path, "--key", "00" * 32).exit_code == 1


@requirement("CHN-9")
def test_a_chain_of_v07_is_recognised_and_verified(tmp_path: Path) -> None:
    """The plain command says what to do; the right one finds an edit, and not hole H9."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE signed_events (id, agent_id, event_type, payload_hash, signature,"
            " attest_level, timestamp, prev_hash, sequence)"
        )
        for each in chain_of(2):
            values = [getattr(each, name) for name in COLUMNS]
            connection.execute(f"INSERT INTO signed_events VALUES ({', '.join('?' * 9)})", values)
        connection.commit()

    refused = run("chain", "verify", path)
    assert refused.exit_code == 2
    assert "--pairwise" in refused.output
    assert run("chain", "verify", path, "--pairwise").exit_code == 0

    edit(path, "UPDATE signed_events SET agent_id = 'somebody else' WHERE sequence = 1")
    assert run("chain", "verify", path, "--pairwise").exit_code == 1

    repaired = find_rewritten_chain()[1].prev_hash
    edit(path, "UPDATE signed_events SET prev_hash = ? WHERE sequence = 2", repaired)
    passed = run("chain", "verify", path, "--pairwise")
    assert passed.exit_code == 0
    assert "(H9)" in passed.output


@requirement("CHN-9")
def test_a_saved_head_and_required_signatures_cover_the_last_row_of_an_old_chain(
    tmp_path: Path,
) -> None:
    """The last row rewritten passes by itself, and neither against a head nor unsigned."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE signed_events ({', '.join(COLUMNS)})")
        for each in chain_of(3):
            values = [getattr(each, name) for name in COLUMNS]
            connection.execute(f"INSERT INTO signed_events VALUES ({', '.join('?' * 9)})", values)
    (tmp_path / "head.txt").write_text(run("chain", "head", path, "--pairwise").output)
    verify = ("chain", "verify", path, "--pairwise")
    saved = f"@{tmp_path / 'head.txt'}"
    assert run(*verify, "--head", saved).exit_code == 0

    edit(path, "UPDATE signed_events SET agent_id = 'mallory' WHERE sequence = 3")

    passed = run(*verify)
    assert passed.exit_code == 0
    assert "the last row rewritten" in passed.output
    assert "rows 2 to 3: joined links" in passed.output
    assert run(*verify, "--head", saved).exit_code == 1
    assert run(*verify, "--require-signatures").exit_code == 1
    document = json.loads(run(*verify, "--json").output)
    assert document["links"] == [{"first": 2, "last": 3, "encoding": "joined"}]
    assert document["cannot_see"]


def test_the_head_of_an_empty_chain_is_genesis(tmp_path: Path) -> None:
    """Number 0 and 32 zero bytes."""
    path = tmp_path / "empty.db"
    with closing(connect(path)) as connection:
        prepare(connection, str(path))
    assert run("chain", "head", path).output == f"0:{'00' * 32}\n"
