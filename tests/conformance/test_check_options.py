"""Options that say how much of a check runs, and what it prints for machines."""

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from tornproof_conformance.cli import main
from tornproof_conformance.commands.completing import complete_subjects
from tornproof_conformance.commands.watching import files_of, stamps

MINIATURE = ("--miniature", "hash-unchecked")
"""A journal that the vectors convict at once."""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*arguments: str) -> Result:
    """Run `tornproof check`."""
    return CliRunner().invoke(main, ["check", *arguments], prog_name="tornproof")


def findings(result: Result) -> list[str]:
    """Read the ids of the findings that stand at the end."""
    return [line.split()[1] for line in result.output.splitlines() if line.startswith("✗ FRM-")]


def test_fail_fast_stops_at_the_first() -> None:
    """One finding is told, and what did not run is starved."""
    result = check("vectors", "scenarios", "--fail-fast", *MINIATURE)
    assert result.exit_code == 1
    assert len(findings(result)) == 1
    assert "stopped at 1 violation" in result.output


def test_max_failures_stops_at_so_many() -> None:
    """One finding is told of more."""
    several = ("--miniature", "no-checksum")
    assert len(findings(check("vectors", *several))) > 1
    result = check("vectors", "--max-failures", "1", *several)
    assert len(findings(result)) == 1


def test_a_misspelt_check_of_adapters_is_guessed() -> None:
    """Checks that do not apply to the built-in reference are guessed as well."""
    assert "did you mean kills?" in check("kils").output


def test_what_is_excluded_does_not_run() -> None:
    """A check by its name, a vector by a pattern; and a requirement cannot be."""
    result = check("vectors", "scenarios", "--exclude", "vectors", "--dry-run")
    assert [line.split()[0] for line in result.output.splitlines()[:1]] == ["scenarios"]
    kept = check("vectors", "--exclude", "frm/*", *MINIATURE)
    assert not findings(kept)
    refused = check("--exclude", "REC-2")
    assert refused.exit_code == 2
    assert "list it in a file of known failures" in refused.output
    assert "did you mean vectors?" in check("--exclude", "vector").output


def test_a_choice_that_is_none_is_asked_about() -> None:
    """What was mistyped is named as it is written."""
    assert "Did you mean ext4?" in check("--crash-model", "ext5").output
    assert "Did you mean" not in check("--crash-model", "hammer").output


def test_a_dry_run_runs_nothing(directory: Path) -> None:
    """The checks are named, and nothing is written."""
    result = check("--dry-run", *MINIATURE)
    assert result.exit_code == 0
    assert {"vectors", "exploration"} <= {line.split(" ")[0] for line in result.output.splitlines()}
    assert not list(directory.iterdir())


def test_the_last_failure_runs_alone(directory: Path) -> None:
    """What failed is noted beside the reproducers; what holds then is forgotten."""
    assert check("vectors", "scenarios", *MINIATURE).exit_code == 1
    again = check("--last-failed", *MINIATURE)
    assert again.exit_code == 1
    assert "scenarios" not in again.output.partition("\n\n")[2]
    assert check("--last-failed").exit_code == 0  # the reference
    assert not (directory / ".tornproof" / "last-failed").exists()
    assert "nothing failed in the last run" in check("--last-failed").output


def test_annotations_stand_on_a_line_each() -> None:
    """A violation is an error at its reproducer, with everything escaped."""
    result = check("vectors", "--annotations", "-q", *MINIATURE)
    lines = [line for line in result.output.splitlines() if line.startswith("::")]
    assert len(lines) == len(findings(result))
    assert lines[0].startswith("::error file=.tornproof/FRM-")
    assert "%0A" in lines[0]


def test_sarif_has_a_result_for_each_finding(directory: Path) -> None:
    """Each names a rule of the list, and the reproducer as its place."""
    result = check("vectors", "--sarif", "found.sarif", *MINIATURE)
    (run,) = json.loads((directory / "found.sarif").read_text())["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[each["ruleIndex"]] for each in run["results"]] == findings(result)
    place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert (directory / place).exists()
    jsonschema.validate(run["results"], {"type": "array", "items": {"required": ["message"]}})


def test_the_events_of_a_check_are_read_again(directory: Path) -> None:
    """What `--events` writes, `tornproof report` reads, with the crash models that were given."""
    check("vectors", "--crash-model", "ext4", "--events", "run.ndjson", *MINIATURE)
    told = CliRunner().invoke(main, ["report", "run.ndjson"], prog_name="tornproof")
    assert told.exit_code == 1, told.output
    assert findings(told)
    started = json.loads((directory / "run.ndjson").read_text().splitlines()[0])
    assert started["settings"]["crash_models"] == "ext4"


def test_ids_are_completed_in_either_case() -> None:
    """A shell completes requirements, checks and scenarios."""
    context, parameter = None, None
    found = complete_subjects(context, parameter, "rec-1")  # type: ignore[arg-type]
    assert {"REC-1", "REC-10"} <= {*found}
    assert "power-loss" in complete_subjects(context, parameter, "pow")  # type: ignore[arg-type]


def test_a_change_of_the_program_is_seen(directory: Path) -> None:
    """Its files are those that the command names; a file that is being replaced is none."""
    program = directory / "adapter"
    program.write_text("a")
    watched = files_of(["adapter", "--fast"])
    before = stamps(watched)
    program.write_text("another")
    assert stamps(watched) != before
    program.unlink()
    assert stamps(watched) == (None,)
