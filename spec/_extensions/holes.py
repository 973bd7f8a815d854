"""
Show a hole of the v0.7 design, as the machine finds it now.

    ```{hole} H3
    ```

The counterexample is searched for and shrunk while the page is built, and the
same steps are put to the reference's durable profile.  A hole that is no longer
found, or a reference that has it too, fails the build.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tornproof_models.explore import hunting
from tornproof_models.machines import chain_holes, holes
from tornproof_models.miniatures import deferred_audit_v07


class Hole(SphinxDirective):
    """The directive `hole`; its argument is the id of a hole."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Find the hole and tell it."""
        (identifier,) = self.arguments
        if identifier not in holes.IDENTIFIERS:
            raise self.error(f"no hole {identifier}: there are {', '.join(holes.IDENTIFIERS)}")
        for module in (holes, chain_holes, hunting, deferred_audit_v07):
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


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("hole", Hole)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
