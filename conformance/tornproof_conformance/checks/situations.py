"""
Run the test vectors and the scenarios.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from tornproof_models.crash.subject import Subject

from tornproof_conformance.cases.case import ScenarioCase, VectorCase, try_case
from tornproof_conformance.checks import Budget, Check, Covered, Findings, counted
from tornproof_conformance.scenarios import SCENARIOS, Scenario
from tornproof_conformance.scenarios.scenario import FORMAT, SEGMENTS, claims
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.vectors.vector import ImageVector, image_vectors

FIRST = "0" * 16 + ".wal"

SITUATED = ("AUD-", "CHN-", "CUR-", "RDR-")
"""
Families whose exercises are situations: each is made so that its requirements are at stake.

What a search counts, such as how often a journal was closed before a crash, no situation adds to.
"""


def vectors_check(chosen: Sequence[ImageVector] | None = None) -> Check:
    """Make the check of these frozen images, or of all: they are read when first needed."""

    def choose() -> Sequence[ImageVector]:
        return image_vectors() if chosen is None else chosen

    return Check(
        "vectors",
        "frozen images, and what recovery must make of them",
        lambda: _exercised(choose()),
        lambda subject, _: _vectors(choose(), subject),
        lambda subject: _exercised(choose()) - _exercised(_applicable(choose(), subject)),
    )


def scenarios_check(chosen: Sequence[Scenario]) -> Check:
    """Make the check of these scenarios."""
    return Check(
        "scenarios",
        "situations in which a rule shows",
        _exercised(chosen),
        partial(_scenarios, chosen),
        lambda subject: _exercised(chosen) - _exercised(_playable(chosen, subject)),
    )


def _vectors(chosen: Sequence[ImageVector], subject: Subject) -> Findings:
    vectors = _applicable(chosen, subject)
    for number, vector in enumerate(vectors):
        yield Progress("vectors", number, len(vectors), vector.id)
        yield from try_case(VectorCase(vector.id), subject)
    return Covered(counted(len(vectors), "frozen image"), {"vectors": len(vectors)})


def _scenarios(chosen: Sequence[Scenario], subject: Subject, _: Budget) -> Findings:
    scenarios = _playable(chosen, subject)
    for number, scenario in enumerate(scenarios):
        yield Progress("scenarios", number, len(scenarios), scenario.name)
        yield from try_case(ScenarioCase(scenario.name), subject)
    played = Counter(name for each in scenarios for name in each.requirements)
    return Covered(
        counted(len(scenarios), "scenario"),
        {"scenarios": len(scenarios)},
        at_stake={name: count for name, count in played.items() if name.startswith(SITUATED)},
    )


def _applicable(vectors: Sequence[ImageVector], subject: Subject) -> list[ImageVector]:
    """Choose the images of the format that a subject claims; most have one segment, the first."""
    claimed = {SEGMENTS} if claims(subject, SEGMENTS) else set()
    if claims(subject, FORMAT):
        claimed.add(FORMAT)
    return [vector for vector in vectors if claim_of(vector) in claimed]


def claim_of(vector: ImageVector) -> str:
    """Name the crash model that a subject has to claim to be held to an image."""
    segments = [name for name in vector.files if name.endswith(".wal")]
    return FORMAT if segments in ([], [FIRST]) else SEGMENTS


def _playable(scenarios: Sequence[Scenario], subject: Subject) -> list[Scenario]:
    return [scenario for scenario in scenarios if scenario.applies(subject)]


def _exercised(chosen: Iterable[Scenario | ImageVector]) -> frozenset[str]:
    return frozenset(name for each in chosen for name in each.requirements)


VECTORS = vectors_check()
SCENARIOS_CHECK = scenarios_check(tuple(SCENARIOS.values()))
