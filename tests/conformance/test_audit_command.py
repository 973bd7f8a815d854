"""`tornproof audit` shows what the index holds, and never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tornproof.audit import AuditStore, Contribution, QueryAudit, QueryParameters
from tornproof.keys import record_key
from tornproof.kv import SqliteKeyValueStore
from tornproof_conformance.cli import Tornproof
from tornproof_conformance.commands.audit import command
from tornproof_conformance.pytest_support.plugin import requirement

ALICE, ALAN, BOB = (bytes([0xA1, *[0] * 31]), bytes([0xA1, 1, *[0] * 30]), b"\xb0" * 32)


def audit(number: int, agent_id: bytes | None, timestamp: int, **more: Any) -> QueryAudit:
    """Make an audit whose id begins with its number."""
    return QueryAudit(
        query_id=bytes([number]) * 32,
        agent_id=agent_id,
        timestamp=timestamp,
        **{"result_confidence": 0.5, **more},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index with the audits of three agents and of nobody."""
    audits = AuditStore(SqliteKeyValueStore(tmp_path / "audits.db"))
    for number, timestamp in [(0x10, 1000), (0x20, 2000), (0x30, 3000)]:
        audits.put(audit(number, ALICE, timestamp))
    audits.put(audit(0x40, ALAN, 2500))
    audits.put(
        audit(
            0x50,
            BOB,
            2**64 - 1,
            params=QueryParameters(
                subject="rain", predicate="falls\x1b[2J", lifecycle="approved", epoch=7, lens="now"
            ),
            result_hash=b"\xee" * 32,
            contributing_assertions=[
                Contribution(
                    assertion_hash=b"\xaa" * 32,
                    weight=0.25,
                    source_hash=b"\xbb" * 32,
                    lifecycle="someday",
                )
            ],
        )
    )
    audits.put(audit(0x51, None, 1500))
    audits.close()
    return tmp_path / "audits.db"


def run(*arguments: object) -> Result:
    """Run the command as the program does, on a wide terminal."""
    program = Tornproof(commands={"audit": command})
    return CliRunner().invoke(
        program, ["audit", *map(str, arguments)], env={"COLUMNS": "200"}, prog_name="tornproof"
    )


def times(result: Result) -> list[str]:
    """Read the first column of a table."""
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


@requirement("AUD-5", "AUD-14")
def test_shows_the_audits_of_an_agent(path: Path) -> None:
    """In full by its id, and no other agent's."""
    result = run(path, "--agent", ALICE.hex())

    assert result.exit_code == 0
    assert times(result) == ["1000", "2000", "3000"]


@requirement("AUD-5")
def test_shows_a_range(path: Path) -> None:
    """Bounds are inclusive; a limit says that there is more."""
    assert times(run(path, "--agent", "a100", "--from", 2000, "--to", 3000)) == ["2000", "3000"]

    limited = run(path, "--agent", "a100", "--limit", 2)

    assert times(limited) == ["1000", "2000", "…"]
    assert "raise --limit" in limited.stdout


@requirement("AUD-7")
def test_shows_the_most_recent(path: Path) -> None:
    """Newest first, over all agents and nobody; without options, a screenful."""
    last = str(2**64 - 1)

    assert times(run(path, "--recent", 3)) == [last, "3000", "2500", "…"]
    assert times(run(path)) == [last, "3000", "2500", "2000", "1500", "1000"]
    assert "anonymous" in run(path).stdout


def test_shows_one_audit_in_full(path: Path) -> None:
    """Every field of it, found by the beginning of its id."""
    result = run(path, "--id", "50")

    assert result.exit_code == 0
    for part in (
        (b"\x50" * 32).hex(),
        BOB.hex(),
        str(2**64 - 1),
        "approved · epoch 7 · lens now",
        "ee" * 32,
        "aa" * 32,
        "weight 0.25, someday, from " + "bb" * 32,
    ):
        assert part in result.stdout


def test_evidence_does_not_talk_to_the_terminal(path: Path) -> None:
    """Control characters that an agent wrote are shown, not obeyed."""
    for arguments in ((), ("--id", "50"), ("--json",)):
        result = run(path, *arguments)

        assert "\x1b" not in result.stdout
        assert "falls\\x1b[2J" in result.stdout or "falls\\u001b[2J" in result.stdout


@pytest.mark.parametrize(
    ("unit", "shown"), [("s", "1970-01-01T00:16:40Z"), ("ms", "1970-01-01T00:00:01Z")]
)
def test_shows_dates_if_it_knows_the_unit(path: Path, unit: str, shown: str) -> None:
    """A timestamp beyond all dates stays a number."""
    result = run(path, "--unit", unit)

    assert times(result)[-1] == shown
    assert times(result)[0] == str(2**64 - 1)


def test_prints_json(path: Path) -> None:
    """Everything in full: bytes as hexadecimal digits, large integers as strings."""
    newest, *_ = json.loads(run(path, "--recent", 2, "--json").stdout)
    one = json.loads(run(path, "--id", "5050", "--json").stdout)

    assert newest == one
    assert one == {
        "query_id": "50" * 32,
        "agent_id": BOB.hex(),
        "timestamp": "18446744073709551615",
        "params": {
            "subject": "rain",
            "predicate": "falls\x1b[2J",
            "lifecycle": "approved",
            "epoch": 7,
            "lens": "now",
        },
        "result_hash": "ee" * 32,
        "result_confidence": 0.5,
        "contributing_assertions": [
            {
                "assertion_hash": "aa" * 32,
                "weight": 0.25,
                "source_hash": "bb" * 32,
                "lifecycle": "someday",
            }
        ],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--agent", "ff"),
        ("--id", "ff"),
        ("--agent", "b0", "--to", 5),
        ("--recent", 0),
    ],
)
def test_finding_nothing_has_an_exit_code(path: Path, arguments: tuple[object, ...]) -> None:
    """Exit code 1 and one line."""
    result = run(path, *arguments)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("tornproof: no audits")
    assert result.stderr.count("\n") == 1


def test_finding_nothing_is_still_json(path: Path) -> None:
    """A program that reads the output gets an empty list."""
    result = run(path, "--agent", "b0", "--to", 5, "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (1, [])


@requirement("AUD-15")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--agent", "a1"), f"begins several ids, among them {ALICE.hex()} and {ALAN.hex()}"),
        (("--agent", "xyz"), "not the beginning of an id"),
        (("--agent", "a" * 65), "not the beginning of an id"),
        (("--agent", ""), "not the beginning of an id"),
        (("--agent", "a1", "--recent", 1), "exclude each other"),
        (("--from", 1), "need --agent"),
        (("--recent", -1), "--recent"),
        (("--agent", "b0", "--limit", -1), "--limit"),
        (("--agent", "b0", "--to", 2**64), "--to"),
        (("--agent", "b0", "--from", "soon"), "--from"),
    ],
)
def test_mistakes_are_explained(path: Path, arguments: tuple[object, ...], message: str) -> None:
    """Exit code 2, and what is wrong with which option."""
    result = run(path, *arguments)

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"not a database", "is not an SQLite database"),
        (b"", "is not an SQLite database"),
    ],
    ids=["missing", "text", "empty"],
)
def test_a_file_that_is_no_index_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    """Exit code 2, one line, and nothing on the disk has changed."""
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)

    result = run(path)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert [each.read_bytes() for each in tmp_path.iterdir()] == (
        [content] if content is not None else []
    )


def test_damage_does_not_conform(path: Path) -> None:
    """Exit code 1, and the way out."""
    store = SqliteKeyValueStore(path)
    store.write({record_key(b"\x30" * 32): None})
    store.close()

    result = run(path)

    assert result.exit_code == 1
    assert "build the index again from its journal" in result.stderr
