"""
Draw a state machine from the table that runs it.

    ```{state-machine} tornproof.journal.states.TRANSITIONS
    ```

The table maps (state, event) to state; both are enumerations.  The states stand
in a row, in the order of their enumeration.  A step to the neighbour on the
right is a straight arrow, a longer one arches over the row, one back to the
left passes under it, and one that stays loops below its state.  The drawing is
SVG inside the page and takes its colours from the theme.

A machine of more than four states would be too wide, and stands as a column:
see `state_column`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from html import escape
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from state_column import Row, draw_column

WIDTH, HEIGHT, GAP, LINE = 116, 44, 150, 17
"""Size of a state, distance between two, height of a line of text, in pixels."""

IN_A_ROW = 4
"""States that fit beside each other on a page."""

Table = Mapping[tuple[StrEnum, StrEnum], StrEnum]


class StateMachine(SphinxDirective):
    """The directive `state-machine`; its argument is the dotted name of a table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Import the table and draw it."""
        module, _, name = self.arguments[0].rpartition(".")
        imported = import_module(module)
        if imported.__file__:
            self.env.note_dependency(imported.__file__)
        # a target may stand with the actions on the way to it
        rows = {
            key: subject if isinstance(subject, tuple) else (subject, ())
            for key, subject in getattr(imported, name).items()
        }
        states = states_of(rows)
        if len(states) > IN_A_ROW:
            drawn = draw_column(rows, states)
        else:
            drawn = draw({key: subject for key, (subject, _) in rows.items()}, states)
        return [nodes.raw("", drawn, format="html")]


def states_of(rows: Mapping[tuple[StrEnum, StrEnum], Row]) -> list[StrEnum]:
    """List the states that a table uses, in the order of their enumeration."""
    used = {state for (source, _), (subject, _) in rows.items() for state in (source, subject)}
    return [state for state in type(next(iter(used))) if state in used]


def draw(table: Table, states: Sequence[StrEnum]) -> str:
    """Return the table as an SVG element."""
    edges: dict[tuple[int, int], list[str]] = {}
    for (source, event), subject in table.items():
        edges.setdefault((states.index(source), states.index(subject)), []).append(event)

    longest = max(abs(subject - source) for source, subject in edges)
    lines = max(map(len, edges.values()))
    middle = 20 + HEIGHT / 2 + (lines * LINE if longest < 2 else 44 * (longest - 1) + lines * LINE)
    height = middle + HEIGHT / 2 + 44 + lines * LINE
    width = len(states) * WIDTH + (len(states) - 1) * GAP + 24

    parts = [_edge(source, subject, events, middle) for (source, subject), events in edges.items()]
    parts += [_state(index, state, middle) for index, state in enumerate(states)]
    story = "; ".join(f"{source}, {event}: {subject}" for (source, event), subject in table.items())
    return (
        f'<svg class="state-machine" role="img" viewBox="0 0 {width} {height}" width="{width}">'
        f"<title>{escape(story)}</title>"
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        'markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z"/></marker></defs>'
        + "".join(parts)
        + "</svg>"
    )


def _left(index: int) -> float:
    return 12 + index * (WIDTH + GAP)


def _state(index: int, name: str, middle: float) -> str:
    left = _left(index)
    return (
        f'<rect x="{left}" y="{middle - HEIGHT / 2}" width="{WIDTH}" height="{HEIGHT}" rx="9"/>'
        f'<text class="state" x="{left + WIDTH / 2}" y="{middle + 5}">{escape(name)}</text>'
    )


def _edge(source: int, subject: int, events: list[str], middle: float) -> str:
    top, bottom, centre = middle - HEIGHT / 2, middle + HEIGHT / 2, WIDTH / 2
    distance = subject - source
    if distance == 1:
        start, end = _left(source) + WIDTH + 3, _left(subject) - 4
        path = f"M{start} {middle}H{end}"
        return _arrow(path, events, (start + end) / 2, middle - 9)
    if distance == 0:
        x, low = _left(source) + centre, bottom + 44
        path = f"M{x - 22} {bottom + 3}C{x - 30} {low} {x + 30} {low} {x + 22} {bottom + 4}"
        return _arrow(path, events, x, bottom + 36 + LINE * len(events))
    side = -1 if distance > 0 else 1
    edge = top - 3 if side < 0 else bottom + 3
    start, end = _left(source) + centre + 12 * -side, _left(subject) + centre - 12 * -side
    peak = edge + side * 58 * (abs(distance) - 1)
    path = f"M{start} {edge}C{start} {peak} {end} {peak} {end} {edge + side}"
    crest = edge + (peak - edge) * 0.75
    below = LINE * len(events) + 2
    return _arrow(path, events, (start + end) / 2, crest - 8 if side < 0 else crest + below)


def _arrow(path: str, events: list[str], x: float, baseline: float) -> str:
    """Draw a path with an arrowhead and its events, the last on the baseline."""
    texts = "".join(
        f'<text class="event" x="{x}" y="{baseline - LINE * (len(events) - 1 - line)}">'
        f"{escape(event)}</text>"
        for line, event in enumerate(events)
    )
    return f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>{texts}'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("state-machine", StateMachine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
