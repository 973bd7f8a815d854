"""
Situations that somebody thought of: frozen vectors and scenarios.
"""

from collections.abc import Iterable, Sequence
from functools import partial

from tornproof_models.crash.subject import Target

from tornproof_conformance.cases.case import ScenarioCase, VectorCase, try_case
from tornproof_conformance.checks import Budget, Check, Covered, Findings, counted
from tornproof_conformance.scenarios import SCENARIOS, Scenario
from tornproof_conformance.scenarios.scenario import FORMAT, SEGMENTS, claims
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.vectors.vector import ImageVector, image_vectors

FIRST = "0" * 16 + ".wal"


def vectors_check(chosen: Sequence[ImageVector] | None = None) -> Check:
    """Make the check of these frozen images, or of all: they are read when first needed."""

    def choose() -> Sequence[ImageVector]:
        return image_vectors() if chosen is None else chosen

    return Check(
        "vectors",
        "frozen images, and what recovery must make of them",
        lambda: _exercised(choose()),
        lambda target, _: _vectors(choose(), target),
        lambda target: _exercised(choose()) - _exercised(_applicable(choose(), target)),
    )


def scenarios_check(chosen: Sequence[Scenario]) -> Check:
    """Make the check of these scenarios."""
    return Check(
        "scenarios",
        "situations in which a rule shows",
        _exercised(chosen),
        partial(_scenarios, chosen),
        lambda target: _exercised(chosen) - _exercised(_playable(chosen, target)),
    )


def _vectors(chosen: Sequence[ImageVector], target: Target) -> Findings:
    vectors = _applicable(chosen, target)
    for number, vector in enumerate(vectors):
        yield Progress("vectors", number, len(vectors), vector.id)
        yield from try_case(VectorCase(vector.id), target)
    return Covered(counted(len(vectors), "frozen image"), {"vectors": len(vectors)})


def _scenarios(chosen: Sequence[Scenario], target: Target, _: Budget) -> Findings:
    scenarios = _playable(chosen, target)
    for number, scenario in enumerate(scenarios):
        yield Progress("scenarios", number, len(scenarios), scenario.name)
        yield from try_case(ScenarioCase(scenario.name), target)
    return Covered(counted(len(scenarios), "scenario"), {"scenarios": len(scenarios)})


def _applicable(vectors: Sequence[ImageVector], target: Target) -> list[ImageVector]:
    """Choose the images of the format that a target claims; most have one segment, the first."""
    profiles = {SEGMENTS} if claims(target, SEGMENTS) else set()
    if claims(target, FORMAT):
        profiles.add(FORMAT)
    return [vector for vector in vectors if profile_of(vector) in profiles]


def profile_of(vector: ImageVector) -> str:
    """Name the profile that a target has to claim to be held to an image."""
    segments = [name for name in vector.files if name.endswith(".wal")]
    return FORMAT if segments in ([], [FIRST]) else SEGMENTS


def _playable(scenarios: Sequence[Scenario], target: Target) -> list[Scenario]:
    return [scenario for scenario in scenarios if scenario.applies(target)]


def _exercised(chosen: Iterable[Scenario | ImageVector]) -> frozenset[str]:
    return frozenset(name for each in chosen for name in each.requirements)


VECTORS = vectors_check()
SCENARIOS_CHECK = scenarios_check(tuple(SCENARIOS.values()))
