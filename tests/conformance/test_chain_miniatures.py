"""Chains that are wrong are found out by scenarios, each as a violation of what it breaks."""

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.subjects.gallery import breakers
from tornproof_conformance.subjects.reference import ChainMiniature
from tornproof_models.miniatures.chain_miniatures import MINIATURES
from tornproof_models.miniatures.small_chain import SmallChain

MUSTS = [f"CHN-{number}" for number in range(1, 9)]


def found_in(kind: type[SmallChain]) -> set[str]:
    """Play every scenario that applies, and name what is violated."""
    subject = ChainMiniature(kind.name, kind)
    return {
        violation.requirement
        for scenario in SCENARIOS.values()
        if scenario.applies(subject)
        for violation in scenario.judge(subject)
    }


@requirement(*MUSTS)
@pytest.mark.parametrize("name", MINIATURES)
def test_each_is_found_out(name: str) -> None:
    """What it says it breaks is what a scenario says; and it says where that was seen."""
    assert found_in(MINIATURES[name]) & MINIATURES[name].breaks
    assert "Source: " in (MINIATURES[name].__doc__ or "")


@requirement(*MUSTS)
def test_their_twin_passes() -> None:
    """What they were made of violates nothing."""
    assert found_in(SmallChain) == set()


def test_every_must_has_a_listed_miniature() -> None:
    """`tornproof explain` names one for each."""
    assert [each for each in MUSTS if not breakers(each)] == []
