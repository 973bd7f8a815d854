"""The pytest plugin ties tests to requirements."""

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest
from tornproof_conformance.pytest_support.plugin import requirement

@requirement("REC-1", "REC-2")
@pytest.mark.parametrize("number", [1, 2])
def test_passes(number):
    pass

@requirement("REC-2")
def test_fails():
    raise AssertionError

@requirement("REC-3")
def test_errs(missing_fixture):
    pass
"""


def _lines(pytester: pytest.Pytester, *options: str) -> list[list[str]]:
    """Run pytest on its own and return the words of each line it printed."""
    result = pytester.runpytest_subprocess("--strict-markers", "--no-cov", *options)
    return [line.split() for line in result.stdout.lines]


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_counts_tests_by_requirement(pytester: pytest.Pytester, options: list[str]) -> None:
    """The table counts each test once per requirement; a test that errs has failed."""
    pytester.makepyfile(SUITE)

    counts = {
        words[0]: words[1:3] for words in _lines(pytester, "--requirements", *options) if words
    }

    assert counts["REC-1"] == ["2", "0"]
    assert counts["REC-2"] == ["2", "1"]
    assert counts["REC-3"] == ["0", "1"]
    assert counts["REC-4"] == ["0", "0"]


def test_says_nothing_unless_asked(pytester: pytest.Pytester) -> None:
    """Without the option the run ends as ever."""
    pytester.makepyfile(SUITE)

    assert not any("requirements" in line for line in _lines(pytester))


def test_unknown_id_fails_the_collection(pytester: pytest.Pytester) -> None:
    """A test for a requirement that nobody stated is not run at all."""
    pytester.makepyfile(SUITE.replace("REC-1", "REC-99"))

    result = pytester.runpytest_subprocess("--no-cov")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*UnknownRequirement: no requirement 'REC-99' in spec/*.md: *"])
