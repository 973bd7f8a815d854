"""
Decide the verdict on each requirement.

A requirement is *violated* if any check found it so.  It *holds* if every check that looks at
it did the least that a verdict needs (`spec/checks.md`), and if it was at stake: some trial
could have shown it violated.  It is *starved* if less was tried, and *not covered* if no check
looks at it.  What is starved is no pass: a MUST that is starved does not conform, and neither
does an implementation of which nothing was judged.
"""

from collections.abc import Callable, Iterator, Mapping

from attrs import define, field, frozen

from tornproof_conformance.checks import Covered
from tornproof_conformance.run.findings import Findings
from tornproof_conformance.specification.requirements import Level, Requirement, requirements
from tornproof_conformance.stream.run_events import RequirementJudged, RunFinished


@frozen
class Tried:
    """What one check did for a requirement."""

    check: str
    covered: Covered

    def at_stake(self, requirement: str) -> int | None:
        """How often the check could have shown it violated; none if it does not count that."""
        counts = self.covered.at_stake
        return None if counts is None else counts.get(requirement)


@define
class Tally:
    """What the checks of a run did, by requirement."""

    _tried: dict[str, list[Tried]] = field(factory=dict)

    def note(self, check: str, covered: Covered, covers: frozenset[str]) -> None:
        """Take in what a check covered, of the requirements that it looks at."""
        for identifier in covers:
            self._tried.setdefault(identifier, []).append(Tried(check, covered))

    def knows(self, identifier: str) -> bool:
        """Tell whether a check looked at a requirement."""
        return identifier in self._tried

    def checks(self, identifier: str) -> tuple[str, ...]:
        """Name the checks that looked at a requirement."""
        return tuple(each.check for each in self._tried.get(identifier, ()))

    def at_stake(self, identifier: str) -> int | None:
        """How often a requirement could have been violated; none if no check counts that."""
        counts = [each.at_stake(identifier) for each in self._tried.get(identifier, ())]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    def missing(self, identifier: str) -> str:
        """Say what a verdict on a requirement would need; empty if nothing is missing."""
        for each in self._tried.get(identifier, ()):
            if not each.covered.is_conclusive:
                return f"{each.check}: {each.covered.words}"
            if each.covered.missing:
                return f"{each.check} needs {each.covered.missing}"
        if self.at_stake(identifier) == 0:
            return "no trial of this run could have violated it"
        return ""


def judge(
    findings: Findings,
    tally: Tally,
    judges: Callable[[str, bool], bool],
    why_not: Callable[[str], str],
) -> Iterator[RequirementJudged]:
    """
    Yield the verdict on every requirement that the run is about.

    `judges` tells whether a family is judged, given whether anything is known of the
    requirement; `why_not` says why no check looks at one.
    """
    violated = findings.by_requirement()
    for requirement in requirements().values():
        is_known = requirement.id in violated or tally.knows(requirement.id)
        if not judges(requirement.family, is_known):
            continue
        if requirement.id in violated:
            found = violated[requirement.id]
            reason = "" if found.requirement == requirement.id else f"see {found.requirement}"
            yield _judged(requirement, "violated", (found.check,), reason, tally)
        elif not tally.knows(requirement.id):
            yield _judged(requirement, "not covered", (), why_not(requirement.id), tally)
        else:
            missing = tally.missing(requirement.id)
            verdict = "starved" if missing else "holds"
            yield _judged(requirement, verdict, tally.checks(requirement.id), missing, tally)


def _judged(
    requirement: Requirement, verdict: str, checks: tuple[str, ...], reason: str, tally: Tally
) -> RequirementJudged:
    return RequirementJudged(
        requirement.id,
        requirement.level.value,
        verdict,
        requirement.sentence,
        checks,
        reason=reason,
        at_stake=tally.at_stake(requirement.id),
    )


def finish(
    verdicts: list[RequirementJudged], seconds: float, *, interrupted: bool = False
) -> RunFinished:
    """Sum verdicts up."""
    counts: Mapping[str, int] = {
        name: sum(each.verdict == name for each in verdicts)
        for name in ("holds", "violated", "starved", "not covered")
    }
    musts = [each for each in verdicts if each.level == Level.MUST.value]
    nothing_judged = counts["holds"] == counts["violated"] == 0
    conforms = (
        not interrupted
        and not nothing_judged
        and all(each.verdict not in ("violated", "starved") for each in musts)
    )
    return RunFinished(
        conforms,
        counts["holds"],
        counts["violated"],
        counts["not covered"],
        seconds,
        starved=counts["starved"],
        interrupted=interrupted,
    )
