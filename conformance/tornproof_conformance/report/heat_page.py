"""
Draw programs as one self-contained HTML page: a timeline with its barriers, and a heat map.

Each event of a program is a row.  A sync stands across the timeline as a post: red if something
breaks without it, hollow if nothing does.  Behind the events at which a crash was tried stands
the share of images that fail, for all of them and by what the crash lost.
"""

from collections.abc import Sequence

from attrs import frozen
from jinja2 import Environment, PackageLoader, StrictUndefined
from tornproof_models.barriers import Barrier
from tornproof_models.crash.heat import HeatRow, Share
from tornproof_models.crash.subject import DIRECTORY
from tornproof_models.disk.trace import Trace

from tornproof_conformance.story.lanes import moments_of

STEPS = 5
"""Shades from no image that fails to all of them."""


@frozen
class Picture:
    """One program, and what was found out about it."""

    program: str
    opened: str
    """How its journal is opened, in words."""

    broken: str
    """What is violated while all syncs are there; empty if nothing is."""

    trace: Trace
    barriers: Sequence[Barrier]
    crash_model: str
    """In which the images of the heat map are legal."""

    heat: Sequence[HeatRow]


@frozen
class Line:
    """One event of a program, as the page shows it."""

    number: int
    lane: str
    words: str
    post: str
    """Its part as a barrier: `bearing`, `idle`, or empty if that was not looked into."""

    breaks: str
    """What breaks without it, in words."""

    crash: HeatRow | None
    """A crash just after it, if one was tried there."""


def render_heat(subject: str, pictures: Sequence[Picture]) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("tornproof_conformance.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["brief"] = brief
    template = environment.get_template("heat.html.j2")
    return template.render(
        subject=subject, pictures=pictures, lines=lines_of, columns=columns_of, shade=shade
    )


def lines_of(picture: Picture) -> list[Line]:
    """Return the events of a program with their barriers and crashes."""
    barriers = {barrier.event: barrier for barrier in picture.barriers}
    crashes = {row.point: row for row in picture.heat}
    return [
        Line(
            number,
            moment.lane,
            moment.words,
            _post(barriers.get(number - 1)),
            _breaks(barriers.get(number - 1)),
            crashes.get(number),
        )
        for number, moment in enumerate(moments_of(picture.trace), start=1)
    ]


def columns_of(picture: Picture) -> list[str]:
    """Name what may be lost, in the order in which it is written."""
    return list(dict.fromkeys(name for row in picture.heat for name in row.lost))


def brief(column: str) -> str:
    """Leave the directory of the store out of what is lost."""
    return column.replace(f" in {DIRECTORY}", "").replace(f"{DIRECTORY}/", "")


def shade(share: Share) -> int:
    """Return how dark a cell is: 0 if nothing fails, `STEPS` if everything does."""
    if not share.failing:
        return 0
    return max(1, share.failing * STEPS // share.images)


def _post(barrier: Barrier | None) -> str:
    if barrier is None:
        return ""
    return "idle" if barrier.finding is None else "bearing"


def _breaks(barrier: Barrier | None) -> str:
    if barrier is None:
        return ""
    if barrier.finding is None:
        return "nothing breaks without it, within the bound"
    return f"without it {barrier.finding.violation.requirement} breaks, from {barrier.crash_model}"
