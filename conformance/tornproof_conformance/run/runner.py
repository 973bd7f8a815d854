"""
Run the checks against a target and emit what happens.

The runner decides verdicts, and nothing else does.  A requirement is *violated*
if any check found it so, *holds* if a check that can find it violated ran to
its end and did not, and is *not covered* if no check looks at it.  A target
conforms if no MUST is violated.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from attrs import asdict
from tornproof.errors import TornproofError
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import Problem
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.cases.shrinking import shrink_problem
from tornproof_conformance.checks import Budget, Check, Covered
from tornproof_conformance.checks.audit_index import AUDITS
from tornproof_conformance.checks.catalogue import JOURNAL_CHECKS
from tornproof_conformance.checks.deferred_queues import queue_checks_of
from tornproof_conformance.checks.group_commits import GROUP_COMMIT
from tornproof_conformance.checks.situations import SCENARIOS_CHECK
from tornproof_conformance.specification.claims import listed_families, why_unobservable
from tornproof_conformance.specification.requirements import Level, requirements
from tornproof_conformance.story.stories import mention, tell
from tornproof_conformance.stream.run_events import (
    CheckFinished,
    CheckStarted,
    Diagnosed,
    Implementation,
    Progress,
    RequirementJudged,
    RunEvent,
    RunFinished,
    RunStarted,
)
from tornproof_conformance.stream.versions import current_versions
from tornproof_conformance.subjects.group_commits import HasBatcher
from tornproof_conformance.subjects.indexes import HasAudits
from tornproof_conformance.subjects.reference import NoJournal


def check_subject(
    subject: Subject,
    *,
    budget: Budget,
    reproducers: Path,
    checks: Sequence[Check] = JOURNAL_CHECKS,
    selected: bool = False,
    shares: Mapping[str, float] = MappingProxyType({}),
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[RunEvent]:
    """
    Run checks and yield events, the verdicts at the end.

    Each requirement's first violation is shrunk, told, and its reproducer saved
    below `reproducers`.  Where the checks were `selected`, nothing is said of what
    they do not look at.  `shares` are the parts of the budget's time that searches take.
    """
    began = clock()
    yield RunStarted(
        subject.name,
        _implementation(subject),
        current_versions(),
        tuple(check.name for check in checks),
        asdict(budget),
        now().isoformat(timespec="seconds"),
    )
    violated: dict[str, str] = {}
    covered: dict[str, list[str]] = {}
    unfinished: dict[str, str] = {}
    try:
        for number, check in enumerate(checks):
            started = clock()
            yield CheckStarted(check.name, check.title)
            ahead = sum(shares.get(each.name, 0) for each in checks[number:])
            findings = check.run(subject, budget.left(started - began, ahead))
            while True:
                try:
                    found = next(findings)
                except StopIteration as finished:
                    tried: Covered = finished.value
                    break
                if isinstance(found, Progress):
                    yield found
                elif found.violation.requirement not in violated:
                    violated[found.violation.requirement] = check.name
                    yield _tell(found, subject, reproducers)
            for identifier in check.covers(subject):
                if tried.is_conclusive:
                    covered.setdefault(identifier, []).append(check.name)
                else:
                    unfinished.setdefault(identifier, f"{check.name} came to no end")
            seconds = clock() - started
            yield CheckFinished(
                check.name,
                tried.words,
                seconds,
                tried.counts,
                tried.crash_models,
                tried.is_conclusive,
            )
    except Diagnosis as broken:
        yield diagnosed(broken)
        return
    judges = _known if selected else _judges(subject)

    def why_not(identifier: str) -> str:
        return unfinished.get(identifier) or why_unobservable(identifier, subject)

    yield from _verdicts(violated, covered, judges, why_not, clock() - began)


def checks_of(subject: Subject) -> tuple[Check, ...]:
    """Choose the checks that a target in this process can be put through."""
    checks = [SCENARIOS_CHECK] if isinstance(subject, NoJournal) else [*JOURNAL_CHECKS]
    if isinstance(subject, HasBatcher):
        checks.append(GROUP_COMMIT)
    if isinstance(subject, HasAudits):
        checks.append(AUDITS)
    return (*checks, *queue_checks_of(subject))


def diagnosed(found: Diagnosis) -> Diagnosed:
    """Turn a diagnosis into the event that ends a run."""
    return Diagnosed(found.kind, found.message, found.hint, found.request, found.reply, found.log)


def _known(_: str, is_known: bool) -> bool:
    """Say something of what a check has looked at, and of nothing else."""
    return is_known


def _judges(subject: Subject) -> Callable[[str, bool], bool]:
    """Tell which families a verdict lists: those of its claims, and those that a check covered."""
    listed = listed_families(getattr(subject, "claims", None))
    return lambda family, is_known: family in listed or is_known


def _implementation(subject: Subject) -> Implementation:
    """Let a target say what it is; one that does not is known by its name alone."""
    said = getattr(subject, "implementation", None)
    return said if isinstance(said, Implementation) else Implementation(subject.name)


def _tell(problem: Problem, subject: Subject, reproducers: Path) -> RunEvent:
    """Shrink a problem and tell it; if the target does not take part in that, say what it is."""
    try:
        with for_case(subject, problem.case) as judged:
            smallest = shrink_problem(problem, judged)
            path = reproducer.save(smallest, subject.name, reproducers)
            return tell(smallest, judged, str(path))
    except (Diagnosis, OutOfPatience, TornproofError):
        path = reproducer.save(problem, subject.name, reproducers)
        return mention(problem, subject, str(path))


def _verdicts(
    violated: dict[str, str],
    covered: dict[str, list[str]],
    judges: Callable[[str, bool], bool],
    why_not: Callable[[str], str],
    seconds: float,
) -> Iterator[RunEvent]:
    counts = {"holds": 0, "violated": 0, "not covered": 0}
    conforms = True
    for requirement in requirements().values():
        is_known = requirement.id in violated or requirement.id in covered
        if not judges(requirement.family, is_known):
            continue
        if requirement.id in violated:
            verdict, checks = "violated", [violated[requirement.id]]
            conforms = conforms and requirement.level is not Level.MUST
        elif requirement.id in covered:
            verdict, checks = "holds", covered[requirement.id]
        else:
            verdict, checks = "not covered", []
        counts[verdict] += 1
        yield RequirementJudged(
            requirement.id,
            requirement.level.value,
            verdict,
            requirement.sentence,
            tuple(checks),
            reason="" if checks else why_not(requirement.id),
        )
    yield RunFinished(conforms, counts["holds"], counts["violated"], counts["not covered"], seconds)
