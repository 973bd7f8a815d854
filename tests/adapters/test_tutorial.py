"""The tutorial prints what the program prints, and nothing is wrong with its last journal."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tornproof_conformance.checks import Budget
from tornproof_conformance.cli import main
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.stream.run_events import Diagnosed, ViolationFound

from tests.recorders import needs_recorder

TUTORIAL = Path(__file__).parents[2] / "spec" / "guide-tutorial.md"

BLOCK = re.compile(
    r"^```(?:\{code-block\} python3\n:caption: (?P<file>[^,\n]+)"
    r"(?P<part>, in the class\n:class: part)?\n\n"
    r"|console\n\$ (?P<command>[^\n]*)\n)(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

METHOD = re.compile(r"    def (\w+)\(.*?(?=\n    def |\n\n\n|\Z)", re.DOTALL)

SECONDS = 8
"""Of the last step in this test; a verdict takes a minute."""


def play(text: str) -> Iterator[tuple[str, str, str]]:
    """Type in files, methods and commands; yield each command, what the page shows, what comes."""
    for block in BLOCK.finditer(text):
        if block["part"]:
            path = Path(block["file"])
            source = path.read_text(encoding="utf-8")
            path.write_text(with_methods(source, block["body"]), encoding="utf-8")
        elif block["file"]:
            Path(block["file"]).write_text(block["body"], encoding="utf-8")
        elif block["body"]:
            program, *arguments = shlex.split(block["command"])
            result = CliRunner().invoke(main, arguments, prog_name=program)
            yield block["command"], steady(block["body"]), steady(result.output)


def with_methods(source: str, part: str) -> str:
    """Put methods of a part in the place of those with their names, and import what it takes."""
    for method in METHOD.finditer(part):
        old = next(each for each in METHOD.finditer(source) if each[1] == method[1])
        source = source.replace(old[0].rstrip(), method[0].rstrip())
    return source.replace("import serve\n", "import serve, sync_directory\n")


def steady(output: str) -> str:
    """Leave out what differs: times, versions, hashes, measurements, and claims that come."""
    output = output.partition("\n\ncrash models, as measured")[0]
    for changing in (
        r"not claimed .*",
        r"\(\d+(\.\d)?\s+s\)",
        r"tornproof \d\S+",
        r"-[0-9a-f]{8}\.json",
    ):
        output = re.sub(changing, "…", output)
    return "\n".join(line.rstrip() for line in output.splitlines()).strip()


@needs_recorder
def test_every_step_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command gives a verdict, and none says that the adapter is broken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    commands = 0
    for command, shown, printed in play(TUTORIAL.read_text(encoding="utf-8")):
        assert printed == shown, command
        assert "broken" not in printed
        commands += 1
    assert commands == 8

    found = check_adapter(
        ["python3", "durability/adapter.py"], budget=Budget(seconds=SECONDS), reproducers=tmp_path
    )
    assert [each for each in found if isinstance(each, ViolationFound | Diagnosed)] == []
