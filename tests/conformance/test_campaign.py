"""`tornproof campaign`, as a person runs it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tornproof_conformance.commands.campaign import command
from tornproof_models.campaigns.archive import Archive
from tornproof_models.campaigns.campaign import Explored


def campaign(tmp_path: Path, *arguments: str) -> Result:
    """Run the command in this process."""
    fixed = ["--jobs", "1", "--reproducers", str(tmp_path / "reproducers")]
    return CliRunner().invoke(command, [*fixed, *arguments])


def covered(result: Result) -> str:
    """Return what the verdict rests on."""
    (line,) = (each for each in result.output.splitlines() if '"CheckFinished"' in each)
    return str(json.loads(line)["covered"])


def test_the_reference_holds(tmp_path: Path) -> None:
    """The verdict says how many programs and images it rests on."""
    result = campaign(tmp_path, "--operations", "1", "--shards", "3")
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    assert "images at" in words
    assert "of every program of up to 1 operations (12, of which 12 do something" in words
    assert "conforms" in words


def test_a_violation_is_told_and_saved(tmp_path: Path) -> None:
    """The smallest program is told with its crash, and its reproducer fails again."""
    result = campaign(
        tmp_path, "--miniature", "acknowledged-before-fsync", "--operations", "1", "--shards", "2"
    )
    assert result.exit_code == 1
    assert "✗ JRN-3" in result.output
    assert "(prefix, later)" in result.output
    assert list((tmp_path / "reproducers").glob("JRN-3-*.json"))


def test_progress_counts_shards_and_images(tmp_path: Path) -> None:
    """Each finished shard is an event with the images so far."""
    result = campaign(tmp_path, "--operations", "1", "--shards", "3", "--json")
    events = [json.loads(line) for line in result.output.splitlines()]
    progress = [each for each in events if each["event"] == "Progress"]
    assert [(each["done"], each["total"]) for each in progress] == [
        (0, 3),  # the survey
        *((done, 3) for done in range(4)),
    ]
    assert "images" in progress[-1]["detail"]


def test_an_interrupted_campaign_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C keeps what is finished; the same command does the rest, and only the rest."""
    directory = tmp_path / "kept"
    arguments = ("--operations", "1", "--shards", "6", "--resume", str(directory), "--json")
    save = Archive.save

    def interrupted(self: Archive, number: int, explored: Explored) -> None:
        if number == 2:
            raise KeyboardInterrupt
        save(self, number, explored)

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "save", interrupted)
        first = campaign(tmp_path, *arguments)
    kept = sorted(path.name for path in directory.glob("shard-*"))
    before = {path: path.stat().st_mtime_ns for path in directory.glob("shard-*")}
    second = campaign(tmp_path, *arguments)

    assert first.exit_code == 4
    assert "interrupted: the finished shards are in" in first.output
    assert kept == ["shard-00000.json", "shard-00001.json"]
    assert second.exit_code == 0
    assert len(list(directory.glob("shard-*"))) == 6
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert covered(second) == covered(
        campaign(tmp_path, "--operations", "1", "--shards", "2", "--json")
    )


def test_a_directory_of_another_campaign_is_refused(tmp_path: Path) -> None:
    """Other settings need another directory."""
    resume = ("--resume", str(tmp_path / "kept"), "--shards", "2")
    assert campaign(tmp_path, "--operations", "1", *resume).exit_code == 0
    result = campaign(tmp_path, "--operations", "2", *resume)
    assert result.exit_code != 0
    assert "its operations is 1, not 2" in str(result.exception)
