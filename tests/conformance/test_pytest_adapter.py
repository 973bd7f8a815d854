"""An adapter as a collection of tests."""

import shlex
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

MINIMAL = Path(__file__).resolve().parents[2] / "conformance" / "adapters" / "minimal.py"


def run(pytester: pytest.Pytester, adapter: Path, *options: str) -> pytest.RunResult:
    """Judge an adapter by pytest in this process."""
    command = shlex.join([sys.executable, str(adapter)])
    arguments = ("--tornproof-adapter", command, "--tornproof-budget", "1", *options)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--no-cov", *arguments)


def altered(directory: Path, old: str, new: str) -> Path:
    """Write the minimal adapter with a change."""
    source = MINIMAL.read_text()
    assert old in source
    path = directory / "altered.py"
    path.write_text(source.replace(old, new))
    return path


def test_a_test_is_collected_for_each_thing_that_is_tried(pytester: pytest.Pytester) -> None:
    """Scenarios come one by one, searches as a whole; each names what it looks at."""
    pytester.makepyfile("def test_of_the_users_own(): pass")
    result = run(pytester, MINIMAL, "--collect-only", "-q", "-m", "tornproof")
    assert "tornproof::conversation" in result.outlines
    assert "tornproof::scenarios/one-writer" in result.outlines
    assert "tornproof::power-loss" in result.outlines
    assert not [line for line in result.outlines if "users_own" in line]
    assert not [line for line in result.outlines if "vectors/" in line]  # not claimed


def test_what_holds_passes(pytester: pytest.Pytester) -> None:
    """An adapter without a bug passes, beside tests of the user's own."""
    pytester.makepyfile("def test_of_the_users_own(): pass")
    result = run(pytester, MINIMAL, "-k", "one-writer or users_own", "--requirements")
    result.assert_outcomes(passed=2, deselected=result.parseoutcomes()["deselected"])
    assert [line.split()[:3] for line in result.outlines if line.startswith("JRN-9 ")] == [
        ["JRN-9", "1", "0"]
    ]


def test_what_is_violated_fails_with_its_story(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """The failure shows the requirement and the command that plays it again."""
    unlocked = altered(tmp_path, "with exclusive(directory):", "if directory:")
    result = run(pytester, unlocked, "-k", "one-writer")
    result.assert_outcomes(failed=1, deselected=result.parseoutcomes()["deselected"])
    output = "\n".join(result.outlines)
    assert "JRN-9 is violated" in output
    assert "tornproof replay" in output
    assert "Traceback" not in output


def test_an_adapter_that_does_not_start_is_a_usage_error(pytester: pytest.Pytester) -> None:
    """One diagnosis with its hint, and no tests."""
    result = run(pytester, pytester.path / "nowhere.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "exited" in "\n".join(result.errlines)
