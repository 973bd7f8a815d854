"""The chapter on the checks names all of them, in the order in which they run."""

import json
import re
from itertools import groupby
from pathlib import Path

from click.testing import CliRunner
from tornproof_conformance.cli import main

PAGE = Path(__file__).resolve().parents[2] / "spec" / "checks.md"


def test_the_chapter_has_a_row_for_each_check() -> None:
    """Its two tables are those of `tornproof list checks`."""
    listed = json.loads(CliRunner().invoke(main, ["list", "checks", "--json"]).stdout)
    groups = [[check["name"] for check in group] for _, group in groupby(listed, _group)]

    sections = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    tables = [re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) for section in sections]

    assert tables[: len(groups)] == groups


def _group(check: dict[str, str]) -> str:
    return check["group"]
