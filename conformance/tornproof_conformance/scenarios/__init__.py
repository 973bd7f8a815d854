"""
Scenarios: rules that need a situation, not a search.

Each is one function that puts a target into a situation and yields what it does
wrong there.  Its docstring states the rule; its decorator names the
requirements.  Whatever can be found by trying everything is left to the
explorer.
"""

from collections.abc import Mapping

from tornproof_conformance.scenarios import (
    addresses,
    audit,
    chain,
    consumers,
    contending,
    delivery,
    following,
    framing,
    group_commit,
    opening,
    pairwise,
    submitting,
    watermark,
    writing,
)
from tornproof_conformance.scenarios.scenario import Scenario

SCENARIOS: Mapping[str, Scenario] = {
    found.name: found
    for module in (
        framing,
        addresses,
        writing,
        opening,
        watermark,
        submitting,
        group_commit,
        following,
        consumers,
        audit,
        chain,
        contending,
        pairwise,
        delivery,
    )
    for found in vars(module).values()
    if isinstance(found, Scenario)
}
"""Every scenario by name, in the order in which they stand."""

__all__ = ["SCENARIOS", "Scenario"]
