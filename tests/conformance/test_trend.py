"""Runs over time: figures of each, and what changed between two."""

from pathlib import Path

from click.testing import CliRunner
from tornproof_conformance.cli import main
from tornproof_conformance.report.trend import bars, trend_of

from tests.conformance.report_runs import FAILING, PASSING, record_of


def test_a_verdict_that_changes_is_told_once() -> None:
    """The first run changes nothing, the second breaks REC-2, a third like it changes nothing."""
    passing, failing = record_of(PASSING), record_of(FAILING)
    first, second, third = trend_of([("a", passing), ("b", failing), ("c", failing)])
    assert first.changed == ()
    assert "REC-2: holds, now violated" in second.changed
    assert third.changed == ()
    assert (first.violated, second.violated) == (0, 3)


def test_bars_are_as_high_as_values() -> None:
    """Nothing is lowest, the most is highest, and no value at all is no bar."""
    assert bars([0, 5, 10]) == "▁▄█"
    assert bars([0, 0]) == "▁▁"
    assert bars([]) == ""


def test_the_command_draws_and_lists(tmp_path: Path) -> None:
    """Three lines of bars, and the change with the name of its file."""
    result = CliRunner().invoke(main, ["trend", str(PASSING), str(FAILING)], prog_name="tornproof")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["hold", "violated", "work"]
    assert any(line.startswith("failing (") and "REC-2" in line for line in lines[3:])
    assert not list(tmp_path.iterdir())
