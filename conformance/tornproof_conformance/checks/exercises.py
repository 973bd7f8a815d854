"""
What an adapter is put through besides programs, scenarios and images.
"""

import random

from tornproof_models.contract.delivery import Profile
from tornproof_models.explore.workload import Target

from tornproof_conformance.adapter.conversation import requests_of
from tornproof_conformance.adapter.deliveries import faults_of, programs_of
from tornproof_conformance.adapter.target import AdapterTarget
from tornproof_conformance.cases import ExerciseCase, try_case
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings
from tornproof_conformance.events import Progress


def _conversation(target: Target, _: Budget) -> Findings:
    assert isinstance(target, AdapterTarget)
    yield Progress("conversation", 0, 1, "asking for everything once")
    yield from try_case(ExerciseCase("conversation"), target)
    asked = len(requests_of(target))
    words = f"{asked} requests: every operation of {len(target.claims)} claimed profiles"
    return Covered(words, {"requests": asked})


CONVERSATION = Check(
    "conversation",
    "every operation that is claimed, once",
    frozenset({"ADP-1", "ADP-2", "ADP-4", "ADP-5"}),
    _conversation,
)


# The drainer


DELIVERY_SHARE = 0.2
"""Part of the budget's time."""


def _deliveries(target: Target, budget: Budget) -> Findings:
    assert isinstance(target, AdapterTarget)
    clock = Clock.start(budget, DELIVERY_SHARE)
    faults = faults_of(target)
    profiles = [each for each in Profile if each.value in target.claims]
    programs = [program for profile in profiles for program in programs_of(faults, profile)]
    alone = [program for program in programs if len(program) < 3]
    pairs = [program for program in programs if len(program) == 3]
    random.Random(budget.seed).shuffle(pairs)
    tried = 0
    for number, program in enumerate([*alone, *pairs]):
        if number >= len(alone) and not clock.has_time:
            break
        yield Progress("deliveries", number, len(programs), ", ".join(program))
        yield from try_case(ExerciseCase("delivery", program), target)
        tried += 1
    words = f"{len(alone)} deliveries with a fault or none, {tried - len(alone)} of {len(pairs)} "
    words += f"with two, at {len({fault.point for fault in faults})} points"
    return Covered(words, {"faults": tried}, ("process-kill",))


DELIVERIES = Check(
    "deliveries",
    "events through the drainer, with every fault and many pairs",
    frozenset(
        {"DRN-1", "DRN-2", "DRN-4", "DRN-5", "DRN-6", "DRN-8", "DRN-9", "DRN-12"}
        | {"DRN-13", "DRN-15", "DRN-17", "CHN-1", "CHN-3"}
    ),
    _deliveries,
)
