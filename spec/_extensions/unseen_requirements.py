"""
Tabulate what the adapter protocol has no window for, from the table that reports use.

    ```{unseen-requirements}
    ```
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tornproof_conformance.specification.claims import UNOBSERVABLE


class UnseenRequirements(SphinxDirective):
    """The directive `unseen-requirements`."""

    def run(self) -> list[nodes.Node]:
        """Make a list of the requirements and the reasons."""
        listed = nodes.definition_list()
        for reason in dict.fromkeys(UNOBSERVABLE.values()):
            names = ", ".join(name for name, said in UNOBSERVABLE.items() if said == reason)
            sentence = f"{reason[0].upper()}{reason[1:]}."
            said = nodes.definition("", nodes.paragraph("", "", *_with_code(sentence)))
            listed += nodes.definition_list_item("", nodes.term("", names), said)
        return [listed] if UNOBSERVABLE else []


def _with_code(sentence: str) -> list[nodes.Node]:
    """Show what stands between backticks as code."""
    parts = sentence.split("`")
    return [
        nodes.literal("", part) if number % 2 else nodes.Text(part)
        for number, part in enumerate(parts)
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("unseen-requirements", UnseenRequirements)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
