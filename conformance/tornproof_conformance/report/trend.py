"""
Follow runs over time: requirements held, work done, and verdicts that changed.
"""

from collections.abc import Iterator, Sequence

from attrs import frozen

from tornproof_conformance.report.run_record import RunRecord

LEVELS = "▁▂▃▄▅▆▇█"
"""Heights of a bar of one character, from nothing to the most."""


@frozen
class Point:
    """One run of a trend."""

    name: str
    at: str
    holds: int
    violated: int
    work: int
    """Crash images and faults that were tried."""

    changed: tuple[str, ...]
    """Verdicts that are others than in the run before, in words."""


def trend_of(runs: Sequence[tuple[str, RunRecord]]) -> list[Point]:
    """Follow runs, each with a name, in their order."""
    return list(_points(runs))


def _points(runs: Sequence[tuple[str, RunRecord]]) -> Iterator[Point]:
    before: dict[str, str] = {}
    for number, (name, record) in enumerate(runs):
        verdicts = {each.requirement: each.verdict for each in record.verdicts}
        changed = tuple(
            f"{requirement}: {before[requirement]}, now {verdict}"
            for requirement, verdict in verdicts.items()
            if number and before.get(requirement, verdict) != verdict
        )
        figures = record.figures
        yield Point(
            name,
            record.started.at,
            sum(verdict == "holds" for verdict in verdicts.values()),
            sum(verdict == "violated" for verdict in verdicts.values()),
            figures.get("crash images", 0) + figures.get("injected faults", 0),
            changed,
        )
        before = verdicts or before


def bars(values: Sequence[int]) -> str:
    """Draw values as a line of bars, the largest as high as a character goes."""
    most = max(values, default=0)
    return "".join(LEVELS[value * (len(LEVELS) - 1) // most if most else 0] for value in values)
