"""The workloads of the survey: each is complete, and what is expected of it is found."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tornproof_models.disk.crash_models import CLAIMED

from tests.recorders import needs_recorder

SURVEY = Path(__file__).resolve().parents[2] / "conformance" / "survey" / "crash"
ENTRIES = sorted(path.parent for path in SURVEY.glob("*/workload"))


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.name for entry in ENTRIES])
def test_an_entry_says_what_is_expected(entry: Path) -> None:
    """It has a check, and an expectation in crash models that are judged."""
    assert (entry / "check").stat().st_mode & 0o111
    expected = tomllib.loads((entry / "expected.toml").read_text(encoding="utf-8"))
    findings = expected.get("finding", [])
    assert {each["crash_model"] for each in findings} <= set(CLAIMED)
    assert bool(findings) == (expected["exit"] == 1)


@needs_recorder
def test_a_shell_script_is_judged_as_expected() -> None:
    """The smallest entry: a setting that is renamed without a sync."""
    command = [sys.executable, str(SURVEY / "judge.py"), "--budget", "20", "shell-rename"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "shell-rename: exit 1, as expected" in done.stdout
