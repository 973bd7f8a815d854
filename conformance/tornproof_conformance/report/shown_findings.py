"""
What the page shows of a run's findings besides the story: anchors, reasons, equal dumps.
"""

from collections import Counter
from collections.abc import Iterator

from attrs import frozen

from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import SIGNS
from tornproof_conformance.specification.requirements import UnknownRequirement, requirement
from tornproof_conformance.stream.run_events import (
    CrashStory,
    RequirementJudged,
    ViolationFound,
)


@frozen
class ShownFinding:
    """A finding as the page shows it."""

    anchor: str
    """Its place on the page; the first of a requirement has the requirement's id."""

    found: ViolationFound
    reason: str
    """*Why* of the requirement; empty if this version does not know it."""

    remedy: str
    """What usually helps; empty if nothing is known."""

    same: tuple[str, ...]
    """For each crash the anchor of the finding that shows the same dump; empty if none does."""


def shown_findings(record: RunRecord) -> list[ShownFinding]:
    """Prepare the findings of a run, in their order."""
    return list(_shown(record.violations))


def _shown(violations: tuple[ViolationFound, ...]) -> Iterator[ShownFinding]:
    numbers: Counter[str] = Counter()
    dumps: dict[tuple[object, ...], str] = {}
    for found in violations:
        numbers[found.requirement] += 1
        number = numbers[found.requirement]
        anchor = found.requirement if number == 1 else f"{found.requirement}-{number}"
        same = tuple(_seen(crash, anchor, dumps) for crash in found.crashes)
        reason, remedy = _stated(found.requirement)
        yield ShownFinding(anchor, found, reason, remedy, same)


def _seen(crash: CrashStory, anchor: str, dumps: dict[tuple[object, ...], str]) -> str:
    """Return where the page has shown the same files before; note where it shows them first."""
    if not crash.files:
        return ""
    before = dumps.setdefault(crash.files, anchor)
    return "" if before == anchor else before


def _stated(identifier: str) -> tuple[str, str]:
    """Return why a requirement is one, and what helps, as its chapter has them."""
    try:
        stated = requirement(identifier)
    except UnknownRequirement:  # of another version of the specification
        return "", ""
    return stated.reason, stated.helps or ""


@frozen
class Cell:
    """A requirement in the strip at the top of the page."""

    requirement: str
    verdict: str
    href: str

    @property
    def sign(self) -> str:
        """That of the verdict."""
        return SIGNS[self.verdict]


def cell(verdict: RequirementJudged, findings: list[ShownFinding]) -> Cell:
    """Make the cell of a verdict; one that was found violated leads to the finding."""
    for each in findings:
        if verdict.requirement in (each.found.requirement, *each.found.also):
            return Cell(verdict.requirement, verdict.verdict, f"#{each.anchor}")
    return Cell(verdict.requirement, verdict.verdict, f"#r-{verdict.requirement}")


def all_hold(verdicts: list[RequirementJudged]) -> bool:
    """Tell whether a family may be folded."""
    return all(each.verdict == "holds" for each in verdicts)
