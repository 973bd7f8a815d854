"""
Write the parameters of a long signature as blocks.

Sphinx writes them as definitions without terms, one a line, and a screen reader that is told of
a list of definitions looks for the terms.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_LIST = re.compile(r"<dl>\s*((?:<dd>.*?</dd>\s*)+)</dl>", re.DOTALL)
"""Lists that Sphinx writes without a class hold parameters, and nothing else."""


def in_blocks(html: str) -> str:
    """Turn every list of definitions without terms into blocks."""
    return _LIST.sub(lambda found: f'<div class="parameters">{_blocks(found[1])}</div>', html)


def _blocks(definitions: str) -> str:
    return definitions.replace("<dd>", "<div>").replace("</dd>", "</div>")


def _rewrite(
    app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    del app, name, template, doctree
    if "body" in context:
        context["body"] = in_blocks(context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", _rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
