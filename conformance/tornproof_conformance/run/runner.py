"""
Run the checks on a subject and emit events.

A violation is told the moment it is found, and shrunk when everything has been tried, under
the same deadline.  `findings` tells which problems are one, `verdicts` what may be said of each
requirement.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from types import MappingProxyType

from attrs import asdict, evolve
from tornproof.errors import TornproofError
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.measurements import measurements_of

from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.cases.kept_images import discard, save
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.cases.shrinking import shrink_problem
from tornproof_conformance.checks import Budget, Check, Covered, counted
from tornproof_conformance.checks.audit_index import AUDITS
from tornproof_conformance.checks.catalogue import JOURNAL_CHECKS
from tornproof_conformance.checks.consumer_machines import consumer_machines_of
from tornproof_conformance.checks.deferred_queues import queue_checks_of
from tornproof_conformance.checks.group_commits import GROUP_COMMIT
from tornproof_conformance.checks.situations import SCENARIOS_CHECK
from tornproof_conformance.run.findings import Findings, Found, Key
from tornproof_conformance.run.traceability import why_not_covered
from tornproof_conformance.run.verdicts import Tally, finish, judge
from tornproof_conformance.specification.claims import listed_families
from tornproof_conformance.story.stories import mention, tell
from tornproof_conformance.stream.run_events import (
    CheckFinished,
    CheckStarted,
    Diagnosed,
    Implementation,
    Progress,
    RunEvent,
    RunStarted,
    ViolationFound,
)
from tornproof_conformance.stream.versions import current_versions
from tornproof_conformance.subjects.group_commits import HasBatcher
from tornproof_conformance.subjects.indexes import HasAudits
from tornproof_conformance.subjects.reference import NoJournal

SHRINKING = 0.15
"""
Part of a run's time that shrinking may take beyond it.

With the last reply that is waited for, a run ends within 1.25 times its budget.
"""


def check_subject(
    subject: Subject,
    *,
    budget: Budget,
    reproducers: Path,
    checks: Sequence[Check] = JOURNAL_CHECKS,
    selected: bool = False,
    shares: Mapping[str, float] = MappingProxyType({}),
    deadline: float | None = None,
    most_findings: float = inf,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[RunEvent]:
    """
    Run checks and yield events, the verdicts at the end.

    A violation is told, and its reproducer saved below `reproducers`, as soon as it is found;
    when all checks have run it is shrunk, and told again if that made it smaller.  Where the
    checks were `selected`, nothing is said of what they do not look at.  `shares` are the parts
    of the budget's time that searches take.  After `deadline` seconds no check goes on, and
    shrinking takes no more than `SHRINKING` of that.
    """
    began = clock()
    until = inf if deadline is None else began + deadline
    yield RunStarted(
        subject.name,
        _implementation(subject),
        current_versions(),
        tuple(check.name for check in checks),
        _settings(budget),
        now().isoformat(timespec="seconds"),
    )
    findings, tally = Findings(lambda: clock() - began), Tally()
    interrupted, stopped = False, ""
    told: dict[Key, ViolationFound] = {}
    ahead = dict.fromkeys(checks)

    def enough() -> str:
        found = len(findings)
        return f"stopped at {counted(found, 'violation')}" if found >= most_findings else ""

    try:
        for check in checks:
            started = clock()
            yield CheckStarted(check.name, check.title)
            remaining = sum(shares.get(each.name, 0) for each in ahead)
            tried = yield from _run_check(
                check,
                subject,
                budget.left(started - began, remaining),
                findings,
                told,
                reproducers,
                lambda: "the budget is used up" if clock() > until else enough(),
            )
            del ahead[check]
            tally.note(check.name, tried, check.covers(subject))
            yield _finished(check, tried, clock() - started)
            if stopped := enough() or _what_is_missing(findings):
                break
        until += 0 if deadline is None else SHRINKING * deadline
        yield from _shrink(findings, told, subject, reproducers, until, clock)
    except Diagnosis as broken:
        yield diagnosed(broken)
        return
    except KeyboardInterrupt:
        interrupted = True
    for check in ahead:
        why = stopped or "the run was interrupted"
        left = Covered(f"not finished: {why}", is_conclusive=False)
        tally.note(check.name, left, check.covers(subject))
    judges = _known if selected else _judges(subject)
    verdicts = list(judge(findings, tally, judges, partial(why_not_covered, subject=subject)))
    yield from verdicts
    yield finish(verdicts, clock() - began, interrupted=interrupted)


def _run_check(
    check: Check,
    subject: Subject,
    budget: Budget,
    findings: Findings,
    told: dict[Key, ViolationFound],
    reproducers: Path,
    why_stop: Callable[[], str],
) -> Generator[RunEvent, None, Covered]:
    """Run one check, tell what it finds, and return what it covered."""
    running, images = check.run(subject, budget), 0
    while True:
        if why := why_stop():
            running.close()
            return Covered(f"not finished: {why}", is_conclusive=False)
        try:
            event = next(running)
        except StopIteration as finished:
            covered: Covered = finished.value
            return covered
        if isinstance(event, Progress):
            images = event.images or images
            yield event
        elif found := findings.add(event, check.name, images):
            violation = _tell(found, subject, reproducers)
            if (before := told.get(found.key)) and before.reproducer != violation.reproducer:
                discard(Path(before.reproducer))
            told[found.key] = violation
            yield violation


def _settings(budget: Budget) -> dict[str, float | str]:
    """Say how far the checks go, in numbers and words."""
    settings = asdict(budget)
    words = {"crash_models": ", ".join(budget.crash_models), "thorough": int(budget.thorough)}
    return {**settings, **words}


def _what_is_missing(findings: Findings) -> str:
    """Say that an operation is missing without which nothing else can be judged; or nothing."""
    return (
        "the adapter lacks an operation that it claims"
        if "ADP-2" in findings.by_requirement()
        else ""
    )


def _finished(check: Check, tried: Covered, seconds: float) -> CheckFinished:
    return CheckFinished(
        check.name,
        tried.words,
        seconds,
        tried.counts,
        tried.crash_models,
        tried.is_conclusive,
        tried.done,
        tried.planned,
        tried.missing,
        measurements_of(tried.crash_models),
        tried.notes,
    )


def _shrink(
    findings: Findings,
    told: Mapping[Key, ViolationFound],
    subject: Subject,
    reproducers: Path,
    until: float,
    clock: Callable[[], float],
) -> Iterator[RunEvent]:
    """Shrink each finding in turn, and tell again what became smaller or is told with others."""
    every = list(findings)
    for number, found in enumerate(every):
        left = until - clock()
        share = inf if left == inf else left / (len(every) - number)
        before = told[found.key]
        smallest = _shrunk(found, subject, reproducers, share) if share > 0 else None
        if smallest is not None and smallest.reproducer != before.reproducer:
            discard(Path(before.reproducer))
        latest = smallest or before
        if latest is not before or found.also:
            yield evolve(latest, also=tuple(found.also), shrunk=smallest is not None)


def _shrunk(
    found: Found, subject: Subject, reproducers: Path, seconds: float
) -> ViolationFound | None:
    """Shrink a finding for so many seconds, and tell it; none if that is not possible."""
    try:
        with for_case(subject, found.problem.case) as judged:
            smallest = shrink_problem(found.problem, judged, seconds=seconds)
            path = save(smallest, judged, reproducers)
            return _as_found(tell(smallest, judged, str(path)), found)
    except (Diagnosis, OutOfPatience, TornproofError):
        return None


def _tell(found: Found, subject: Subject, reproducers: Path) -> ViolationFound:
    """Tell a finding as it is, with its reproducer, before anything else is tried."""
    path = save(found.problem, subject, reproducers)
    return evolve(_as_found(mention(found.problem, subject, str(path)), found), shrunk=False)


def _as_found(violation: ViolationFound, found: Found) -> ViolationFound:
    """Say in which phase of a store a violation was found, and when."""
    return evolve(
        violation,
        phase=found.phase,
        symptom=found.symptom,
        seconds=round(found.seconds, 3),
        images=found.images,
    )


def checks_of(subject: Subject) -> tuple[Check, ...]:
    """Choose the checks that a subject in this process can be put through."""
    checks = [SCENARIOS_CHECK] if isinstance(subject, NoJournal) else [*JOURNAL_CHECKS]
    checks += consumer_machines_of(subject)
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
    """Let a subject say what it is; one that does not is known by its name alone."""
    said = getattr(subject, "implementation", None)
    return said if isinstance(said, Implementation) else Implementation(subject.name)
