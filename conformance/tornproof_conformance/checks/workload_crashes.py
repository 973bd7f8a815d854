"""
Crash a recorded workload everywhere, and let the user's commands look at what is left.

What two mild crash models allow is little: all of it comes first.  Then come the rounds of
`crash.rounds`, each in every harsher model, over all crash points.  Of what a round has in one
crash model as much is looked at as its share of the time allows, evenly spread.

An image that is met again in a milder crash model costs nothing and makes the finding milder.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from math import inf

from tornproof_models.contract import workload as contract
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.rounds import (
    ROUNDS,
    SIMPLE,
    candidates,
    spread,
)
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.trace import Stored

from tornproof_conformance.cases.case import Problem
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.checks.workload_search import First, Key, Loss, Round, Search, rounds
from tornproof_conformance.lifetime.next_boot import SEES
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.workload.laid_out import LaidOut
from tornproof_conformance.workload.workload_subject import WorkloadSubject

NAME = "workload"

SHARE = 0.85
"""Part of the budget's time; shrinking takes the rest."""

SLACK = 1.5
"""How much more than its share of the time a round may take: later ones often take less."""

RECOVERIES = 8
"""Recoveries that are recorded and crashed, evenly spread over those that succeed."""

RECOVERY_SHARE = 0.05
"""Part of the time that the crashes of one recovery may take."""

NO_VIOLATION = Violation("", "")
"""Stands for what the first of two crashes violates."""


def _workload(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, WorkloadSubject)
    search, every = Search(subject, Clock.start(budget, SHARE)), rounds(budget.crash_models)
    needed = [each for each in every if each.is_needed]
    yield from _pass(search, needed)
    while search.clock.has_time and (left := [each for each in needed if search.is_open(each)]):
        yield from _pass(search, left)
    whole = yield from _crash_recoveries(search, needed)
    yield from _pass(search, [each for each in every if not each.is_needed])
    return _covered(search, every, budget.crash_models, whole)


def _crash_recoveries(
    search: Search, needed: Sequence[Round]
) -> Generator[Progress | Problem, None, int]:
    """
    Record some of the recoveries that succeed, and crash each.

    Returns of how many all was looked at that a verdict needs.
    """
    subject, clock, whole = search.subject, search.clock, 0
    if subject.given.questions.recover is None:
        return 0
    sound: dict[Key, tuple[Loss, LaidOut]] = {}
    for each in needed:
        for point, space in search.spaces(each.crash_model) if each.number == 0 else ():
            for choice in candidates(space, 0):
                printed = len(subject.recorded.lines_before(point))
                key = space.builder.digest(choice), printed, space.reboots
                if key in search.known and search.known[key] is None and key not in sound:
                    sound[key] = Loss.of(space, point, choice), subject.image(space, choice)
    for (_, _, reboots), (loss, image) in spread(list(sound.items()), RECOVERIES):
        if not clock.has_time and subject.recoveries:
            break
        lines = subject.recorded.lines_before(loss.point)
        recovery = subject.record_recovery(image, lines, reboots=reboots)
        first = First(len(subject.recoveries) - 1, loss.finding(NO_VIOLATION, ""), search.trace)
        again = Search(recovery, clock, first)
        yield from _pass(again, needed, clock.seconds * RECOVERY_SHARE)
        whole += not any(again.is_open(each) for each in needed)
    return whole


def _pass(
    search: Search, every: Sequence[Round], seconds: float = inf
) -> Iterator[Progress | Problem]:
    """Go over some rounds, each with its share of the time that is left, or of less."""
    clock, end = search.clock, time.monotonic() + seconds
    for number, each in enumerate(every):
        detail = f"{ROUNDS[each.number]}, {each.crash_model.name}: {len(search.known):,} images"
        yield clock.progress(NAME, detail, len(search.known))
        left = min(clock.until, end) - time.monotonic()
        share = SLACK * left / (len(every) - number)
        yield from search.run(each, time.monotonic() + min(share, left))


def _covered(
    search: Search, every: Sequence[Round], crash_models: tuple[str, ...], whole: int
) -> Covered:
    subject = search.subject
    cut = [each for each in search.cut if each.is_needed]
    needed = sum(search.left[each] for each in every if each.is_needed)
    other = sum(search.left[each] for each in every if not each.is_needed)
    words = (
        f"{len(search.known):,} distinct images, {1000 * search.pace:.0f} ms each, at "
        f"{len(search.points):,} crash points in "
        f"{counted(len(crash_models), 'crash model')}, of "
        f"{len(subject.recorded.trace.events):,} operations and lines"
    )
    if other:
        words += f"; {other:,} more of the rounds after {ROUNDS[SIMPLE - 1]!r} were not looked at"
    if batches := sum(isinstance(event, Stored) for event in subject.recorded.trace.events):
        words += f"; {counted(batches, 'moment')} at which stores through mappings were found"
        words += (
            ", order unknown, of two stores into a sector the last alone; --every-store sees each"
        )
    if recoveries := len(subject.recoveries):
        words += f"; {counted(recoveries, 'run')} of the recovery recorded, and crashed as well"
    mild = " and ".join(each.crash_model.name for each in every if each.is_mild and not each.number)
    missing = f"every image of the first {SIMPLE} rounds"
    missing += f", and of {mild}" if mild else ""
    more = ", and more were not counted" if cut else ""
    missing += f" ({needed:,} were not looked at{more})"
    return Covered(
        words,
        {
            "crash_points": len(search.points),
            "images": len(search.known),
            **({"crashed_again": recoveries} if recoveries else {}),
        },
        crash_models,
        done=len(search.known),
        planned=len(search.known) + needed,
        missing=missing if needed or cut else "",
        at_stake=dict.fromkeys(contract.JUDGES_RECOVERY, whole),
        notes=(*subject.recorded.notes, *_seen(subject), *_reused(subject)),
    )


def _seen(subject: WorkloadSubject) -> Iterator[str]:
    """Note what commands see of the time before a loss of power."""
    if subject.places.visible:
        yield SEES.format(visible=", ".join(subject.places.visible))


def _reused(subject: WorkloadSubject) -> Iterator[str]:
    """Note that a stale number of a process, as in a file of a server, may mislead a check."""
    if subject.places.visible and (reused := subject.recorded.reused):
        numbers = ", ".join(map(str, reused))
        yield (
            f"processes with numbers of the workload's run now ({numbers}): a check that reads a "
            "stale pid file takes them for its own"
        )


def _not_asked(subject: Subject) -> frozenset[str]:
    """Leave out what no command was given for."""
    assert isinstance(subject, WorkloadSubject)
    asked = subject.given.questions
    return contract.JUDGES - contract.judged_by(
        checks=bool(asked.checks), state=bool(asked.state), recover=bool(asked.recover)
    )


WORKLOAD = Check(
    NAME,
    "crashes a workload everywhere, and lets commands look at what is left",
    contract.JUDGES,
    _workload,
    _not_asked,
)
