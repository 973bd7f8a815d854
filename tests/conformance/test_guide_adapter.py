"""The guide to adapters prints what the program prints."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tornproof_conformance.cli import main

GUIDE = Path(__file__).parents[2] / "spec" / "guide-adapter.md"

BLOCK = re.compile(
    r"^```(?:\{code-block\} python3\n:caption: (?P<file>\S+)\n|console\n\$ (?P<command>[^\n]*)\n)"
    r"(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def play(text: str) -> Iterator[tuple[str, str, str]]:
    """Write the files of a page and run its commands: what it says, and what comes."""
    for block in BLOCK.finditer(text):
        if block["file"]:
            Path(block["file"]).write_text(block["body"], encoding="utf-8")
        elif block["command"].endswith(" -- python3 adapter.py"):
            program, *arguments = shlex.split(block["command"])
            result = CliRunner().invoke(main, arguments, prog_name=program)
            yield block["command"], _steady(block["body"]), _steady(result.output)


def _steady(output: str) -> str:
    """Leave out what differs: times, versions, hashes, further claims, blanks at ends of lines."""
    values = r"\(\d+(\.\d)?\s+s\)", r"tornproof \d\S+", r"-[0-9a-f]{8}\.json"
    for changing in ("not claimed .*", *values):
        output = re.sub(changing, "…", output)
    return "\n".join(line.rstrip() for line in output.splitlines()).strip()


def test_the_guide_prints_what_the_program_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed in from top to bottom, every command shows what the page shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    commands = 0

    for command, shown, printed in play(GUIDE.read_text(encoding="utf-8")):
        assert printed == shown, command
        commands += 1

    assert commands == 8
