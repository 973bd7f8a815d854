"""Run commands on directories of journals, and compare what lies there."""

from pathlib import Path

from click.testing import CliRunner, Result
from tornproof_conformance.cli import main


def tornproof(*arguments: str | Path) -> Result:
    """Run a command in this process, as `python -m` would, with tracebacks let through."""
    return CliRunner().invoke(main, [str(each) for each in arguments])


def refused(result: Result, exit_code: int) -> str:
    """The one line of a refusal, without a traceback."""
    assert result.exit_code == exit_code, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    lines = result.stderr.splitlines()
    assert lines[0].startswith("tornproof: ")
    return lines[0]


def snapshot(directory: Path) -> dict[Path, bytes | None]:
    """Everything below a directory, byte for byte."""
    return {path: path.read_bytes() if path.is_file() else None for path in directory.rglob("*")}


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.wal"))
