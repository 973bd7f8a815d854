"""
Draw a larger state machine, as a column.

The states stand one above the other, in the order of their enumeration.  What
leaves a state as it is stands inside its box, as UML does with internal
transitions.  A step to the next state is an arrow downwards; a longer one runs
down on the right, and a way back runs up on the left.  Each arrow carries its
event, and under it the actions on the way.

The arrows at one side run in lanes; those that would touch get lanes of their
own, the shorter ones nearer to the boxes.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from html import escape

from attrs import define, field, frozen

Row = tuple[StrEnum, tuple[StrEnum, ...]]
"""A target, and the actions on the way there."""

LINE, LETTER = 17, 6.6
"""Height of a line of text and width of a letter, in pixels."""

PORT, LANE, GAP = 38, 20, 22
"""Distance between two arrows at a side, between two lanes, and between two boxes."""


@frozen
class Label:
    """An event and its actions."""

    event: str
    actions: str

    @property
    def text(self) -> str:
        """Return both on one line."""
        return f"{self.event} / {self.actions}" if self.actions else self.event


@define
class Arc:
    """An arrow at a side, from one box to another that is not the next."""

    source: int
    subject: int
    label: Label
    start: float = 0
    end: float = 0
    lane: int = 0

    def touches(self, other: "Arc") -> bool:
        """Tell whether two arrows in one lane would run into each other."""
        above, below = sorted(((self.start, self.end), (other.start, other.end)), key=min)
        return min(below) < max(above) + LINE


@define
class Box:
    """A state."""

    name: str
    inside: list[str] = field(factory=list)
    onward: list[str] = field(factory=list)
    """What leads to the next state."""

    top: float = 0
    height: float = 0


def draw_column(table: Mapping[tuple[StrEnum, StrEnum], Row], states: Sequence[StrEnum]) -> str:
    """Return the table as an SVG element."""
    boxes = [Box(state) for state in states]
    right: list[Arc] = []
    left: list[Arc] = []
    for (source, event), (subject, actions) in table.items():
        here, there = states.index(source), states.index(subject)
        label = Label(event, ", ".join(actions))
        if here == there:
            boxes[here].inside.append(label.text)
        elif there == here + 1:
            boxes[here].onward.append(label.text)
        else:
            (right if there > here else left).append(Arc(here, there, label))

    bottom = _place(boxes, right, left)
    widest = max((len(line) for box in boxes for line in (box.name, *box.inside)), default=0)
    box_width = widest * LETTER + 30
    sides = [max((len(arc.label.event) for arc in arcs), default=0) for arcs in (left, right)]
    before, after = (letters * LETTER + 14 for letters in sides)
    edge = 12 + before + LANE * _lanes(left)
    width = edge + box_width + after + LANE * _lanes(right) + 12

    parts = [_arc(arc, edge, -1, before) for arc in left]
    parts += [_arc(arc, edge + box_width, 1, after) for arc in right]
    for number, box in enumerate(boxes):
        following = boxes[number + 1].top if number + 1 < len(boxes) else 0
        parts.append(_box(box, edge, box_width, following))
    story = "; ".join(f"{source}, {event}: {row[0]}" for (source, event), row in table.items())
    return (
        f'<svg class="state-machine" role="img" viewBox="0 0 {width:.0f} {bottom:.0f}" '
        f'width="{width:.0f}"><title>{escape(story)}</title>'
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        'markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z"/></marker></defs>'
        + "".join(parts)
        + "</svg>"
    )


def _place(boxes: Sequence[Box], *sides: Sequence[Arc]) -> float:
    """Give boxes and arrows their heights, and arrows their lanes; return where it all ends."""
    at = 12.0
    for number, box in enumerate(boxes):
        ports = [_ports(number, side) for side in sides]
        box.top = at
        box.height = max(38 + LINE * len(box.inside), *(len(each) * PORT + 6 for each in ports))
        for each in ports:
            first = at + box.height / 2 - PORT * (len(each) - 1) / 2
            for place, (arc, leaves) in enumerate(each):
                if leaves:
                    arc.start = first + PORT * place
                else:
                    arc.end = first + PORT * place
        at += box.height + GAP + (LINE * len(box.onward) + 8 if box.onward else 0)
    for side in sides:
        placed: list[Arc] = []
        for arc in sorted(side, key=lambda arc: abs(arc.end - arc.start)):
            while any(arc.lane == other.lane and arc.touches(other) for other in placed):
                arc.lane += 1
            placed.append(arc)
    return at - GAP + 12


def _ports(number: int, side: Sequence[Arc]) -> list[tuple[Arc, bool]]:
    """List what touches a box at one side, so that what comes from above arrives at the top."""
    arriving = [(arc, False) for arc in side if arc.subject == number]
    leaving = [(arc, True) for arc in side if arc.source == number]
    downwards = any(arc.subject > arc.source for arc in side)
    return arriving + leaving if downwards else leaving + arriving


def _lanes(side: Sequence[Arc]) -> int:
    return max((arc.lane + 1 for arc in side), default=0)


def _arc(arc: Arc, edge: float, direction: int, text: float) -> str:
    """Draw an arrow out to its lane, along it, and back to its target."""
    out = edge + direction * (text + LANE * arc.lane + 6)
    path = f"M{edge + 3 * direction} {arc.start}H{out}V{arc.end}H{edge + 4 * direction}"
    middle = edge + direction * text / 2
    words = _text("event", middle, arc.start - 5, arc.label.event)
    if arc.label.actions:
        words += _text("event action", middle, arc.start + 14, arc.label.actions)
    return f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>{words}'


def _box(box: Box, left: float, width: float, following: float) -> str:
    """Draw a state, and the arrow to the next one."""
    middle = left + width / 2
    lines = 24 + LINE * len(box.inside)
    top = box.top + (box.height - lines) / 2
    parts = [
        f'<rect x="{left}" y="{box.top}" width="{width}" height="{box.height}" rx="9"/>',
        _text("state", middle, top + 17, box.name),
    ]
    for number, line in enumerate(box.inside):
        parts.append(_text("event", middle, top + 35 + LINE * number, line))
    if box.onward:
        bottom = box.top + box.height
        path = f"M{left + 34} {bottom + 3}V{following - 4}"
        parts.append(f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>')
        first = (bottom + following) / 2 - LINE * (len(box.onward) - 1) / 2 + 4
        for number, line in enumerate(box.onward):
            y = first + LINE * number
            parts.append(
                f'<text class="event onward" x="{left + 44}" y="{y}">{escape(line)}</text>'
            )
    return "".join(parts)


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>'
