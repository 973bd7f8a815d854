"""The command line, as a person or a script uses it."""

import json
from base64 import b64encode
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tornproof.errors import Invalid
from tornproof_conformance.checks.recorded import arguments_of, crash_models_of
from tornproof_conformance.cli import main
from tornproof_conformance.commands.listing import KINDS
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.disk.crash_models import CLAIMED

from tests.conformance.report_runs import FAILING


def tornproof(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, arguments)


SMALL_BUDGET = ("--operations", "1", "scenarios", "exploration")
FEW_CHECKS = ("--operations", "1", "--crash-model", "process-kill", "vectors", "exploration")


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """Check a journal that acknowledges too early."""
    saved = tmp_path_factory.mktemp("reproducers")
    result = tornproof(
        "check",
        "--miniature",
        "acknowledged-before-fsync",
        "--reproducers",
        str(saved),
        "--verbose",
        *SMALL_BUDGET,
    )
    return result, saved


def test_check_passes_the_reference(tmp_path: Path) -> None:
    """The reference conforms: exit code 0, each family on a line, and what was left out."""
    result = tornproof("check", "--reproducers", str(tmp_path), *FEW_CHECKS)
    assert result.exit_code == 0, result.output
    assert "✓ Frame " in result.output
    assert "conforms" in result.output
    assert result.output.endswith("left out programs of four operations: --thorough has them\n")
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out_is_not_said_where_nothing_is(tmp_path: Path) -> None:
    """A check whose bounds `--thorough` does not raise leaves nothing out."""
    result = tornproof("check", "vectors", "--reproducers", str(tmp_path))
    assert "left out" not in result.output


def test_check_crashes_where_it_is_told_to(tmp_path: Path) -> None:
    """In `ext4-journal` a sync covers what came before it; the run says what that rests on."""
    result = CliRunner().invoke(
        main,
        [
            *("check", "exploration", "--operations", "1", "--json"),
            *("--miniature", "acknowledged-before-fsync", "--reproducers", str(tmp_path)),
            *("--crash-model", "ext4-journal"),
        ],
    )
    events = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 1
    checks = [each for each in events if each["event"] == "CheckFinished"]
    assert {tuple(each["crash_models"]) for each in checks} == {("ext4-journal",)}
    assert {line.partition(":")[0] for each in checks for line in each["measurements"]} == {
        "ext4-journal"
    }
    first = next(each for each in events if each["event"] == "ViolationFound")
    assert first["crash_model"] == "ext4-journal"


def test_an_exercise_keeps_the_crash_models_that_it_was_given() -> None:
    """A reproducer names them; without any they are those of every check, and one must exist."""
    assert crash_models_of(()) == CLAIMED
    assert crash_models_of(arguments_of(("btrfs", "xfs"))) == ("btrfs", "xfs")
    assert arguments_of(CLAIMED) == ()
    with pytest.raises(Invalid, match="no crash model 'ntfs': there are process-kill"):
        crash_models_of(["ntfs"])


def test_check_fails_a_lossy_journal(lossy: tuple[Result, Path]) -> None:
    """A violation shows sentence, program, crash model, image, expected, recovered and replay."""
    output = lossy[0].output
    assert lossy[0].exit_code == 1
    for part in (
        "JRN-3 is violated",
        "append(5 bytes)",
        "crash model       prefix",
        "✂ ",
        "expected          5 bytes at 0",
        "recovered         nothing",
        "tornproof replay",
        "does not conform",
    ):
        assert part in output


def test_replay_says_failed_and_tells_the_story(lossy: tuple[Result, Path]) -> None:
    """The saved reproducer still fails, and the replay shows each step."""
    (path,) = lossy[1].glob("JRN-3-*.json")
    result = tornproof("replay", str(path))
    assert result.exit_code == 1
    assert "FAILED" in result.output
    steps = ["open()", "append(5 bytes)", "▸ call 0: append(5 bytes)", "◂ call 0 returns"]
    places = [result.output.index(step) for step in steps]
    assert places == sorted(places)
    assert "recovery of the image in the file shows nothing" in result.output
    assert "the target does not do on the disk" not in result.output


def test_replay_says_the_same_to_programs(lossy: tuple[Result, Path], tmp_path: Path) -> None:
    """With --json there is one object with the verdict, also for a file that is none."""
    (path,) = lossy[1].glob("JRN-3-*.json")
    result = tornproof("replay", str(path), "--json")
    document = json.loads(result.output)
    assert (result.exit_code, document["verdict"]) == (1, "FAILED")
    assert document["violation"]["program"][-1] == "append(5 bytes)"
    result = tornproof("replay", str(tmp_path / "[/none].json"), "--json")
    assert (result.exit_code, json.loads(result.output)["verdict"]) == (2, "ERROR")


def test_replay_writes_the_image_of_the_crash(lossy: tuple[Result, Path], tmp_path: Path) -> None:
    """The directory holds the files that the reproducer has, and is never an old one."""
    (path,) = lossy[1].glob("JRN-3-*.json")
    image = json.loads(path.read_text())["crashes"][-1]["image"]["files"]
    directory = tmp_path / "image"

    written = tornproof("replay", str(path), "--image", str(directory))
    again = tornproof("replay", str(path), "--image", str(directory))

    assert written.exit_code == 0
    assert {
        f"/{file.relative_to(directory)}": b64encode(file.read_bytes()).decode()
        for file in directory.rglob("*")
        if file.is_file()
    } == image
    assert (again.exit_code, "exists: name a new directory" in again.output) == (2, True)


def test_replay_says_what_its_crash_model_rests_on(tmp_path: Path) -> None:
    """A hole in a sealed segment needs `ext4`, which was held against kernels."""
    program = ("--program", "append:600 append:600", "--durability", "eventual")
    subject = ("--miniature", "next-segment-before-sync", "--segment-bytes", "512")
    tornproof("check", *subject, *program, "--reproducers", str(tmp_path))
    (path,) = tmp_path.glob("REC-1-*.json")
    assert "\n  ext4: held against Linux" in tornproof("replay", str(path)).output
    (measured,) = json.loads(tornproof("replay", str(path), "--json").output)["measurements"]
    assert measured.startswith("ext4: held against Linux")


def test_replay_says_fixed(lossy: tuple[Result, Path], tmp_path: Path) -> None:
    """The same case on a journal without the bug is fixed."""
    (path,) = lossy[1].glob("JRN-3-*.json")
    mended = tmp_path / "mended.json"
    mended.write_text(path.read_text().replace("acknowledged-before-fsync", "reference"))
    result = tornproof("replay", str(mended))
    assert result.exit_code == 0
    assert "FIXED" in result.output
    assert "the implementation now does other disk operations" in result.output


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"format": "tornproof-reproducer/99"}',
        '{"format": "tornproof-reproducer/2"}',
        '{"format": "tornproof-reproducer/1", "target": "reference", "requirement": "JRN-3",'
        ' "message": "", "case": {"kind": "scenario", "scenario": "one-writer"}}',
    ],
    ids=["empty", "truncated", "list", "later version", "fields", "earlier version"],
)
def test_replay_says_error_for_a_bad_file(content: str, tmp_path: Path) -> None:
    """A file that is no reproducer of this version is an error of one line, exit code 2."""
    path = tmp_path / "bad.json"
    path.write_text(content)
    result = tornproof("replay", str(path))
    assert result.exit_code == 2
    assert result.output.startswith("ERROR")
    assert "Traceback" not in result.output


def test_replay_says_error_for_an_unknown_subject(
    lossy: tuple[Result, Path], tmp_path: Path
) -> None:
    """A subject that this suite does not have is an error of one line, exit code 2."""
    (path,) = lossy[1].glob("JRN-3-*.json")
    strange = tmp_path / "strange.json"
    strange.write_text(path.read_text().replace("acknowledged-before-fsync", "nobody"))
    result = tornproof("replay", str(strange))
    assert result.exit_code == 2
    assert result.output.startswith("ERROR")
    assert len(result.output.splitlines()) == 1


def test_a_missing_reproducer_is_an_error(tmp_path: Path) -> None:
    """A path that does not exist is named."""
    result = tornproof("replay", str(tmp_path / "none.json"))
    assert result.exit_code == 2
    assert "none.json" in result.output


def test_json_is_one_event_a_line(tmp_path: Path) -> None:
    """With --json every line is an event, the last one the verdict."""
    result = tornproof("check", "--json", "--reproducers", str(tmp_path), *FEW_CHECKS)
    events = [json.loads(line) for line in result.output.splitlines()]
    assert events[0]["event"] == "RunStarted"
    assert events[-1]["event"] == "RunFinished"
    assert events[-1]["conforms"] is True
    judged = {each["requirement"] for each in events if each["event"] == "RequirementJudged"}
    assert {"FRM-1", "JRN-3", "REC-8"} <= judged


def test_an_unknown_subject_is_a_usage_error() -> None:
    """A subject that does not exist ends with one line and exit code 2."""
    result = tornproof("check", "--miniature", "nobody")
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1


def test_explain_shows_text_reason_tests_and_miniatures() -> None:
    """A requirement is explained with everything that looks at it."""
    result = tornproof("explain", "JRN-7")
    assert result.exit_code == 0
    for part in ("JRN-7 (MUST)", "Why:", "scenarios:", "miniatures:", "fsync-retried"):
        assert part in result.output


def test_explain_shows_a_crash_model_and_a_miniature() -> None:
    """Crash models are shown as their rules, miniatures as their bug."""
    assert "new blocks" in tornproof("explain", "ext4").output
    assert "breaks" in tornproof("explain", "no-lock").output


def test_explain_shows_a_check_and_a_scenario() -> None:
    """What a verdict rests on can be looked up by the name that the report gives it."""
    assert "SIGKILL" in tornproof("explain", "kills").output
    assert "JRN-9" in tornproof("explain", "one-writer").output
    result = tornproof("explain", "bogus")
    assert (result.exit_code, "nothing is called 'bogus'" in result.output) == (2, True)


def test_every_kind_of_miniature_that_checks_judge_is_a_subject() -> None:
    """What `explain` says of how to see a miniature caught is a command that there is."""
    for name in ("journal/no-lock", "drainer/replays-twice", "group-commit/one-sync-each"):
        assert f"tornproof check --miniature {name}" in tornproof("explain", name).output
        assert find_subject(name).name == name


def test_explain_says_what_may_have_been_meant() -> None:
    """An unknown id is a one-line error with a suggestion."""
    result = tornproof("explain", "JRN-77")
    assert result.exit_code == 2
    assert "JRN-7" in result.output


@pytest.mark.parametrize("kind", KINDS)
def test_list_shows_every_kind(kind: str) -> None:
    """Each kind lists its entries, and the same ones as JSON."""
    listed = [line.partition(" ")[0] for line in tornproof("list", kind).output.splitlines()]
    entries = json.loads(tornproof("list", kind, "--json").output)
    assert len(entries) > 3
    assert {entry["name"] for entry in entries} <= set(listed)


def test_list_shows_miniatures_of_everything() -> None:
    """Miniatures are grouped by what they are miniatures of."""
    entries = json.loads(tornproof("list", "miniatures", "--json").output)
    kinds = {entry["group"] for entry in entries}
    assert kinds == {
        *("journal", "group-commit", "reader", "cursor", "cleanup"),
        *("audit", "audit-indexer", "chain", "drainer", "job-queue", "operations", "adapter"),
    }
    assert all(entry["text"] for entry in entries)


def test_list_shows_what_concerns_a_requirement() -> None:
    """With --requirement, only what has to do with it is listed."""
    output = tornproof("list", "miniatures", "--requirement", "cur-2").output
    assert "moves-backwards" in output
    assert "replays-twice" not in output


def test_explain_shows_a_miniature_of_a_drainer() -> None:
    """A miniature that is no journal is explained as well, with what it breaks."""
    output = tornproof("explain", "drainer/replays-twice").output
    assert "replays-twice (drainer)" in output
    assert "breaks DRN-" in output


def test_explain_says_the_same_to_programs() -> None:
    """With --json an explanation is one object."""
    document = json.loads(tornproof("explain", "REC-2", "--json").output)
    assert document["level"] == "MUST"
    assert {"exploration", "power-loss"} <= set(document["checks"])
    assert json.loads(tornproof("explain", "prefix", "--json").output)["rules"]
    assert json.loads(tornproof("explain", "no-lock", "--json").output)["miniatures"]


def test_explain_says_what_became_of_a_requirement() -> None:
    """With the events of a run its verdict is shown, and what that rests on."""
    output = tornproof("explain", "REC-2", "--events", str(FAILING)).output
    assert "appends-behind-a-torn-tail: violated (found by exploration)" in output
