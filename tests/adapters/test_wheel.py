"""The wheel is complete: in an empty environment, outside a checkout, all commands work."""

import subprocess
import sys
from pathlib import Path

import pytest
from tornproof_conformance.commands import TABLE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it; return the command."""
    place = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", place, ROOT], check=True)
    subprocess.run([sys.executable, "-m", "venv", place / "empty"], check=True)
    (wheel,) = place.glob("*.whl")
    constraints = ROOT / "constraints.txt"
    fresh = (place / "empty/bin/python", *pip[1:])
    subprocess.run([*fresh, "install", "--constraint", constraints, wheel], check=True)
    return place / "empty/bin/tornproof"


def run(installed: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the installed suite in a directory outside of any checkout."""
    command = [str(installed), *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", TABLE)
def test_every_command_explains_itself(installed: Path, tmp_path: Path, name: str) -> None:
    """What a command imports is there."""
    result = run(installed, tmp_path, name, "--help")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("list", "vectors"), 0),
        (("list", "scenarios"), 0),
        (("explain", "REC-2"), 0),
        (("check", "vectors", "--miniature", "hash-unchecked", "--html", "report.html"), 1),
        (("survey",), 2),
    ],
)
def test_what_commands_read_is_in_the_wheel(
    installed: Path, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    """Chapters, vectors, schemas and templates; what only a checkout has is said to be missing."""
    result = run(installed, tmp_path, *arguments)
    assert result.returncode == code, result.stderr
    assert "a fault of the suite" not in result.stderr


def test_a_project_begins_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    """`init` and `check` in an empty directory name the first operation to fill in."""
    assert run(installed, tmp_path, "init", "--language", "python").returncode == 0
    result = run(installed, tmp_path, "check", "--budget", "5")
    assert result.returncode == 1, result.stderr
    assert "next fill in journal.open" in result.stdout
