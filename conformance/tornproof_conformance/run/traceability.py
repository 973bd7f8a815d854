"""
Find the checks, scenarios, vectors, miniatures, variants and tests of a requirement.

To know that takes importing all of them.
"""

from collections.abc import Mapping

from tornproof_models.crash.subject import Subject

from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, CHECKS
from tornproof_conformance.checks.situations import SCENARIOS_CHECK
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification.claims import ALONE, claims_with, why_unobservable
from tornproof_conformance.specification.requirements import tests_of
from tornproof_conformance.subjects.gallery import breakers
from tornproof_conformance.variants.catalogue import variants_of
from tornproof_conformance.vectors.vector import vectors_of


def claims_that_bring(identifier: str) -> Mapping[str, list[str]]:
    """Name the claims with which an adapter is judged by a requirement, and the checks of each."""
    found: dict[str, list[str]] = {}
    for check in ADAPTER_CHECKS.values():
        if check.name == SCENARIOS_CHECK.name:
            each = (one.claim for one in SCENARIOS.values() if identifier in one.requirements)
            claims = {claim for claim in each if not _needs_simulation(claim, identifier)}
        else:
            claims = set(claims_with(check.name)) if identifier in check.requirements else set()
        for claim in sorted(claims):
            found.setdefault(claim, []).append(check.name)
    return found


def why_not_covered(identifier: str, subject: Subject) -> str:
    """Say why no check covered a requirement: a missing claim, or what cannot be observed."""
    if said := why_unobservable(identifier, subject):
        return said
    claims = getattr(subject, "claims", None)
    if claims is None or not hasattr(subject, "command"):
        alone = ALONE.get(identifier)
        return f"it has no such operation (claim {alone})" if alone else ""
    bringing = claims_that_bring(identifier)
    if not bringing or claims & bringing.keys():
        return ""
    return " or ".join(
        f"it needs the claim {claim}, which brings the check {', '.join(checks)}"
        for claim, checks in bringing.items()
    )


def _needs_simulation(claim: str, identifier: str) -> bool:
    """Tell whether the scenarios of a claim about a requirement all need a simulated disk."""
    scenarios = (each for each in SCENARIOS.values() if identifier in each.requirements)
    return all(each.simulated for each in scenarios if each.claim == claim)


def who_looks(identifier: str) -> Mapping[str, list[str]]:
    """Name everything that looks at a requirement, by what it is."""
    checks = (*CHECKS, *ADAPTER_CHECKS.values())
    names = dict.fromkeys(check.name for check in checks if identifier in check.requirements)
    return {
        "checks": list(names),
        "scenarios": [each.name for each in SCENARIOS.values() if identifier in each.requirements],
        "vectors": list(vectors_of(identifier)),
        "miniatures": [f"{each.kind}/{each.name}" for each in breakers(identifier)],
        "variants": variants_of(identifier),
        "tests": list(tests_of(identifier)),
    }
