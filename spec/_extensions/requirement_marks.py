"""
Give every requirement an anchor, a frame and a list of what exercises it.

In a chapter, the paragraphs of a requirement become one block with the anchor
`#rec-2`; below them stands what `tornproof explain REC-2` lists: the checks,
scenarios and vectors that look at it, the miniatures that violate it, the variants
that use the room that it leaves, and the tests that carry `@requirement("REC-2")`.
Everywhere else, in chapters and in docstrings, `REC-2` becomes a link to that block.
"""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger
from sphinx.util.osutil import relative_uri
from tornproof_conformance.run.traceability import who_looks
from tornproof_conformance.specification.requirements import (
    FAMILIES,
    Requirement,
    marked_tests,
    requirements,
)

CHECKOUT = Path(__file__).resolve().parents[2]

DECLARING = (
    "tests/**/test_*.py",
    "spec/vectors/*.json",
    "models/tornproof_models/contract/**/*.py",
    "models/tornproof_models/miniatures/*.py",
    "conformance/tornproof_conformance/checks/*.py",
    "conformance/tornproof_conformance/scenarios/*.py",
    "conformance/tornproof_conformance/variants/*.py",
)
"""The files that say at which requirements they look."""

_LOGGER = getLogger(__name__)
_MENTION = re.compile(rf"\b(?:{'|'.join(FAMILIES)})-[1-9]\d*\b")
_UNTOUCHED = (nodes.FixedTextElement, nodes.literal, nodes.reference, nodes.raw, nodes.title)


def frame_requirements(app: Sphinx, doctree: nodes.document) -> None:
    """Gather the paragraphs of each requirement into one block."""
    framed = set()
    for paragraph in list(doctree.findall(nodes.paragraph)):
        label = _label(paragraph)
        stated = requirements().get(label.astext()) if label else None
        if stated is None or stated.chapter != app.env.docname:
            continue
        block = nodes.container(classes=["requirement"], ids=[stated.id.lower()])
        home = paragraph.parent
        start = home.index(paragraph)
        count = 2 + bool(stated.helps) + bool(stated.elsewhere)
        gathered = home.children[start : start + count]
        del home[start : start + count]
        _dress(gathered[0], stated)
        block += [*gathered, *_exercised_by(stated)]
        home.insert(start, block)
        framed.add(stated.id)
    here = {each.id for each in requirements().values() if each.chapter == app.env.docname}
    if missed := here - framed:
        _LOGGER.warning("%s: not found on the page: %s", app.env.docname, ", ".join(missed))
    if here:
        for pattern in DECLARING:
            for path in CHECKOUT.glob(pattern):
                app.env.note_dependency(str(path))


def _label(paragraph: nodes.paragraph) -> nodes.strong | None:
    """Return the bold words with which a paragraph begins, if it does."""
    first = next((child for child in paragraph.children if child.astext()), None)
    return first if isinstance(first, nodes.strong) else None


def _dress(paragraph: nodes.Node, stated: Requirement) -> None:
    """Turn `**REC-2** (MUST) …` into a linked label, a badge and the sentence."""
    assert isinstance(paragraph, nodes.paragraph)
    label = _label(paragraph)
    assert label is not None
    text = paragraph.children[paragraph.index(label) + 1]
    own = nodes.reference("", stated.id, refid=stated.id.lower(), classes=["requirement-id"])
    level = nodes.inline("", stated.level, classes=["level", f"level-{stated.level.lower()}"])
    paragraph.replace(text, nodes.Text(" " + text.astext().partition(") ")[2]))
    paragraph.replace(label, [own, nodes.Text(" "), level])


def _exercised_by(stated: Requirement) -> list[nodes.Node]:
    """List what looks at a requirement, folded under a line that counts each kind."""
    looking = {label: names for label, names in who_looks(stated.id).items() if names}
    if not looking:
        return []
    counts = [
        f"{len(names)} {label[: -1 if len(names) == 1 else None]}"
        for label, names in looking.items()
    ]
    head = f"<details><summary>{_joined(counts)}</summary>"
    listed = nodes.definition_list(
        "", *(_names(label, names) for label, names in looking.items()), classes=["looking"]
    )
    return [nodes.raw("", head, format="html"), listed, nodes.raw("", "</details>", format="html")]


def _names(label: str, names: list[str]) -> nodes.definition_list_item:
    """List what looks at a requirement in one way; the names of tests get a line each."""
    items = (nodes.list_item("", nodes.paragraph("", "", nodes.literal("", n))) for n in names)
    listed = nodes.bullet_list("", *items, classes=[label])
    return nodes.definition_list_item("", nodes.term("", label), nodes.definition("", listed))


def _joined(parts: list[str]) -> str:
    """Join parts as a sentence does."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def link_mentions(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make every mention of a stated requirement a link to it."""
    here = app.builder.get_target_uri(docname)
    for text in list(doctree.findall(nodes.Text)):
        if not _MENTION.search(text) or _inside(text, _UNTOUCHED):
            continue
        pieces: list[nodes.Node] = []
        for piece in re.split(f"({_MENTION.pattern})", text.astext()):
            stated = requirements().get(piece)
            if stated is None:
                pieces.append(nodes.Text(piece))
                continue
            there = relative_uri(here, app.builder.get_target_uri(stated.chapter))
            pieces.append(
                nodes.reference(
                    "",
                    piece,
                    internal=True,
                    refuri=f"{there}#{piece.lower()}",
                    reftitle=stated.sentence,
                    classes=["requirement-mention"],
                )
            )
        text.parent.replace(text, pieces)


def _inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, kinds):
            return True
        parent = parent.parent
    return False


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    marked_tests(CHECKOUT)  # read once, before the pages are
    app.connect("doctree-read", frame_requirements)
    app.connect("doctree-resolved", link_mentions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
