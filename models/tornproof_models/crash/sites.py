"""
The search of one crash point, which can be interrupted and continued.

A crash point may have ten images or 4 × 10³⁹.  Whoever searches many of them takes a first
round at each, and goes on where most is to be expected.
"""

from collections.abc import Iterable, Iterator, Mapping

from attrs import define, field, frozen

from tornproof_models.crash.findings import Finding
from tornproof_models.crash.stakes import Stakes
from tornproof_models.disk.trace import Image


@frozen
class Pause:
    """Where the search of a crash point may be left."""

    wanted: Mapping[int, Image] = field(factory=dict)
    """The images, by their digests, that are going to be recovered; none at the end of a round."""


@define(eq=False)
class Site:
    """A crash point of a trace, and how far its images are judged."""

    point: int
    """How many events of the trace had happened."""

    images: int
    _findings: Iterator[Finding | Pause]
    _stakes: Stakes
    rounds: int = 0
    """How many rounds were made."""

    is_over: bool = False
    """Whether all images were judged, or as many as the bound allows."""

    is_planned: bool = False
    """Whether the images of a round are chosen, and not judged."""

    found: list[Finding] = field(factory=list)
    """The smallest findings of the last round."""

    _shallow: int = 0
    _noted: list[Finding] = field(factory=list)
    _is_ahead: bool = False
    """Whether planning has brought the round to its end: there was nothing to recover."""

    @property
    def suffices(self) -> bool:
        """Whether enough was judged for a verdict (see `Stakes.shallow`)."""
        return self.rounds > 0 and self._shallow == 0

    def plan(self) -> Mapping[int, Image]:
        """Choose the images of the next round; return those to be recovered, by their digests."""
        self.is_planned = True
        return self._advance(is_planning=True)

    def search(self) -> None:
        """Judge the images of one more round."""
        self.rounds += 1
        if not self._is_ahead:
            self._advance(is_planning=False)
        self.found, self._noted = smallest(self._noted), []
        self._is_ahead = self.is_planned = False

    def _advance(self, *, is_planning: bool) -> Mapping[int, Image]:
        """Go on to where images are to be recovered, or to the end of the round."""
        shallow, wanted = self._stakes.shallow, dict[int, Image]()
        for step in self._findings:
            if isinstance(step, Finding):
                self._noted.append(step)
            elif not step.wanted:
                self._is_ahead = is_planning
                break
            elif is_planning:
                wanted = dict(step.wanted)
                break
        else:
            self.is_over = self._is_ahead = True
        self._shallow += self._stakes.shallow - shallow
        return wanted


def smallest(findings: Iterable[Finding]) -> list[Finding]:
    """Return the smallest finding for each requirement."""
    least: dict[str, Finding] = {}
    for finding in findings:
        requirement = finding.violation.requirement
        if requirement not in least or finding.size < least[requirement].size:
            least[requirement] = finding
    return list(least.values())
