"""The sidebar of the site has every page, in four groups."""

import re

from tornproof_conformance.specification.claims import CLAIMS
from tornproof_conformance.specification.places import specification_directory

GROUP = re.compile(r"```\{toctree\}\n:hidden:\n:caption: ([^\n]+)\n(?::[^\n]+\n)*\n(.*?)```", re.S)
GROUPS = ["Guides", "Specification", "The tool", "Evidence"]


def test_every_page_is_in_one_group() -> None:
    """A page that no group lists cannot be found; one that two list makes the build fail."""
    directory = specification_directory()
    groups = dict(GROUP.findall((directory / "index.md").read_text("utf-8")))
    listed = [page for group in GROUPS for page in groups[group].split()]
    pages = [path.stem for path in directory.glob("*.md") if path.stem != "index"]

    assert sorted(listed) == sorted(pages)
    assert [group for group in groups if group != "Code"] == GROUPS


def test_the_questions_of_the_tutorial_lead_to_every_claim() -> None:
    """Each claim stands behind one question, and no other name does."""
    text = (specification_directory() / "guide-tutorial.md").read_text("utf-8")
    questions = text.partition("## Which claims do I have?")[2]
    asked = re.findall(r"\? `([a-z-]+/[a-z0-9-]+)`", questions)
    assert sorted(asked) == sorted(CLAIMS)
