"""
Workloads that are crashed everywhere, and looked at by a check.

The programs are scripts of a few lines.  `sync FILE` of coreutils is an fsync of a file or of a
directory, so a right script needs no other language.
"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tornproof_conformance.cli import main
from tornproof_conformance.pytest_support.plugin import requirement

from tests.recorders import needs_recorder

pytestmark = needs_recorder

IN_PLACE = """
for value in one two; do
  echo "value $value" > config && echo $value
done
"""

RENAMED = """
for value in one two; do
  echo "value $value" > config.new && mv config.new config && echo $value
done
"""

SYNCED = """
for value in one two; do
  echo "value $value" > config.new && sync config.new && mv config.new config && sync . &&
  echo $value
done
"""

WHOLE = """
read line < config || { echo "config is torn"; exit 1; }
case "$TORNPROOF_LAST:$line" in
  *:"value two" | one:"value one" | :"value one" | :"value zero") exit 0 ;;
esac
echo "after $TORNPROOF_LAST the file holds $line"; exit 1
"""

SETUP = "echo 'value zero' > config"


def crash(directory: Path, workload: str, *options: str, seconds: int = 20) -> Result:
    """Crash a workload that begins with a file, and return what the command line says."""
    arguments = ["crash", "--setup", SETUP, "--budget", str(seconds), "--jobs", "1"]
    arguments += ["--reproducers", str(directory / "found"), "--events", str(directory / "events")]
    return CliRunner().invoke(main, [*arguments, *options, "--", "sh", "-c", workload])


def events(directory: Path, kind: str) -> list[dict[str, object]]:
    """Return the events of one kind that a run has written."""
    lines = (directory / "events").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


@requirement("WRK-1")
def test_a_file_written_in_place_is_torn_by_a_kill(tmp_path: Path) -> None:
    """Between the truncation and the write there is an empty file, also without a loss of power."""
    result = crash(tmp_path, IN_PLACE, "--check", WHOLE)

    assert result.exit_code == 1, result.output
    torn = next(each for each in events(tmp_path, "ViolationFound") if "torn" in str(each))
    assert torn["crash_model"] == "process-kill"


@requirement("WRK-1")
def test_a_rename_without_a_sync_loses_the_bytes(tmp_path: Path) -> None:
    """A kill leaves one of the two files; a loss of power leaves a name without bytes."""
    result = crash(tmp_path, RENAMED, "--check", WHOLE)

    assert result.exit_code == 1, result.output
    found = events(tmp_path, "ViolationFound")
    assert {each["requirement"] for each in found} == {"WRK-1"}
    assert "process-kill" not in {each["crash_model"] for each in found}


def test_nothing_is_found_where_everything_is_synced(tmp_path: Path) -> None:
    """The file is synced before it gets its name, and the name before it is told."""
    result = crash(tmp_path, SYNCED, "--check", WHOLE)

    assert result.exit_code == 0, result.output
    assert "1 requirements hold, 0 violated" in " ".join(result.output.split())


def test_the_image_is_kept_as_files(tmp_path: Path) -> None:
    """A finding is a directory, with what the crash left and what had been printed."""
    crash(tmp_path, IN_PLACE, "--check", WHOLE)

    last = events(tmp_path, "ViolationFound")[-1]
    kept = Path(str(last["reproducer"]))
    assert (kept / "image" / "config").is_file()
    assert (kept / "printed").is_file()
    assert json.loads((kept / "reproducer.json").read_text())["requirement"] == "WRK-1"


@requirement("WRK-2")
def test_a_torn_state_is_found_without_a_check(tmp_path: Path) -> None:
    """What the state command prints was never there at a printed line."""
    result = crash(tmp_path, IN_PLACE, "--state", "cat config", "--only-lines")

    assert result.exit_code == 1, result.output
    found = events(tmp_path, "ViolationFound")
    assert {each["requirement"] for each in found} == {"WRK-2"}
    assert "process-kill" in {each["crash_model"] for each in found}


@requirement("WRK-2")
def test_states_of_a_right_workload_are_all_known(tmp_path: Path) -> None:
    """Each state after a crash was there without one, and none is older than what was printed."""
    result = crash(tmp_path, SYNCED, "--state", "cat config", "--only-lines")

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("true", "passes although every file that the workload wrote is empty"),
        ("echo no; false", "fails although nothing was lost: exit 1: no"),
    ],
)
def test_a_check_that_tells_nothing_is_refused(tmp_path: Path, check: str, reason: str) -> None:
    """It is tried where the verdict is known, before anything is crashed."""
    result = crash(tmp_path, SYNCED, "--check", check)

    assert result.exit_code == 2
    assert reason in result.output


def test_a_workload_that_fails_by_itself_is_refused(tmp_path: Path) -> None:
    """Nothing can be said of a crash of what does not work without one."""
    result = crash(tmp_path, "exit 3", "--check", WHOLE)

    assert result.exit_code == 2
    assert "ends with exit code 3" in result.output
