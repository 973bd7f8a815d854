"""
The survey: what is listed can be built and run, and SQLite is seen through.
"""

import json
import shutil
import sys

import pytest
from attrs import evolve
from click.testing import CliRunner
from tornproof.errors import Invalid
from tornproof_conformance.cli import main
from tornproof_conformance.survey import entries, harm
from tornproof_conformance.survey.harm import FAILED, LATER, Examined, examine
from tornproof_models.crash.program import Append
from tornproof_models.disk.crash_models import CLAIMED

from tests.recorders import needs_recorder

SUFFIXES = {"c": "", "go": ".go", "java": ".java", "node": ".cjs", "python": ".py"}
SUFFIXES |= {"ruby": ".rb", "rust": ".rs"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try less than the command does: one record, and few images."""
    monkeypatch.setattr(harm, "PROGRAMS", ((Append(20),),))
    monkeypatch.setattr(harm, "BOUND", 64)
    monkeypatch.setattr(harm, "SAMPLE", 8)


@needs_recorder
def test_sqlite_loses_nothing_that_it_has_synced() -> None:
    """Under synchronous=FULL it does no more than take back what a failed sync left in memory."""
    entry = entries.entries()["sqlite-full"]
    entries.build(entry)

    *_, examined = examine(entry)

    assert isinstance(examined, Examined)
    found = [(each.time, each.violation.requirement, each.crash_model) for each in examined.harms]
    assert found == [(FAILED, "REC-8", "prefix")]
    assert examined.mildest == {FAILED: "prefix"}


@needs_recorder
def test_sqlite_loses_a_commit_that_it_does_not_sync() -> None:
    """Under synchronous=NORMAL the mildest power cut takes one; as documented, so no promise."""
    outcome = CliRunner().invoke(main, ["survey", "sqlite-normal"])

    assert outcome.exit_code == 0, outcome.output
    assert "later, from prefix on: JRN-3 (no promise)" in outcome.output
    assert "after a failed sync: an append has no sync that could fail" in outcome.output
    assert "weakest    later, from prefix on (no promise)" in outcome.output


@needs_recorder
def test_what_the_list_expects_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says whether it found what stands in the list."""
    normal = entries.entries()["sqlite-normal"]
    right = evolve(normal, name="sqlite-normal", expected={LATER: "prefix"})
    monkeypatch.setattr(
        "tornproof_conformance.commands.survey.find",
        lambda name: [evolve(right, expected={}) if name == "wrong" else right],
    )

    agreeing = CliRunner().invoke(main, ["survey", "right"])
    other = CliRunner().invoke(main, ["survey", "wrong"])

    assert "has later, from prefix on: as expected" in agreeing.output
    assert "has no harm: another than expected" in other.output


def test_every_entry_has_an_adapter_and_a_makefile() -> None:
    """What the list names is there, and what it pins is a version."""
    for entry in entries.entries().values():
        place = entries.directory() / entry.language
        assert (place / "Makefile").is_file(), entry.name
        assert (place / f"{entry.adapter}{SUFFIXES[entry.language]}").is_file(), entry.name
        assert set(entries.TOOLS) >= {entry.language}
        if entry.language != "c":  # those are the distribution's
            assert all("@" in each or ":" in each or "==" in each for each in entry.packages)


def test_every_adapter_has_an_entry() -> None:
    """No file lies about that the list does not name."""
    named = {(entry.language, entry.adapter) for entry in entries.entries().values()}
    for language, suffix in SUFFIXES.items():
        kits = {"kit", "Log", "kit.c"}
        for path in (entries.directory() / language).iterdir():
            if path.suffix in ({suffix} if suffix else {".c", ".cc"}):
                name = path.name if language == "c" else path.stem
                assert name in kits or (language, name) in named, path


def test_every_fix_is_an_entry_of_the_same_software() -> None:
    """A published bug in one version has the version beside it in which it is fixed."""
    for entry in entries.entries().values():
        if entry.fixed_in:
            fixed = entries.entries()[entry.fixed_in]
            assert entry.bug
            assert (fixed.software, fixed.language) == (entry.software, entry.language)
            assert fixed.version != entry.version
        assert set((entry.expected or {}).values()) <= {entries.NO_CRASH, *CLAIMED}


def test_the_list_quotes_promises_and_names_sources() -> None:
    """An entry is listed with what its own documentation says, or where it says nothing."""
    outcome = CliRunner().invoke(main, ["survey", "--json"])

    listed = [json.loads(line) for line in outcome.output.splitlines()]
    there = [entry for entry in listed if "unavailable" not in entry]
    assert [entry["name"] for entry in there] == list(entries.entries())
    assert all(entry["setting"] and entry["source"] for entry in there)


def test_the_list_says_what_is_missing_from_it() -> None:
    """Software that cannot be fetched is listed with the reason, and refused with it."""
    (name, reason), *_ = entries.unavailable().items()

    listed = CliRunner().invoke(main, ["survey"])
    refused = CliRunner().invoke(main, ["survey", name])

    assert f"{name}; {reason}" in listed.output
    assert refused.exit_code == 2
    assert refused.output == f"tornproof: {name} is not available: {reason}\n"


@needs_recorder
@pytest.mark.parametrize(
    ("name", "tool"), [("raft-wal-0.4.0", "go"), ("yaque-0.6.6", "cargo"), ("h2-2.5.252", "mvn")]
)
def test_a_missing_tool_is_named(name: str, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an entry cannot be built, the message says what to install, and the list does, too."""
    monkeypatch.setattr(shutil, "which", lambda each: None if each == tool else f"/usr/bin/{each}")

    refused = CliRunner().invoke(main, ["survey", "sqlite-full", name])
    listed = CliRunner().invoke(main, ["survey"])

    assert refused.exit_code == 2
    assert f"{name} is built with make and" in refused.output
    assert f"install {tool} and try again" in refused.output
    assert f"needs {tool} to be built" in listed.output


def test_a_tool_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip says is shown, with the command that anybody can run again."""
    lmdb = entries.entries()["lmdb-3.0.0"]
    entry = evolve(lmdb, name="no-such-version", packages=("tornproof==0.0.0",))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(Invalid, match=r"No matching distribution found") as it:
        entries.build(entry)

    assert f"PYTHON={sys.executable}" in str(it.value)
    assert "PACKAGES=tornproof==0.0.0" in str(it.value)


def test_an_unknown_name_is_refused() -> None:
    """A name that is none ends with one line and exit code 2."""
    outcome = CliRunner().invoke(main, ["survey", "oracle"])

    assert outcome.exit_code == 2
    assert outcome.output.startswith("tornproof: no entry 'oracle' in the survey:")


def test_a_pattern_names_several() -> None:
    """All versions of a library are asked for at once."""
    names = [entry.name for entry in entries.find("raft-wal-*")]

    assert names == ["raft-wal-0.3.0", "raft-wal-0.4.1", "raft-wal-0.4.0"]
