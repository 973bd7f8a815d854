"""
Foreign logs: what is listed can be run, and SQLite is seen through.
"""

import json
import shutil

import pytest
from attrs import evolve
from click.testing import CliRunner
from tornproof.errors import Invalid
from tornproof_conformance.cli import main
from tornproof_conformance.survey import harm, logs
from tornproof_conformance.survey.harm import FAILED, Examined, examine
from tornproof_models.crash.program import Append

from tests.recorders import needs_recorder

TARGETS = logs.directory()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try less than the command does: one record, and few images."""
    monkeypatch.setattr(harm, "PROGRAMS", ((Append(20),),))
    monkeypatch.setattr(harm, "BOUND", 64)
    monkeypatch.setattr(harm, "SAMPLE", 8)


@needs_recorder
def test_sqlite_loses_nothing_that_it_has_synced() -> None:
    """Under synchronous=FULL it does no more than take back what a failed sync left in memory."""
    *_, examined = examine(logs.foreign_logs()["sqlite-full"])

    assert isinstance(examined, Examined)
    found = [(each.time, each.violation.requirement, each.crash_model) for each in examined.harms]
    assert found == [(FAILED, "REC-8", "prefix")]


@needs_recorder
def test_sqlite_loses_a_commit_that_it_does_not_sync() -> None:
    """Under synchronous=NORMAL the mildest power cut takes one; as documented, so no promise."""
    outcome = CliRunner().invoke(main, ["targets", "sqlite-normal"])

    assert outcome.exit_code == 0
    assert "later, from prefix on: JRN-3 (no promise)" in outcome.output
    assert "after a failed sync: an append has no sync that could fail" in outcome.output
    assert "weakest    later, from prefix on (no promise)" in outcome.output


def test_every_log_has_an_adapter_and_a_pinned_version() -> None:
    """What the list names is there: a program, or what to build it from."""
    for log in logs.foreign_logs().values():
        if log.build:
            assert (TARGETS / log.build[0] / "Makefile").is_file()
        else:
            assert (TARGETS / log.command[1]).is_file()
        assert all("==" in package for package in log.packages)


def test_the_list_quotes_every_promise() -> None:
    """A log is listed with what its own documentation says."""
    outcome = CliRunner().invoke(main, ["targets", "--json"])

    listed = [json.loads(line) for line in outcome.output.splitlines()]
    there = [entry for entry in listed if "unavailable" not in entry]
    assert [entry["name"] for entry in there] == list(logs.foreign_logs())
    assert all(entry["promise"] and entry["source"] for entry in there)


def test_the_list_says_what_is_missing_from_it() -> None:
    """A log that cannot be fetched is listed with the reason, and refused with it."""
    (name, reason), *_ = logs.unavailable_logs().items()

    listed = CliRunner().invoke(main, ["targets"])
    refused = CliRunner().invoke(main, ["targets", name])

    assert f"{name}; {reason}" in listed.output
    assert refused.exit_code == 2
    assert refused.output == f"tornproof: {name} is not available: {reason}\n"


@needs_recorder
@pytest.mark.parametrize(("name", "tool"), [("raft-wal", "go"), ("yaque", "cargo")])
def test_a_missing_tool_is_named(name: str, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a log cannot be built, the message says what to install, and the list does, too."""
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda each: None if each == tool else found(each))

    refused = CliRunner().invoke(main, ["targets", "sqlite-full", name])
    listed = CliRunner().invoke(main, ["targets"])

    assert refused.exit_code == 2
    assert refused.output == (
        f"tornproof: {name} is built with make and {tool}; install {tool} and try again\n"
    )
    assert f"needs {tool} to be built" in listed.output


def test_a_tool_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip says is shown, with the command that anybody can run again."""
    log = evolve(logs.foreign_logs()["lmdb"], packages=("tornproof==0.0.0",))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(Invalid, match=r"No matching distribution found") as it:
        logs.prepare(log)

    assert "-m pip install --quiet tornproof==0.0.0" in str(it.value)


def test_an_unknown_log_is_refused() -> None:
    """A name that is none ends with one line and exit code 2."""
    outcome = CliRunner().invoke(main, ["targets", "oracle"])

    assert outcome.exit_code == 2
    assert outcome.output.startswith("tornproof: no log 'oracle': there are sqlite-full,")
