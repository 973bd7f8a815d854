"""`tornproof dlq` says what is there, changes nothing unasked, and never shows a traceback."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tornproof.chain import Ed25519Signer, Entry, append, connect
from tornproof.drainer import encode
from tornproof_conformance.pytest_support.plugin import requirement

from tests.conformance.databases.database_commands import edit, event, rows, run

# Dead letters


@requirement("DRN-5")
def test_dead_letters_are_listed_with_their_reasons(database: Path) -> None:
    """Oldest first, and what a reason says to a terminal is escaped."""
    output = run("dlq", "list", database).output

    assert output.index("e4") < output.index("no such column") < output.index("e5")
    assert "red \\x1b[31m" in output
    assert "… and 1 more" in run("dlq", "list", database, "--limit", 1).output


@requirement("DRN-15")
def test_dead_letters_are_given_in_full_as_json(database: Path) -> None:
    """The event is there as the object that it is."""
    (first, _) = json.loads(run("dlq", "list", database, "--json").output)

    assert first["event_id"] == "e4"
    assert first["reason"] == "no such column"
    assert first["event"]["action"] == {"command": "rm 4", "kind": "bash"}
    assert first["payload_hash"] == encode(event(4)).payload_hash.hex()


@requirement("DRN-15")
@pytest.mark.parametrize(("answer", "code"), [("n\n", 2), ("", 2), ("y\n", 0)])
def test_a_replay_asks_first(database: Path, answer: str, code: int) -> None:
    """No, or nobody there, and nothing has changed."""
    result = run("dlq", "replay", database, answer=answer)

    assert "Append 2 dead letters to the chain" in result.output
    assert result.exit_code == code
    replayed = code == 0
    assert rows(database, "signed_events_dlq") == (0 if replayed else 2)
    assert rows(database, "signed_events") == (5 if replayed else 3)


@requirement("DRN-15")
def test_a_replay_of_one_and_then_of_all(database: Path) -> None:
    """Each once; the chain verifies; a third replay finds nothing to do, and says so."""
    one = run("dlq", "replay", database, "e5", "--yes", "--json")
    assert json.loads(one.output) == {"replayed": ["e5"], "failed": []}
    assert "replayed 1 dead letter\n" in run("dlq", "replay", database, "--yes").output
    assert "replayed 0 dead letters" in run("dlq", "replay", database, "--yes").output

    assert run("dlq", "list", database).output == "no dead letters\n"
    assert run("chain", "verify", database).exit_code == 0


@requirement("DRN-15")
def test_what_cannot_be_replayed_stays(database: Path) -> None:
    """A dead letter that somebody edited is left alone, the other one is replayed: code 1."""
    edit(database, "UPDATE signed_events_dlq SET payload = x'7b7d' WHERE id = 'e4'")

    result = run("dlq", "replay", database, "--yes")

    assert result.exit_code == 1
    assert "replayed 1 dead letter\n" in result.output
    assert "e4 stays: " in result.output
    assert rows(database, "signed_events_dlq") == 1


@requirement("CHN-7")
def test_nothing_unsigned_is_appended_behind_a_signed_row(database: Path) -> None:
    """The command has no key, so it refuses."""
    with closing(connect(database)) as connection:
        entry = Entry("signed", "agent", "type", "2026", b"")
        append(connection, [entry], signer=Ed25519Signer(bytes(32)))

    result = run("dlq", "replay", database, "--yes")

    assert result.exit_code == 2
    assert "is signed" in result.output
    assert rows(database, "signed_events_dlq") == 2


def test_an_id_that_no_dead_letter_has_replays_nothing(database: Path) -> None:
    """Not even the ones that were named rightly beside it."""
    result = run("dlq", "replay", database, "e4", "nope", "--yes")

    assert result.exit_code == 2
    assert "nope" in result.output
    assert rows(database, "signed_events_dlq") == 2


COMMANDS = [
    ("chain", "verify"),
    ("chain", "verify", "--pairwise"),
    ("chain", "head"),
    ("dlq", "list"),
    ("dlq", "replay", "--yes"),
]

# Bad input


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("kind", ["missing", "directory", "text", "empty", "another", "half"])
def test_bad_input_ends_in_one_line_and_changes_nothing(
    tmp_path: Path, command: tuple[str, ...], kind: str
) -> None:
    """No such file, a directory, no database, an empty one, another's, another version's."""
    path = tmp_path / "bad.db"
    match kind:
        case "directory":
            path.mkdir()
        case "text":
            path.write_text("hello")
        case "empty":
            path.touch()
        case "another":
            edit(path, "CREATE TABLE t (a)")
        case "half":
            edit(path, "CREATE TABLE signed_events (id, prev_hash)")
    before = path.read_bytes() if path.is_file() else None

    result = run(*command, path)

    assert result.exit_code == 2
    assert result.output.startswith("tornproof: ")
    assert result.output.count("\n") == 1
    assert (path.read_bytes() if path.is_file() else None) == before
    assert [each.name for each in tmp_path.iterdir()] == ([] if kind == "missing" else ["bad.db"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_locked_database_is_said_to_be(database: Path, command: tuple[str, ...]) -> None:
    """Without a write-ahead log a writer keeps readers out."""
    edit(database, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        result = run(*command, database)

    assert result.exit_code == 2
    assert "locked" in result.output


@requirement("DRN-15")
def test_a_writer_beside_a_replay_is_not_waited_for_for_ever(database: Path) -> None:
    """The dead letters stay, each with the reason."""
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        result = run("dlq", "replay", database, "--yes")

    assert result.exit_code == 1
    assert "e4 stays: " in result.output
    assert "database is locked" in result.output
    assert rows(database, "signed_events_dlq") == 2


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_damaged_file_is_said_to_be(database: Path, command: tuple[str, ...]) -> None:
    """A file that was cut in the middle: code 1, as for other damage."""
    edit(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    database.write_bytes(database.read_bytes()[:5000])

    assert run(*command, database).exit_code == 1


def test_text_that_is_not_text_is_shown_all_the_same(database: Path) -> None:
    """Bytes that are no UTF-8, in a column that somebody wrote, are escaped."""
    edit(database, "UPDATE signed_events_dlq SET agent_id = CAST(x'ff41' AS TEXT)")

    listed = run("dlq", "list", database)
    assert listed.exit_code == 0
    assert "\\udcffA" in listed.output
    assert run("dlq", "replay", database, "--yes").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--head", "zz"),
        ("--head", "x:" + "00" * 32),
        ("--head", "@no-such-file"),
        ("--key", "12"),
        ("--pairwise", "--head", "zz"),
        ("--pairwise",),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    database: Path, arguments: tuple[str, ...]
) -> None:
    """Code 2, before anything is verified; a cumulative chain is not a pairwise one."""
    assert run("chain", "verify", database, *arguments).exit_code == 2
