"""
One crash point as a piece of work that can be left and taken up again.

A crash point may have ten images or 4 × 10³⁹.  Whoever searches many of them takes a first
round at each, and goes on where most is to be expected.
"""

from collections.abc import Iterable, Iterator

from attrs import define, field

from tornproof_models.crash.findings import Finding
from tornproof_models.crash.stakes import Stakes


@define(eq=False)
class Site:
    """A crash point of a trace, and how far its images are judged."""

    point: int
    """How many events of the trace had happened."""

    images: int
    _findings: Iterator[Finding | None]
    _stakes: Stakes
    rounds: int = 0
    """How many rounds were made."""

    is_over: bool = False
    """Whether all images were judged, or as many as the bound allows."""

    found: list[Finding] = field(factory=list)
    """The smallest findings of the last round."""

    _shallow: int = 0

    @property
    def suffices(self) -> bool:
        """Whether enough was judged for a verdict (see `Stakes.shallow`)."""
        return self.rounds > 0 and self._shallow == 0

    def search(self) -> None:
        """Judge the images of one more round."""
        shallow, found = self._stakes.shallow, list[Finding]()
        self.rounds += 1
        for finding in self._findings:
            if finding is None:
                break
            found.append(finding)
        else:
            self.is_over = True
        self.found = smallest(found)
        self._shallow += self._stakes.shallow - shallow


def smallest(findings: Iterable[Finding | None]) -> list[Finding]:
    """Return the smallest finding for each requirement."""
    least: dict[str, Finding] = {}
    for finding in filter(None, findings):
        requirement = finding.violation.requirement
        if requirement not in least or finding.size < least[requirement].size:
            least[requirement] = finding
    return list(least.values())
