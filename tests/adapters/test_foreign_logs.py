"""
Foreign logs: what is listed can be run, and SQLite is seen through.
"""

import json
import shutil

import pytest
from click.testing import CliRunner
from tornproof_conformance import foreign_logs
from tornproof_conformance.cli import main
from tornproof_conformance.foreign_logs import FAILED, LATER, Examined, examine
from tornproof_models.explore.workload import Append

TARGETS = foreign_logs.directory()

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try less than the command does: one record, and few images."""
    monkeypatch.setattr(foreign_logs, "PROGRAMS", ((Append(20),),))
    monkeypatch.setattr(foreign_logs, "BOUND", 64)
    monkeypatch.setattr(foreign_logs, "SAMPLE", 8)


@needs_strace
@pytest.mark.parametrize(
    ("mode", "harm"),
    [("full", (FAILED, "REC-8", "prefix")), ("normal", (LATER, "JRN-3", "prefix"))],
)
def test_sqlite_loses_a_commit_unless_it_syncs(mode: str, harm: tuple[str, str, str]) -> None:
    """
    A commit under synchronous=NORMAL may be lost in the mildest power cut; under FULL not.

    FULL does no more than take back what it has shown after a sync that failed.
    """
    *_, examined = examine(foreign_logs.foreign_logs()[f"sqlite-{mode}"])

    assert isinstance(examined, Examined)
    found = [(each.time, each.violation.requirement, each.profile) for each in examined.harms]
    assert found == [harm]


def test_every_log_has_an_adapter_and_a_pinned_version() -> None:
    """What the list names is there: a program, or what to build it from."""
    for log in foreign_logs.foreign_logs().values():
        if log.build:
            assert (TARGETS / log.build[0] / "Makefile").is_file()
        else:
            assert (TARGETS / log.command[1]).is_file()
        assert all("==" in package for package in log.packages)


def test_the_list_quotes_every_promise() -> None:
    """A log is listed with what its own documentation says."""
    outcome = CliRunner().invoke(main, ["targets", "--json"])

    listed = [json.loads(line) for line in outcome.output.splitlines()]
    assert [entry["name"] for entry in listed] == list(foreign_logs.foreign_logs())
    assert all(entry["promise"] and entry["source"] for entry in listed)


def test_an_unknown_log_is_refused() -> None:
    """A name that is none ends with one line and exit code 2."""
    outcome = CliRunner().invoke(main, ["targets", "oracle"])

    assert outcome.exit_code == 2
    assert outcome.output.startswith("tornproof: no log 'oracle': there are sqlite-full,")
