"""Litmus vectors keep what was seen."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tornproof_kernels import vectors
from tornproof_kernels.__main__ import main
from tornproof_kernels.litmus import Litmus, read
from tornproof_kernels.measured import Campaign, load_campaigns, save_campaigns
from tornproof_kernels.mounting import parse_console
from tornproof_kernels.vectors import BadVector, Observed, Vector

FOLDER = Path(__file__).parents[2] / "spec" / "litmus"
LITMUS = Litmus("x", (), ("create a a", "fsync a"))
SYNCED = Litmus("r7-2", (), ("create a a", "fsync a"))


def run(*arguments: str) -> Result:
    """Run a command of the laboratory."""
    return CliRunner().invoke(main, arguments)


def vector(*seen: tuple[str, int, str]) -> Vector:
    """Make a vector of one program."""
    observed = Observed(LITMUS)
    for text, done, schedule in seen:
        observed.add(read(text), done, schedule)
    return Vector("6.12.117+deb12-cloud-amd64", "ext4", "-", (), 1, 2, (observed,))


def test_a_vector_is_read_as_it_was_written() -> None:
    """Nothing of it is lost in the file."""
    one = vector(("nothing", 0, "plain"), ("/a=empty", 1, "C@1"))
    assert vectors.encode(vectors.decode(vectors.encode(one))) == vectors.encode(one)
    assert (one.version, one.states) == ("6.12", 2)


def test_the_mildest_schedule_stays() -> None:
    """Of two schedules that lead to a state, the one with fewer disturbances is told."""
    (seen,) = vector(("nothing", 0, "H@1"), ("nothing", 0, "C@1")).programs[0].seen
    assert seen.schedule == "C@1"


def test_two_runs_are_put_together() -> None:
    """States of both are there, counts are sums."""
    merged = vectors.merge(vector(("nothing", 0, "plain")), vector(("/a=empty", 2, "plain")))
    assert (merged.states, merged.runs, merged.images) == (2, 2, 4)


def test_what_is_no_vector_is_refused() -> None:
    """Another format, or half a file."""
    with pytest.raises(BadVector, match="tornproof-litmus/9"):
        vectors.decode('{"format": "tornproof-litmus/9"}')
    with pytest.raises(BadVector, match="no litmus vector"):
        vectors.decode("{")


def test_a_vector_says_what_its_file_is_called() -> None:
    """By filesystem, kernel and options: as those are called that are there."""
    for path in FOLDER.glob("*-*.json"):
        assert vectors.load(path).name == path.stem


def test_a_new_state_becomes_a_vector(tmp_path: Path) -> None:
    """Of a result those programs are kept that show a forbidden state; twice is once."""
    found, (good, bad) = tmp_path / "found.json", (Observed(LITMUS), Observed(SYNCED))
    good.add(read("/a=empty"), 2, "plain")
    bad.add(read("nothing"), 2, "C@1")  # not on ext4: the new file was synced
    vector = Vector("6.18.1+deb14-amd64", "ext4", "data=journal", (), 3, 4, (good, bad))
    vectors.save(vector, found)

    for _ in range(2):
        result = run("vector", str(found), "--folder", str(tmp_path))

    assert result.output == f"{tmp_path}/ext4-6.18.1-data-journal.json: r7-2\n"
    (kept,) = vectors.load(tmp_path / "ext4-6.18.1-data-journal.json").programs
    assert (kept.litmus, kept.states) == (SYNCED, bad.states)
    assert run("judge", str(found)).exit_code == 1


def test_the_counts_of_a_result_are_added_once(tmp_path: Path) -> None:
    """To those of other seeds on the same kernel; what measurements.py has to say is printed."""
    found, observed = tmp_path / "found.json", Observed(SYNCED)
    observed.add(read("/a=empty"), 2, "plain")
    folder = tmp_path / "folder"
    folder.mkdir()
    vectors.save(Vector("6.18.1+deb14-amd64", "xfs", "-", (), 3, 4, (observed,), 5), found)
    place = ("6.18.1+deb14-amd64", "xfs", "-", ())
    save_campaigns([Campaign(*place, (3,), 60, 100, 70, 0, 9)], folder)

    result = run("count", str(found), "--folder", str(folder))

    assert load_campaigns(folder) == [Campaign(*place, (3, 7), 61, 104, 71, 0, 14)]
    assert "\"xfs\": Measurement(('6.18',), 61, 71, 0)," in result.output
    again = run("count", str(found), "--folder", str(folder))
    assert "seed 7 on 6.18.1+deb14-amd64 was counted already" in again.output


def test_the_nightly_workflow_runs_commands_that_there_are() -> None:
    """With options that they have, in the order in which each needs the one before."""
    text = (FOLDER.parents[1] / ".github" / "workflows" / "nightly.yml").read_text()
    lines = re.findall(r"tornproof_kernels (\w+)((?: \S+|\s*\\\n)*)", text)
    assert [name for name, _ in lines] == ["prepare", "random", "judge", "vector"]
    for name, rest in lines:
        known = {each for parameter in main.commands[name].params for each in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known


def test_what_a_guest_prints_is_read() -> None:
    """Trees by number, with what the guest complained of."""
    console = "IMAGE 0\nD /d\nF /d/a 600 3 41*2,00*1,.\nEND\nIMAGE 1\nFAILED mount image: x\nEND\n"
    (_, first), (_, second) = parse_console(console)
    assert first.image.files == {"/d/a": b"AA\0"}
    assert first.modes == {"/d/a": 0o600}
    assert second.trouble
