"""Drainers that decide or count wrongly are found out by scenarios, each under its own name."""

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.subjects.gallery import breakers
from tornproof_conformance.subjects.reference import QueueMiniature, ReferenceSubject
from tornproof_models.contract.delivery import Mode
from tornproof_models.miniatures.drainer_miniatures import MINIATURES
from tornproof_models.miniatures.drainer_rules import RULES
from tornproof_models.miniatures.small_drainer import SmallDrainer
from tornproof_models.queues.delivery_program import Replay
from tornproof_models.queues.fault_sweep import programs, violations_of

MUSTS = (*(f"EVT-{n}" for n in range(1, 7)), *(f"DRN-{n}" for n in (2, 3, 7, 8, 10, 14, 16)))

UNDER_ANOTHER_NAME = {
    "acknowledges-before-spooling": "DRN-3",
    "dead-letters-without-looking": "DRN-7",
    "believes-an-ambiguous-commit": "DRN-7",
    "drops-what-the-dead-letter-queue-refuses": "DRN-10",
    "mints-an-id-for-each-attempt": "EVT-6",
}
"""Miniatures that a search finds as well, and what a scenario calls their mistake."""


def found_in(kind: type[SmallDrainer]) -> set[str]:
    """Play every scenario that applies, and name what is violated."""
    subject = QueueMiniature(kind.name, kind)
    return {
        violation.requirement
        for scenario in SCENARIOS.values()
        if scenario.applies(subject)
        for violation in scenario.judge(subject)
    }


@requirement(*MUSTS)
@pytest.mark.parametrize("name", RULES)
def test_each_is_found_out(name: str) -> None:
    """What it says it breaks is what a scenario says."""
    assert found_in(RULES[name]) & RULES[name].breaks


@requirement("DRN-3", "DRN-7", "DRN-10", "EVT-6")
@pytest.mark.parametrize(("name", "expected"), UNDER_ANOTHER_NAME.items())
def test_a_scenario_calls_it_by_its_name(name: str, expected: str) -> None:
    """Beside DRN-1, which a search finds."""
    assert expected in found_in(MINIATURES[name]) & MINIATURES[name].breaks


@requirement(*MUSTS)
def test_their_twin_passes() -> None:
    """What they were made of violates nothing."""
    assert found_in(SmallDrainer) == set()


@pytest.mark.parametrize("name", RULES)
def test_each_says_where_that_was_seen(name: str) -> None:
    """The docstring names the mistake and its source."""
    assert "Source: " in (RULES[name].__doc__ or "")


def test_every_must_has_a_listed_miniature() -> None:
    """`tornproof explain` names one for each."""
    assert [each for each in MUSTS if not breakers(each)] == []


@requirement("DRN-2")
def test_the_reference_passes_the_new_ones() -> None:
    """Those about what a drainer decides, and about bytes."""
    names = [
        "submit-neither-raises-nor-asks-the-database",
        "every-code-means-what-the-table-says",
        "every-value-has-one-spelling",
        "what-a-close-leaves-is-counted-as-lost",
    ]
    reference = ReferenceSubject()
    assert all(SCENARIOS[name].applies(reference) for name in names)
    assert [list(SCENARIOS[name].judge(reference)) for name in names] == [[]] * len(names)


REPLAYING = sorted(name for name, each in RULES.items() if "replay" in vars(each))


@pytest.mark.parametrize("name", REPLAYING)
def test_a_replay_that_fails_leaves_nothing_open(name: str) -> None:
    """A transaction that stays open locks the database against whoever judges it."""
    tried = [each for each in programs(RULES[name]) if Replay() in each][::4]
    judged = [violations_of(each, RULES[name], Mode.DURABLE) for each in tried]

    assert judged  # and nothing was raised
