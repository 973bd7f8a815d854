"""
Situations that somebody thought of: frozen vectors and scenarios.
"""

from tornproof_models.explore.workload import Target

from tornproof_conformance.cases import ScenarioCase, VectorCase, try_case
from tornproof_conformance.checks import Budget, Check, Findings
from tornproof_conformance.events import Progress
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.vectors import image_vectors


def _vectors(target: Target, _: Budget) -> Findings:
    vectors = image_vectors()
    for number, vector in enumerate(vectors):
        yield Progress("vectors", number, len(vectors), vector.id)
        yield from try_case(VectorCase(vector.id), target)
    return f"{len(vectors)} frozen images"


def _scenarios(target: Target, _: Budget) -> Findings:
    for number, scenario in enumerate(SCENARIOS.values()):
        yield Progress("scenarios", number, len(SCENARIOS), scenario.name)
        yield from try_case(ScenarioCase(scenario.name), target)
    return f"{len(SCENARIOS)} scenarios"


VECTORS = Check(
    "vectors",
    "frozen images, and what recovery must make of them",
    frozenset(name for vector in image_vectors() for name in vector.requirements),
    _vectors,
)

SCENARIOS_CHECK = Check(
    "scenarios",
    "situations in which a rule shows",
    frozenset(name for scenario in SCENARIOS.values() for name in scenario.requirements),
    _scenarios,
)
