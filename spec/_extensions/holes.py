"""
Show a hole of the v0.7 design, as the machine finds it now.

    ```{hole} H3
    ```

The counterexample is searched for and shrunk while the page is built, and the
same steps are put to the reference's durable mode.  A hole that is no longer
found, or a reference that has it too, fails the build.  In the other chapters `H3`
becomes a link to where it is shown.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri
from tornproof_models.machines import chain_holes, holes, storage_holes
from tornproof_models.miniatures import deferred_audit_v07
from tornproof_models.queues import fault_sweep

PAGE = "v07-holes"

_MENTION = re.compile(r"\b(H[1-9]\d?)\b")
_UNTOUCHED = (nodes.FixedTextElement, nodes.literal, nodes.reference, nodes.raw, nodes.title)


class Hole(SphinxDirective):
    """The directive `hole`; its argument is the id of a hole."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Find the hole and tell it."""
        (identifier,) = self.arguments
        if identifier not in holes.IDENTIFIERS:
            raise self.error(f"no hole {identifier}: there are {', '.join(holes.IDENTIFIERS)}")
        for module in (holes, chain_holes, storage_holes, fault_sweep, deferred_audit_v07):
            self.env.note_dependency(str(module.__file__))
        try:
            story = holes.tell(identifier)
        except LookupError as error:
            raise self.error(str(error)) from None
        block = nodes.container(classes=["hole"])
        block += self.parse_text_to_nodes(as_markdown(story))
        return [block]


def as_markdown(story: chain_holes.Story) -> str:
    """Write a story down: what was done, what is wrong then, and how the reference fares."""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(story.steps, start=1))
    found = "\n".join(f"- {each}" for each in story.found)
    return f"{story.given}\n\n{steps}\n\nThen\n\n{found}\n\n{story.instead}\n"


def link_mentions(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make every mention of a hole in another chapter a link to it."""
    if docname == PAGE or "/" in docname:
        return
    shown = {
        title.astext().partition(":")[0]: title["anchorname"]
        for title in app.env.tocs[PAGE].findall(nodes.reference)
    }
    there = relative_uri(app.builder.get_target_uri(docname), app.builder.get_target_uri(PAGE))
    for text in list(doctree.findall(nodes.Text)):
        if not _MENTION.search(text) or _is_inside(text, _UNTOUCHED):
            continue
        pieces = (
            nodes.reference("", piece, internal=True, refuri=there + shown[piece])
            if piece in shown
            else nodes.Text(piece)
            for piece in _MENTION.split(text.astext())
        )
        text.parent.replace(text, list(pieces))


def _is_inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("hole", Hole)
    app.connect("doctree-resolved", link_mentions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
