"""
What an adapter is put through besides programs, scenarios and images.
"""

from tornproof_models.explore.workload import Target

from tornproof_conformance.adapter.conversation import requests_of
from tornproof_conformance.adapter.target import AdapterTarget
from tornproof_conformance.cases import ExerciseCase, try_case
from tornproof_conformance.checks import Budget, Check, Covered, Findings
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
