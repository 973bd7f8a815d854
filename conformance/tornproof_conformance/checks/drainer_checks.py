"""
What an adapter is put through besides programs, scenarios and images.
"""

import random
from collections.abc import Iterator, Sequence
from functools import partial

from tornproof_models.contract.delivery import Profile
from tornproof_models.crash.subject import Target

from tornproof_conformance.adapter.adapter_subject import AdapterTarget
from tornproof_conformance.adapter.arming import Arming, faults_of, programs_of
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.checks.conversation import requests_of
from tornproof_conformance.checks.queue_situations import SITUATIONS, QueueSituation, hidden_in
from tornproof_conformance.stream.run_events import Progress


def _conversation(target: Target, _: Budget) -> Findings:
    assert isinstance(target, AdapterTarget)
    yield Progress("conversation", 0, 1, "asking for everything once")
    yield from try_case(ExerciseCase("conversation"), target)
    asked = len(requests_of(target))
    profiles = counted(len(target.claims), "claimed profile")
    words = f"{counted(asked, 'request')}: every operation of {profiles}"
    return Covered(words, {"requests": asked})


CONVERSATION = Check(
    "conversation",
    "every operation that is claimed, once",
    frozenset({"ADP-1", "ADP-2", "ADP-4", "ADP-5"}),
    _conversation,
)


# The drainer


DELIVERY_SHARE = 0.1
"""Part of the budget's time."""

PAIRS_AT_LEAST = 20
"""Pairs of faults that are tried even where those alone have taken all the time."""

AT_FAULT_POINTS = frozenset({"DRN-4", "DRN-5", "DRN-6", "DRN-8", "DRN-15", "DRN-17"})
"""What shows only if something goes wrong at a point of the drainer's."""


def _deliveries(target: Target, budget: Budget) -> Findings:
    assert isinstance(target, AdapterTarget)
    clock = Clock.start(budget, DELIVERY_SHARE)
    faults = _faults(target)
    profiles = [each for each in Profile if each.value in target.claims]
    programs = [program for profile in profiles for program in programs_of(faults, profile)]
    alone = [program for program in programs if len(program) < 3]
    pairs = [program for program in programs if len(program) == 3]
    random.Random(budget.seed).shuffle(pairs)
    tried = 0
    for number, program in enumerate([*alone, *pairs]):
        if number >= len(alone) + PAIRS_AT_LEAST and not clock.has_time:
            break
        yield Progress("deliveries", number, len(programs), ", ".join(program))
        yield from try_case(ExerciseCase("delivery", program), target)
        tried += 1
    two = f"{tried - len(alone):,} of {len(pairs):,} with two"
    points = len({fault.point for fault in faults})
    words = f"{len(alone)} deliveries with a fault or none, {two}, at {points} points"
    return Covered(words, {"faults": tried}, ("process-kill",))


DELIVERIES = Check(
    "deliveries",
    "events through the drainer, with every fault and many pairs",
    frozenset(
        {"DRN-1", "DRN-2", "DRN-4", "DRN-5", "DRN-6", "DRN-8", "DRN-9", "DRN-12"}
        | {"DRN-13", "DRN-15", "DRN-17", "CHN-1"}
    ),
    _deliveries,
    lambda target: frozenset() if _faults(target) else AT_FAULT_POINTS,
)


def queue_situations_check(chosen: Sequence[QueueSituation]) -> Check:
    """Make the check of these situations."""
    return Check(
        "queue-situations",
        "restarts, refusals and endings of a drainer",
        frozenset(each.requirement for each in chosen),
        partial(_queue_situations, chosen),
        partial(_unplayable, chosen),
    )


def _queue_situations(chosen: Sequence[QueueSituation], target: Target, _: Budget) -> Findings:
    faults = _faults(target)
    programs = [
        (situation.name, profile, *map(str, armed))
        for situation, profile in _playable(chosen, target)
        for armed in situation.programs(faults)
    ]
    for number, program in enumerate(programs):
        yield Progress("queue-situations", number, len(programs), program[0])
        yield from try_case(ExerciseCase("queue-situation", program), target)
    played = len({name for name, *_ in programs})
    words = f"{played} situations of a drainer, {len(programs)} times"
    return Covered(words, {"queue_situations": len(programs)}, ("process-kill",))


def _playable(
    chosen: Sequence[QueueSituation], target: Target
) -> Iterator[tuple[QueueSituation, str]]:
    """Choose the situations of the profiles that a target claims."""
    assert isinstance(target, AdapterTarget)
    for situation in chosen:
        claimed = [each.value for each in situation.profiles if each.value in target.claims]
        for profile in claimed[:1] if situation.once else claimed:
            yield situation, profile


def _unplayable(chosen: Sequence[QueueSituation], target: Target) -> frozenset[str]:
    """Name what cannot be seen of an adapter, for want of a profile, of points or of words."""
    assert isinstance(target, AdapterTarget)
    faults = _faults(target)
    played = {
        each.requirement for each, _ in _playable(chosen, target) if list(each.programs(faults))
    }
    return frozenset(each.requirement for each in chosen) - (played - hidden_in(target))


def _faults(target: Target) -> list[Arming]:
    assert isinstance(target, AdapterTarget)
    return faults_of(target)


QUEUE_SITUATIONS = queue_situations_check(tuple(SITUATIONS.values()))
