"""
Tabulate what the adapter protocol has no window for, from the table that reports use.

    ```{unseen-requirements}
    ```
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tornproof_conformance.unseen import UNSEEN


class UnseenRequirements(SphinxDirective):
    """The directive `unseen-requirements`."""

    def run(self) -> list[nodes.Node]:
        """Make a list of the requirements and the reasons."""
        listed = nodes.definition_list()
        for requirement, reason in sorted(UNSEEN.items()):
            said = nodes.definition("", nodes.paragraph("", f"{reason[0].upper()}{reason[1:]}."))
            listed += nodes.definition_list_item("", nodes.term("", requirement), said)
        return [listed] if UNSEEN else []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("unseen-requirements", UnseenRequirements)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
