"""
Find the checks, scenarios, vectors, miniatures and tests of a requirement.

To know that takes importing all of them.
"""

from collections.abc import Mapping

from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, CHECKS
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification.requirements import tests_of
from tornproof_conformance.subjects.gallery import breakers
from tornproof_conformance.vectors.vector import vectors_of


def who_looks(identifier: str) -> Mapping[str, list[str]]:
    """Name everything that looks at a requirement, by what it is."""
    checks = (*CHECKS, *ADAPTER_CHECKS.values())
    names = dict.fromkeys(check.name for check in checks if identifier in check.requirements)
    return {
        "checks": list(names),
        "scenarios": [each.name for each in SCENARIOS.values() if identifier in each.requirements],
        "vectors": list(vectors_of(identifier)),
        "miniatures": [f"{each.kind}/{each.name}" for each in breakers(identifier)],
        "tests": list(tests_of(identifier)),
    }
