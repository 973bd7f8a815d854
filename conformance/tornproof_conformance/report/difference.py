"""
Compare two runs.

A run can get worse in two ways: a requirement that held is violated, or nobody
looks any more.  The second is the one that goes unnoticed.
"""

from attrs import frozen

from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.stream.run_events import RequirementJudged, ViolationFound

NOT_JUDGED = "not judged"

WORSE = {
    ("holds", "violated"): "broken",
    ("not covered", "violated"): "found violated",
    (NOT_JUDGED, "violated"): "found violated",
    ("holds", "not covered"): "no longer covered",
    ("holds", "starved"): "starved",
    ("not covered", "starved"): "starved",
    ("starved", "violated"): "found violated",
    ("starved", "not covered"): "no longer covered",
    ("violated", "starved"): "starved",
    ("starved", NOT_JUDGED): "no longer judged",
    ("holds", NOT_JUDGED): "no longer judged",
    ("violated", "not covered"): "no longer covered",
    ("violated", NOT_JUDGED): "no longer judged",
}

BETTER = {
    ("violated", "holds"): "mended",
    ("not covered", "holds"): "newly covered",
    ("starved", "holds"): "newly covered",
    (NOT_JUDGED, "starved"): "newly stated",
    (NOT_JUDGED, "holds"): "newly judged",
    (NOT_JUDGED, "not covered"): "newly stated",
    ("not covered", NOT_JUDGED): "no longer stated",
}


@frozen
class Change:
    """A requirement about which two runs do not say the same."""

    requirement: str
    sentence: str
    before: str
    after: str
    kind: str
    """`broken`, `mended`, …, or `looks different` if only the violation does."""

    worse: bool
    detail: str = ""


@frozen
class Difference:
    """What changed between two runs."""

    changes: tuple[Change, ...]
    figures: tuple[tuple[str, int, int], ...]
    """Counts that are not the same: name, before, after."""

    seconds: tuple[float, float] | None
    """How long the two runs took, if both ended."""

    @property
    def worse(self) -> bool:
        """Whether anything is worse than before."""
        return any(change.worse for change in self.changes)


def compare(before: RunRecord, after: RunRecord) -> Difference:
    """Compare two runs."""
    stated = {each.requirement: each for each in (*before.verdicts, *after.verdicts)}
    changes = (_change(each, before, after) for each in stated.values())
    old, new = before.figures, after.figures
    ends = (before.finished, after.finished)
    return Difference(
        tuple(sorted(filter(None, changes), key=lambda change: not change.worse)),
        tuple(
            (name, old.get(name, 0), new.get(name, 0))
            for name in {**old, **new}
            if old.get(name, 0) != new.get(name, 0)
        ),
        (ends[0].seconds, ends[1].seconds) if ends[0] and ends[1] else None,
    )


def _change(stated: RequirementJudged, before: RunRecord, after: RunRecord) -> Change | None:
    identifier, sentence = stated.requirement, stated.sentence
    old, new = before.verdict(identifier), after.verdict(identifier)
    verdicts = (old.verdict if old else NOT_JUDGED, new.verdict if new else NOT_JUDGED)
    if verdicts in WORSE:
        detail = _message(after, identifier) if verdicts[1] == "violated" else ""
        return Change(identifier, sentence, *verdicts, WORSE[verdicts], True, detail)
    if verdicts in BETTER:
        return Change(identifier, sentence, *verdicts, BETTER[verdicts], False)
    if verdicts == ("violated", "violated"):
        detail = _difference_in_kind(before, after, identifier)
        if detail:
            return Change(identifier, sentence, *verdicts, "looks different", False, detail)
    fewer = sorted(set(old.checks if old else ()) - set(new.checks if new else ()))
    if fewer and verdicts == ("holds", "holds"):
        detail = f"no longer tried by {', '.join(fewer)}"
        return Change(identifier, sentence, *verdicts, "rests on less", True, detail)
    return None


def _violation(record: RunRecord, identifier: str) -> ViolationFound | None:
    return next((each for each in record.violations if each.requirement == identifier), None)


def _message(record: RunRecord, identifier: str) -> str:
    found = _violation(record, identifier)
    return found.message if found else ""


def _difference_in_kind(before: RunRecord, after: RunRecord, identifier: str) -> str:
    """Say how the same requirement is violated in another way; empty if it is not."""
    old, new = _violation(before, identifier), _violation(after, identifier)
    if old is None or new is None:
        return ""
    if old.crash_model != new.crash_model:
        return f"mildest crash model {new.crash_model or 'none'}, was {old.crash_model or 'none'}"
    if old.program != new.program:
        return f"smallest program of {len(new.program)} steps, was {len(old.program)}"
    return "" if old.message == new.message else new.message
