"""The commands around the explorer, as a person or a script uses them."""

import json

import click
import pytest
from click.testing import CliRunner, Result
from tornproof.errors import Invalid
from tornproof_conformance.commands import barriers
from tornproof_conformance.programs import parse_program
from tornproof_models.disk.filesystem import Fault
from tornproof_models.explore.workload import Append, Fail, Kill, Reopen, Rotate, Sync


def run(command: click.Command, *arguments: str) -> Result:
    """Run a command in this process, on a wide terminal."""
    return CliRunner().invoke(command, arguments, env={"COLUMNS": "140"})


# Programs


def test_a_program_is_read_step_by_step() -> None:
    """Every step that a program can hold has a word."""
    text = "append:5 sync rotate  append:600 kill fail:2:error fail:1:short-write reopen"
    assert parse_program(text) == (
        Append(5),
        Sync(),
        Rotate(),
        Append(600),
        Kill(),
        Fail(2, Fault.ERROR),
        Fail(1, Fault.SHORT_WRITE),
        Reopen(),
    )


@pytest.mark.parametrize(
    "word",
    [
        "fly",
        "append",
        "append:x",
        "append:-1",
        "append:1:2",
        "append:9999999999",
        "sync:1",
        "fail:0:error",
        "fail:1:no",
    ],
)
def test_a_step_that_is_none_is_named(word: str) -> None:
    """The message quotes the step and lists those that there are."""
    with pytest.raises(Invalid, match=f"no step '{word}': there are append:BYTES"):
        parse_program(f"append:5 {word}")


# Barriers


def test_barriers_shows_a_table() -> None:
    """Each sync on a line: what it syncs, for which call, the verdict, profile, requirement."""
    result = run(barriers.command, "--program", "append:5")
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "1 directory / open load-bearing adversarial JRN-3" in lines
    assert "5 watermark append, call 0 not needed within the bound" in lines
    assert "10 0000000000000000.wal append, call 0 load-bearing prefix JRN-3" in lines
    assert any(line.startswith("3 of 4 syncs are load-bearing: a score of 0.75") for line in lines)
    assert "never load-bearing here: the sync of watermark" in lines


def test_barriers_as_json_holds_the_image() -> None:
    """A program reads the same, with the crash that breaks: what was lost, what was left."""
    result = run(barriers.command, "--program", "append:5", "--json")
    document = json.loads(result.output)
    (program,) = document["programs"]
    assert (document["target"], document["score"], program["score"]) == ("reference", 0.75, 0.75)
    record = program["syncs"][3]
    assert (record["verdict"], record["profile"]) == ("load-bearing", "prefix")
    assert record["violates"] == "JRN-3"
    assert record["judged"] == record["images"] > 0
    assert record["crashes"][0]["lost"]
    assert record["crashes"][0]["image"]["/journal/0000000000000000.wal"] == ""
    assert program["syncs"][1]["crashes"] == []


def test_barriers_of_a_broken_journal_prove_nothing() -> None:
    """A program that breaks with all its syncs is said to, and the exit code is 1."""
    result = run(barriers.command, "--target", "acknowledged-before-fsync", "--program", "append:5")
    assert result.exit_code == 1
    assert "with all its syncs it violates JRN-3 in prefix" in result.output


def test_every_kind_of_sync_but_one_is_load_bearing_somewhere() -> None:
    """Over the default programs only the syncs of the watermark bear nothing: spec/barriers.md."""
    document = json.loads(run(barriers.command, "--json").output)
    syncs = [sync for program in document["programs"] for sync in program["syncs"]]
    kinds = {
        (sync["path"] if sync["directory"] else sync["path"][-4:], sync["call"].partition(",")[0])
        for sync in syncs
    }
    bearing = {
        (sync["path"] if sync["directory"] else sync["path"][-4:], sync["call"].partition(",")[0])
        for sync in syncs
        if sync["verdict"] == "load-bearing"
    }
    assert {kind for kind, _ in kinds - bearing} == {"mark"}
    assert len(bearing) == 8
