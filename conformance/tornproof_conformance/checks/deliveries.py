"""
Deliver three events through a drainer with faults armed, alone and in pairs.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from tornproof_models.contract.delivery import (
    JUDGES_AFTER_FAULTS,
    JUDGES_DRAIN,
    JUDGES_STATE,
    Mode,
)
from tornproof_models.contract.delivery.stakes import JUDGES as STAKES
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.queues.delivery_run import JUDGES as JUDGES_DEFECT

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.arming import Arming, faults_of, programs_of
from tornproof_conformance.adapter.blame import blame_error
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.cases.case import ExerciseCase, Problem
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings
from tornproof_conformance.checks.delivering import Delivery
from tornproof_conformance.stream.run_events import Progress

EVENTS = 3


@exercise("delivery")
def deliver(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Deliver three events in a mode, with faults armed; yields what is violated."""
    yield from play(subject, arguments)[0]


def play(subject: AdapterSubject, arguments: Sequence[str]) -> tuple[list[Violation], Counter[str]]:
    """Deliver three events; return what is violated, and what was at stake how often."""
    mode, *faults = arguments
    found: list[Violation] = []
    met: Counter[str] = Counter()
    try:
        delivery = Delivery(subject, Mode(mode), violations=found, met=met)
        for _ in range(EVENTS):
            delivery.submit()
        for words in faults:
            delivery.arm(Arming.parse(words))
        if faults:
            delivery.drain()
        last = () if faults else (delivery.submit_late,)
        for step in (delivery.settle, delivery.replay, delivery.verify, *last):
            if not found:
                step()
        delivery.close()
    except (ProcessFailed, Refusal) as failed:
        found.append(blame_error("DRN-1", failed, "the drainer does not go on: "))
    return found, met


def delivery_faults(subject: Subject) -> list[Arming]:
    assert isinstance(subject, AdapterSubject)
    return faults_of(subject)


DELIVERY_SHARE = 0.1
"""Part of the budget's time."""

PAIRS_AT_LEAST = 20
"""Pairs of faults that are tried even where those alone have taken all the time."""

LEAST_PAIRS = 100
"""Pairs of faults that a verdict needs, where there are as many."""


def _deliveries(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    clock = Clock.start(budget, DELIVERY_SHARE)
    faults = delivery_faults(subject)
    modes = [each for each in Mode if each.value in subject.claims]
    programs = [program for mode in modes for program in programs_of(faults, mode)]
    alone = [program for program in programs if len(program) < 3]
    pairs = [program for program in programs if len(program) == 3]
    random.Random(budget.seed).shuffle(pairs)
    met = Counter(dict.fromkeys(STAKES, 0))
    tried, least = 0, len(alone) + min(LEAST_PAIRS, len(pairs))
    for number, program in enumerate([*alone, *pairs]):
        if number >= len(alone) + PAIRS_AT_LEAST and not clock.has_time:
            break
        yield Progress("deliveries", number, len(programs), ", ".join(program))
        found, stakes = play(subject, program)
        met.update(stakes)
        for violation in found:
            yield Problem(violation, ExerciseCase("delivery", program))
        tried += 1
    two = f"{tried - len(alone):,} of {len(pairs):,} with two"
    points = len({fault.point for fault in faults})
    words = f"{len(alone)} deliveries with a fault or none, {two}, at {points} points"
    short = tried < least
    return Covered(
        words,
        {"faults": tried},
        ("process-kill",),
        done=min(tried, least),
        planned=least,
        missing=f"{least} deliveries, with up to two faults ({tried} done)" if short else "",
        at_stake=met,
    )


DELIVERIES = Check(
    "deliveries",
    "events through the drainer, with every fault and many pairs",
    JUDGES_STATE | JUDGES_DRAIN | JUDGES_DEFECT,
    _deliveries,
    lambda subject: frozenset() if delivery_faults(subject) else JUDGES_AFTER_FAULTS,
)
