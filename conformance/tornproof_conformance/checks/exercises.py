"""
What an adapter is put through besides programs, scenarios and images.
"""

import random

from tornproof_models.contract.delivery import Profile
from tornproof_models.explore.workload import Target

from tornproof_conformance.adapter.audits import audit_vectors
from tornproof_conformance.adapter.conversation import requests_of
from tornproof_conformance.adapter.deliveries import faults_of, programs_of
from tornproof_conformance.adapter.target import AdapterTarget
from tornproof_conformance.cases import ExerciseCase, try_case
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings
from tornproof_conformance.events import Progress
from tornproof_conformance.scenarios.scenario import claims


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


# The audit index


AUDIT_SHARE = 0.1
"""Part of the budget's time."""


def _audits(target: Target, budget: Budget) -> Findings:
    assert isinstance(target, AdapterTarget)
    vectors = audit_vectors(target)
    for number, case in enumerate(vectors):
        yield Progress("audits", number, len(vectors), case["id"])
        yield from try_case(ExerciseCase("audit-vector", (case["id"],)), target)
    clock = Clock.start(budget, AUDIT_SHARE)
    programs, steps = (2, 20) if target.is_slow else (10, 40)
    rounds = 0
    while rounds == 0 or clock.has_time:
        yield clock.progress("audits", f"{rounds * programs} random programs")
        arguments = (str(budget.seed + rounds), str(programs), str(steps))
        yield from try_case(ExerciseCase("audit-programs", arguments), target)
        rounds += 1
    words = f"{len(vectors)} frozen vectors, {rounds * programs} random programs with kills"
    counts = {"vectors": len(vectors), "random_programs": rounds * programs}
    return Covered(words, counts, ("process-kill",))


AUDITS = Check(
    "audits",
    "frozen questions, and random ones between kills",
    frozenset(f"AUD-{number}" for number in (*range(1, 12), 13, 14, 15)),
    _audits,
    lambda target: frozenset() if claims(target, "audit/keys") else frozenset({"AUD-1", "AUD-2"}),
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
