"""`tornproof chain` and `dlq` say what is there, change nothing unasked, and never trace."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tornproof.chain import Ed25519Signer, Entry, append, connect, prepare
from tornproof.chain.pairwise import COLUMNS
from tornproof.drainer import Bash, Event, Refuse, encode
from tornproof.drainer.sink import Admitted, ChainSink
from tornproof_conformance.cli import Tornproof
from tornproof_conformance.commands import chain, dlq
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.machines.chain_holes import chain_of, find_rewritten_chain


@click.group(cls=Tornproof)
def main() -> None:
    """The two commands, as they are mounted."""


main.add_command(chain.command)
main.add_command(dlq.command)


def run(*arguments: object, answer: str | None = None) -> Result:
    """Run a command as an operator would; a traceback is a failure of every test."""
    result = CliRunner().invoke(main, [str(each) for each in arguments], input=answer)
    assert isinstance(result.exception, SystemExit | type(None)), result.exception
    assert "Traceback" not in result.output
    return result


def edit(path: Path, statement: str, *parameters: object) -> None:
    """Write to the database as somebody else might."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, parameters)


def rows(path: Path, table: str) -> int:
    """Count the rows of a table."""
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)


def event(number: int) -> Event:
    """Make an event with an id of its own."""
    decision = Refuse("R1", "because")
    return Event("agent", Bash(f"rm {number}"), decision, number, event_id=f"e{number}")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A chain of three rows, and two dead letters, one with a reason that talks to terminals."""
    path = tmp_path / "audit.db"
    with closing(connect(path)) as connection:
        prepare(connection, str(path))
        sink = ChainSink(connection, clock=lambda: 0)
        sink.append([Admitted(encode(event(number)), number) for number in (1, 2, 3)])
        sink.dead_letter(Admitted(encode(event(4)), 4), "no such column")
        sink.dead_letter(Admitted(encode(event(5)), 5), "red \x1b[31m")
    return path


# Verifying


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


# Bad input

COMMANDS = [
    ("chain", "verify"),
    ("chain", "verify", "--pairwise"),
    ("chain", "head"),
    ("dlq", "list"),
    ("dlq", "replay", "--yes"),
]


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
