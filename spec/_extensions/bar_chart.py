"""
Draw a column of a table as bars, above the table.

    ```{bars} × single
    ```

The numbers are those of the table that follows, so that a drawing and its table cannot disagree.
A row without a number in that column has no bar.
"""

import re
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_NUMBER = re.compile(r"(?:× ?)?(\d[\d,]*(?:\.\d+)?)")


class bars(nodes.General, nodes.Element):  # noqa: N801 - docutils names nodes so
    """Where the bars of a column go."""


class Bars(SphinxDirective):
    """The directive `bars`; its argument is the heading of a column."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Leave a place, which is filled when the table is known."""
        place = bars(column=self.arguments[0])
        self.set_source_info(place)
        return [place]


def draw_all(_app: Sphinx, doctree: nodes.document) -> None:
    """Draw the bars of each place from the table that follows it."""
    for place in list(doctree.findall(bars)):
        table = place.next_node(nodes.table, descend=False, siblings=True, ascend=True)
        rows = list(_rows(table, place["column"])) if table else []
        if not rows:
            raise ValueError(
                f"line {place.line}: no table follows with numbers in the column "
                f"{place['column']!r}"
            )
        place.replace_self(nodes.raw("", draw(place["column"], rows), format="html"))


def _rows(table: nodes.table, column: str) -> list[tuple[str, str, float]]:
    """Return what each row is called, its cell in a column, and the number in it."""
    head, *body = [
        [entry.astext().strip() for entry in row.findall(nodes.entry)]
        for row in table.findall(nodes.row)
    ]
    if column not in head:
        return []
    at = head.index(column)
    matches = ((cells[0], cells[at], _NUMBER.match(cells[at])) for cells in body)
    return [
        (name, text, float(match[1].replace(",", ""))) for name, text, match in matches if match
    ]


def draw(column: str, rows: list[tuple[str, str, float]]) -> str:
    """Draw a bar for each row; the longest is as wide as the page.  Readers hear the table."""
    most = max(number for _, _, number in rows)
    lines = (
        f'<div><span>{escape(name)}</span><i style="width: {100 * number / most:.1f}%"></i>'
        f"<b>{escape(text)}</b></div>"
        for name, text, number in rows
    )
    return f'<div class="bars" aria-hidden="true"><p>{escape(column)}</p>{"".join(lines)}</div>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_node(bars)
    app.add_directive("bars", Bars)
    app.connect("doctree-read", draw_all)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
