"""Links of the pages that are read on their own lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PAGES = sorted(
    path
    for place in ("*.md", "conformance/**/README.md", "kernels/**/README.md", "tests/**/README.md")
    for path in ROOT.glob(place)
    if not {"build", "node_modules"} & {*path.relative_to(ROOT).parts}
)

LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")

OUTSIDE = ("http://", "https://", "mailto:")
"""Nothing outside is fetched by a test."""


def anchors(text: str) -> set[str]:
    """Name the headings of a page as GitHub does."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """A path exists beside the page, and what stands after `#` is one of its headings."""
    broken = []
    for found in LINK.findall(page.read_text(encoding="utf-8")):
        link = found[0] or found[1]
        if link.startswith(OUTSIDE):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (
            anchor and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            broken.append(link)
    assert broken == []
