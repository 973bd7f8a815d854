"""
Judge the recoveries of one crash, and report each violation with its smallest image.
"""

from collections.abc import Iterator, Sequence

from attrs import define, field

from tornproof_models.contract.journal import History, Violation
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.recovery import Outcome, judge
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace


@define
class CrashJudge:
    """What one crash has shown so far."""

    space: ImageSpace
    history: History
    point: int
    _judged: dict[Outcome, list[Violation]] = field(factory=dict)
    _least: dict[str, tuple[int, int]] = field(factory=dict)
    """For each requirement, the fewest crashes and deviations that violate it."""

    def findings(
        self, choice: Choice, outcome: Outcome, inner: Sequence[Finding]
    ) -> Iterator[Finding]:
        """
        Yield what an image shows, and a crash in its recovery; not if a smaller one showed it.

        To tell of an image takes building it, and comparing it with the one that lost nothing.
        """
        if outcome not in self._judged:
            self._judged[outcome] = judge(self.history, outcome)
        violations = self._judged[outcome]
        if not violations and not inner:
            return
        deviations = self.space.deviations(choice)
        own = [each for each in violations if self._is_least(each.requirement, (0, deviations))]
        others = [
            each
            for each in inner
            if self._is_least(each.violation.requirement, (each.size[0], deviations + each.size[1]))
        ]
        if not own and not others:
            return
        image = self.space.builder.build(choice)
        difference = image.difference(self.space.builder.build(self.space.all_kept))
        lost = self.space.describe_losses(choice)
        crash = (self.point, deviations, difference, image, lost)
        for violation in own:
            yield Finding(violation, *crash, self.history.owed, outcome.records, outcome.error)
        for each in others:
            yield Finding(each.violation, *crash, each.owed, each.recovered, each.error, each)

    def _is_least(self, requirement: str, size: tuple[int, int]) -> bool:
        if size > self._least.get(requirement, size):
            return False
        self._least[requirement] = size
        return True
