"""
The examples in the README and in the chapters are tests.

A page runs as a whole, from its top to its end, in a fresh directory: an
example may use what an earlier one made, as a reader does who types it all in.
"""

from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "spec").glob("*.md"))]


def _examples(page: Path) -> Sybil:
    return Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT), patterns=[page.name])


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_example_prints_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed in from top to bottom, the examples of a page print what it shows."""
    examples = list(_examples(page).parse(page).examples())
    monkeypatch.chdir(tmp_path)

    for example in examples:
        example.evaluate()

    assert bool(examples) == (">>> " in page.read_text(encoding="utf-8"))
