"""
Collect the events of a run.

Every report that is not written as the run goes is a function of a `RunRecord`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import evolve, frozen
from tornproof.errors import Invalid
from tornproof_models.disk.crash_models import CRASH_MODELS

from tornproof_conformance.specification.requirements import Level, requirement
from tornproof_conformance.stream.exit_codes import (
    BROKEN_ADAPTER,
    CONFORMS,
    DOES_NOT_CONFORM,
    INCONCLUSIVE,
)
from tornproof_conformance.stream.run_events import (
    CheckFinished,
    CheckStarted,
    Diagnosed,
    RequirementJudged,
    RunEvent,
    RunFinished,
    RunStarted,
    ViolationFound,
)

FIGURES: Mapping[str, str] = {
    "vectors": "frozen vectors",
    "scenarios": "scenarios",
    "programs": "programs",
    "random_programs": "random programs",
    "faults": "injected faults",
    "struck": "faults that struck",
    "crash_points": "crash points",
    "images": "crash images",
    "recoveries": "distinct recoveries",
    "crashed_again": "recoveries crashed again",
    "requests": "requests",
}
"""What the counts of a check are called, in the order in which to show them."""


@frozen
class RunRecord:
    """All that a run has said."""

    started: RunStarted
    titles: Mapping[str, str]
    """What each check does, by name."""

    checks: tuple[CheckFinished, ...]
    violations: tuple[ViolationFound, ...]
    verdicts: tuple[RequirementJudged, ...]
    finished: RunFinished | None
    """None if the run was cut off, or ended with a diagnosis."""

    diagnosis: Diagnosed | None = None
    """What is wrong with the adapter, if it could not be judged."""

    @property
    def succeeds(self) -> bool:
        """Whether the run ended and calls for no attention."""
        return self.finished is not None and self.finished.succeeds

    @property
    def inconclusive(self) -> tuple[CheckFinished, ...]:
        """The checks that could not say anything."""
        return tuple(check for check in self.checks if not check.conclusive)

    @property
    def nothing_judged(self) -> bool:
        """Whether no requirement was judged, because no check looked at one that is claimed."""
        return self.finished is not None and not (self.finished.holds or self.finished.violated)

    @property
    def exit_code(self) -> int:
        """What a command that gives the verdict ends with."""
        if self.has_failed:
            return DOES_NOT_CONFORM
        if self.diagnosis:
            return BROKEN_ADAPTER
        if self.finished is None or self.finished.interrupted or self.inconclusive:
            return INCONCLUSIVE
        if self.nothing_judged:
            return INCONCLUSIVE
        if any(each.verdict == "starved" and each.level == "MUST" for each in self.verdicts):
            return INCONCLUSIVE
        return CONFORMS

    @property
    def has_failed(self) -> bool:
        """Whether a MUST is violated that is not known to be, or a known failure is out of date."""
        if self.finished and self.finished.passes:
            return False
        if not self.verdicts:  # the run was cut off
            return any(requirement(v.requirement).level is Level.MUST for v in self.violations)
        return any(
            not each.excuse.holds
            if each.excuse
            else each.verdict == "violated" and each.level == "MUST"
            for each in self.verdicts
        )

    @property
    def figures(self) -> dict[str, int]:
        """Add up what the checks counted, under the names for people."""
        total: Counter[str] = Counter()
        for check in self.checks:
            total.update(check.counts)
        known = {name: total[key] for key, name in FIGURES.items() if total[key]}
        other = {key.replace("_", " "): count for key, count in total.items() if key not in FIGURES}
        return known | other

    @property
    def crash_models(self) -> tuple[str, ...]:
        """The crash models in which anything was crashed, from mild to harsh."""
        names = {name for check in self.checks for name in check.crash_models}
        known = [name for name in CRASH_MODELS if name in names]
        return (*known, *sorted(names - set(known)))

    @property
    def measurements(self) -> tuple[str, ...]:
        """What the crash models were held against, each told once."""
        return tuple(dict.fromkeys(line for check in self.checks for line in check.measurements))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was seen and not followed, each told once."""
        return tuple(dict.fromkeys(line for check in self.checks for line in check.notes))

    def verdict(self, requirement: str) -> RequirementJudged | None:
        """Return the verdict on a requirement; none if the run did not get there."""
        return next((each for each in self.verdicts if each.requirement == requirement), None)


def record_run(stream: Iterable[RunEvent]) -> RunRecord:
    """Take a stream of events together.  Raises `Invalid` if it does not begin with a run."""
    events = tuple(stream)
    if not events or not isinstance(events[0], RunStarted):
        raise Invalid("a stream of events begins with RunStarted; this one does not")
    return RunRecord(
        started=events[0],
        titles={e.check: e.title for e in events if isinstance(e, CheckStarted)},
        checks=tuple(each for each in events if isinstance(each, CheckFinished)),
        violations=tuple(_latest(each for each in events if isinstance(each, ViolationFound))),
        verdicts=tuple(each for each in events if isinstance(each, RequirementJudged)),
        finished=next((each for each in events if isinstance(each, RunFinished)), None),
        diagnosis=next((each for each in events if isinstance(each, Diagnosed)), None),
    )


def _latest(violations: Iterable[ViolationFound]) -> Iterable[ViolationFound]:
    """
    Keep the last that was told of each finding: it is the smallest.

    Of findings with the same cause the first is told, with what the others say.
    """
    latest = {(each.requirement, each.phase, each.symptom): each for each in violations}
    causes: dict[str, ViolationFound] = {}
    for key, each in latest.items():
        first = causes.get(each.cause) if each.cause else None
        if first is None:
            causes[each.cause or repr(key)] = each
        else:
            causes[each.cause] = evolve(first, also_said=(*first.also_said, each.message))
    return causes.values()
