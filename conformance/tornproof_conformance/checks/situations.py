"""
Situations that somebody thought of: frozen vectors and scenarios.
"""

from collections.abc import Iterable

from tornproof_models.explore.workload import Target

from tornproof_conformance.cases import ScenarioCase, VectorCase, try_case
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.events import Progress
from tornproof_conformance.scenarios import SCENARIOS, Scenario
from tornproof_conformance.vectors import image_vectors


def _vectors(target: Target, _: Budget) -> Findings:
    vectors = image_vectors()
    for number, vector in enumerate(vectors):
        yield Progress("vectors", number, len(vectors), vector.id)
        yield from try_case(VectorCase(vector.id), target)
    return Covered(f"{len(vectors)} frozen images", {"vectors": len(vectors)})


def _scenarios(target: Target, _: Budget) -> Findings:
    scenarios = [each for each in SCENARIOS.values() if each.applies(target)]
    for number, scenario in enumerate(scenarios):
        yield Progress("scenarios", number, len(scenarios), scenario.name)
        yield from try_case(ScenarioCase(scenario.name), target)
    return Covered(f"{len(scenarios)} scenarios", {"scenarios": len(scenarios)})


def _requirements(scenarios: Iterable[Scenario]) -> frozenset[str]:
    return frozenset(name for scenario in scenarios for name in scenario.requirements)


def _without_a_situation(target: Target) -> frozenset[str]:
    """Name the requirements of scenarios alone that do not apply to a target."""
    found = _requirements(each for each in SCENARIOS.values() if each.applies(target))
    return _requirements(SCENARIOS.values()) - found


VECTORS = Check(
    "vectors",
    "frozen images, and what recovery must make of them",
    frozenset(name for vector in image_vectors() for name in vector.requirements),
    _vectors,
)

SCENARIOS_CHECK = Check(
    "scenarios",
    "situations in which a rule shows",
    _requirements(SCENARIOS.values()),
    _scenarios,
    _without_a_situation,
)
