"""
Read docstrings as they are written: plain prose.

Our docstrings indent a diagram or an example by four columns and leave it at
that.  reStructuredText would take it for a quotation and run its lines
together, so here such a block becomes a literal one before autodoc sees it.
"""

import re
from typing import Any

from sphinx.application import Sphinx

_CODE = re.compile(r"(`[^`]+`)(\w?)")


def _part(match: re.Match[str]) -> str:
    """Put a separator that leaves no trace between code and a letter behind it."""
    return rf"{match[1]}\ {match[2]}" if match[2] else match[1]


def keep_layout(
    _app: Sphinx, _kind: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Name a language for every indented block that follows a blank line, and part `x`s."""
    result: list[str] = []
    literal = False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not literal and (not result or not result[-1].strip()):
            language = "pycon" if line.lstrip().startswith(">>>") else "text"
            result += [f".. code-block:: {language}", ""]
            literal = True
        elif line.strip() and not indented:
            literal = False
        result.append(line if literal else _CODE.sub(_part, line))
    lines[:] = result


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", keep_layout)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
