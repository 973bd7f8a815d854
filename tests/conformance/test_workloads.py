"""
Workloads that are crashed everywhere, and looked at by a check.

The programs are scripts of a few lines.  `sync FILE` of coreutils is an fsync of a file or of a
directory, so a right script needs no other language.
"""

import json
import sys
from contextlib import suppress
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


def crash(directory: Path, workload: str, *options: str, seconds: int = 300) -> Result:
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
    found = events(tmp_path, "ViolationFound")
    torn = next(each for each in found if str(each["message"]).endswith("config is torn"))
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


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("date +%N", "says something else each time"),
        ("true", "says the same before the workload and after it"),
    ],
)
def test_a_state_that_tells_nothing_is_refused(tmp_path: Path, state: str, reason: str) -> None:
    """It must be a function of the files, and differ with what the workload does."""
    result = crash(tmp_path, SYNCED, "--state", state)

    assert result.exit_code == 2
    assert reason in result.output


def test_a_workload_that_writes_elsewhere_is_refused(tmp_path: Path) -> None:
    """Nothing of its directory changes, and the message names the file that did."""
    result = crash(tmp_path, f"echo one > {tmp_path}/elsewhere", "--check", "grep -q value config")

    assert result.exit_code == 2
    assert f"it has written {tmp_path}/elsewhere" in result.output


def test_a_file_that_lies_where_the_run_was_started_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands run in another directory, so a script's relative path leads nowhere there."""
    monkeypatch.chdir(tmp_path)
    Path("check.sh").write_text(WHOLE)

    result = crash(tmp_path, SYNCED, "--check", "sh check.sh")

    assert result.exit_code == 2
    assert "write $PWD/check.sh" in result.output


@pytest.mark.parametrize("command", ["./a check", "'./a check' of files"])
def test_the_path_of_a_check_may_have_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It is found from where the run was started, and named without its directory."""
    monkeypatch.chdir(tmp_path)
    Path("a check").write_text(f"#!/bin/sh\n{WHOLE}")
    Path("a check").chmod(0o755)

    result = crash(tmp_path, IN_PLACE, "--check", command)

    assert result.exit_code == 1, result.output
    assert str(events(tmp_path, "ViolationFound")[0]["message"]).startswith("a check")


def test_a_workload_that_fails_by_itself_is_refused(tmp_path: Path) -> None:
    """Nothing can be said of a crash of what does not work without one."""
    result = crash(tmp_path, "exit 3", "--check", WHOLE)

    assert result.exit_code == 2
    assert "ends with exit code 3" in result.output


COUNTED = """
echo 1 > count.new && sync count.new && mv count.new count && sync . && echo done
"""

FORGETFUL = "mkdir -p old && cp count old/count && rm count && cp old/count count"
"""A recovery that removes the file before its copy is safe, or even complete."""

CAREFUL = "cp count copy && sync copy && mv copy count && sync ."


@requirement("WRK-3")
@pytest.mark.parametrize(("recover", "code"), [(FORGETFUL, 1), (CAREFUL, 0)])
def test_a_recovery_is_crashed_as_well(tmp_path: Path, recover: str, code: int) -> None:
    """What a recovery leaves when it is crashed must be enough for the next one."""
    arguments = ["crash", "--setup", "echo 0 > count; sync", "--recover", recover, "--jobs", "1"]
    arguments += ["--check", "test -s count || { echo gone; exit 1; }", "--budget", "300"]
    arguments += ["--reproducers", str(tmp_path / "found"), "--events", str(tmp_path / "events")]
    result = CliRunner().invoke(main, [*arguments, "--", "sh", "-c", COUNTED])

    assert result.exit_code == code, result.output
    found = {each["requirement"] for each in events(tmp_path, "ViolationFound")}
    assert found == ({"WRK-3"} if code else set())


def test_a_finding_is_looked_at_again(tmp_path: Path) -> None:
    """The same check still fails in the image that was kept; one that is content does not."""
    crash(tmp_path, IN_PLACE, "--check", WHOLE)
    kept = str(events(tmp_path, "ViolationFound")[-1]["reproducer"])

    failed = CliRunner().invoke(main, ["crash", "--check", WHOLE, "--replay", kept])
    content = CliRunner().invoke(main, ["crash", "--check", "true", "--replay", kept])

    assert (failed.exit_code, content.exit_code) == (1, 0), failed.output
    assert "FAILED" in failed.output


RESIDENT = """
while read directory; do
  cd "$directory" && if [ "$(wc -w < config)" = 2 ]; then echo ok; else echo torn; fi
done
"""


def test_a_check_may_stay(tmp_path: Path) -> None:
    """One line in, one line out: it finds what a check that is started each time finds."""
    result = crash(tmp_path, IN_PLACE, "--check", RESIDENT, "--resident")

    assert result.exit_code == 1, result.output
    found = events(tmp_path, "ViolationFound")
    assert {each["crash_model"] for each in found} == {"process-kill"}


def test_lines_are_printed_one_by_one_on_a_terminal(tmp_path: Path) -> None:
    """A program that keeps its output in a buffer makes its promises late, unless it sees one."""
    script = "import sys\nfor n in 1, 2:\n open('config', 'w').write(f'value {n}')\n print(n)"
    workload = f'PYTHONUNBUFFERED= exec {sys.executable} -S -c "{script}"'
    check = 'test -s config && test "$(cut -c7 config)" -ge "${TORNPROOF_LAST:-0}"'

    crash(tmp_path, workload, "--check", check)
    [late] = events(tmp_path, "CheckFinished")
    crash(tmp_path, workload, "--check", check, "--terminal")
    [soon] = events(tmp_path, "CheckFinished")

    assert "2 lines were printed in one piece" in str(late["notes"])
    assert "in one piece" not in str(soon["notes"])


def test_a_real_kill_leaves_the_same(tmp_path: Path) -> None:
    """The workload runs again, and is killed between the truncation and the write."""
    crash(tmp_path, IN_PLACE, "--check", WHOLE, "--once-killed")

    found = events(tmp_path, "ViolationFound")
    torn = [each for each in found if each["crash_model"] == "process-kill"]
    assert "killed for real: the same" in str(torn[-1]["afterwards"])


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_image_lies_where_the_workload_ran(tmp_path: Path, jobs: str) -> None:
    """A path inside a file holds, also where several images are looked at at once."""
    workload = 'pwd > new && sync new && mv new here && sync . && echo "$PWD"'
    check = '[ -z "$TORNPROOF_LAST" ] || test "$(cat here)" = "$PWD"'

    result = crash(tmp_path, workload, "--check", check, "--jobs", jobs)

    assert result.exit_code == 0, result.output


def test_links_and_modes_are_as_they_were(tmp_path: Path) -> None:
    """A link leads where it led, and a script can be run."""
    workload = "echo 'exit 0' > tool && chmod 700 tool && ln -s tool link && sync && echo done"
    check = (
        '[ -z "$TORNPROOF_LAST" ] || { test "$(readlink link)" = tool && test -s tool && ./link; }'
    )

    result = crash(tmp_path, workload, "--check", check)

    assert result.exit_code == 0, result.output


STORES_TWICE = """exec python3 -S -c '
import mmap
with open("config", "r+b") as file:
    file.truncate(4096)
    memory = mmap.mmap(file.fileno(), 4096)
    memory[1024], memory[3072] = 120, 121
'"""


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--every-store",), 1)])
def test_every_store_is_seen_by_itself(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    """Between two calls the order of stores is not known, unless each is stepped through."""
    check = "grep -q value config && if grep -q x config; then grep -q y config; fi"
    mild = ("--crash-model", "process-kill", "--crash-model", "prefix")

    result = crash(tmp_path, STORES_TWICE, "--check", check, *mild, *options)

    assert result.exit_code == code, result.output


def test_what_a_workload_leaves_running_is_ended(tmp_path: Path) -> None:
    """A server in the background does not hold up the recording; a note says that it was killed."""
    workload = f"{SYNCED} (setsid sleep 600 &)"

    result = crash(tmp_path, workload, "--check", WHOLE)

    assert result.exit_code == 0, result.output
    [finished] = events(tmp_path, "CheckFinished")
    assert "ran on after it had ended" in str(finished["notes"])


def test_what_a_check_leaves_running_is_ended(tmp_path: Path) -> None:
    """A server that a check starts in a session of its own does not outlive it."""
    mark = f"{tmp_path.name}-600"
    check = f"(setsid sh -c ': {mark}; sleep 600' &) ; {WHOLE}"

    crash(tmp_path, SYNCED, "--check", check, "--crash-model", "process-kill")

    running = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            running.append(process.read_bytes())
    assert not any(mark.encode() in each for each in running)
