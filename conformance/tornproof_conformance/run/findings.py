"""
Decide which problems of a run are one finding, and in which phase each occurs.

A run meets the same fault many times.  Problems are told apart by requirement and phase, and
by their cause where they name one: an error that says why something does not open is the same
error whether a scan, a close or a reopening met it.  What one trial violates has one cause, too:
an event that is lost is missing from the chain and from the counters.  The first requirement
under which a cause was met is told; the others are listed with it, and told as findings of their
own where another trial violates them alone.
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from attrs import define, field
from tornproof_models.contract.violations import refuses

from tornproof_conformance.cases.case import Problem
from tornproof_conformance.cases.phases import harshness_of, phase_of, symptom_of

_NAMED_ERROR = re.compile(r"\b(\w+(?:Error|Exception|Failed|Exited|NoReply)): (.{12,})$", re.DOTALL)
_CHANGING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+|(?:/[^\s/:'\"]+)+|@\w+")
"""What differs between two reports of one error: addresses, digests, numbers, paths."""

Key: TypeAlias = tuple[str, str, str]
"""Requirement, phase and symptom."""


def cause_of(problem: Problem) -> str:
    """
    Name what was done wrong, or the error that a problem reports, without what changes.

    Empty if neither is known.  What a crash loses while a store is made or recovered, or after a
    failed call, is lost for another reason than later; what is refused with the same error is not.
    """
    if cause := problem.violation.cause:
        is_refused = cause.startswith(refuses(""))
        return _without_what_changes(cause if is_refused else f"{cause}, {phase_of(problem)}")
    text = problem.finding.error if problem.finding else ""
    if not text:
        named = _NAMED_ERROR.search(problem.violation.message)
        text = named[0] if named else ""
    return _without_what_changes(refuses(text)) if text else ""


def _without_what_changes(text: str) -> str:
    return " ".join(_CHANGING.sub("#", text).split())


def _rank(problem: Problem) -> tuple[int, ...]:
    """Say how mild the crash is that shows a problem, and of a workload how simple."""
    harshness = harshness_of(problem)
    if problem.finding is None or not symptom_of(problem):
        return (harshness,)
    return (harshness, *problem.finding.size)


def _trial_of(problem: Problem) -> object:
    """Name the one run, and the one crash of it, that a problem was found in."""
    finding = problem.finding
    crash = None if finding is None else (finding.crash_point, finding.lost, finding.inner)
    return problem.case, crash


@define
class Found:
    """One finding: a problem, and the other requirements that its cause violates."""

    problem: Problem
    check: str
    phase: str
    symptom: str = ""
    also: list[str] = field(factory=list)
    seconds: float = 0
    """How long the run had gone on when it was first found."""

    images: int = 0
    """How many crash images its check had judged by then."""

    @property
    def requirement(self) -> str:
        """The requirement under which it is told."""
        return self.problem.violation.requirement

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.requirement, self.phase, self.symptom


def _list(requirement: str, found: Found) -> None:
    """Note that a finding's cause violates another requirement, too."""
    if requirement not in (found.requirement, *found.also):
        found.also.append(requirement)


@define
class Findings:
    """What a run has found so far."""

    elapsed: Callable[[], float] = lambda: 0
    """How long the run has gone on, in seconds."""

    _found: dict[Key, Found] = field(factory=dict)
    _causes: dict[str, Found] = field(factory=dict)
    _latest: tuple[object, Found] | None = None
    """The latest trial in which something was found, and the finding that was told first of it."""

    def __iter__(self) -> Iterator[Found]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: Problem, check: str, images: int = 0) -> Found | None:
        """Take in a problem; return its finding if it is new, or met in a milder crash model."""
        requirement, phase = problem.violation.requirement, phase_of(problem)
        key = requirement, phase, symptom_of(problem)
        trial = _trial_of(problem)
        if self._latest and self._latest[0] == trial and not key[2]:
            _list(requirement, self._latest[1])
            return None
        if before := self._found.get(key):
            self._latest = trial, before
            if _rank(problem) < _rank(before.problem):
                before.problem, before.check = problem, check
                return before
            return None
        cause = cause_of(problem)
        if cause and (known := self._causes.get(cause)) and known.requirement != requirement:
            _list(requirement, known)
            self._latest = trial, known
            return None
        found = Found(problem, check, phase, key[2], seconds=self.elapsed(), images=images)
        self._found[key] = found
        self._latest = trial, found
        if cause:
            self._causes.setdefault(cause, found)
        return found

    def by_requirement(self) -> dict[str, Found]:
        """Return the first finding of each requirement, those that share a cause included."""
        first: dict[str, Found] = {}
        for found in self:
            for requirement in (found.requirement, *found.also):
                first.setdefault(requirement, found)
        return first
