"""Waits, rows of panics and counters of failures: who is right passes, who is wrong is found."""

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS, drainer_trouble
from tornproof_conformance.scenarios.scenario import Scenario
from tornproof_conformance.subjects.reference import QueueMiniature, ReferenceSubject
from tornproof_models.miniatures.drainer_trouble import TROUBLE, WatchedDrainer

PLAYED = tuple(name for name, each in vars(drainer_trouble).items() if isinstance(each, Scenario))

NAMED = {
    "waits-ever-longer": "a-drainer-waits-and-never-long",
    "waits-as-short-as-ever": "a-drainer-waits-and-never-long",
    "retries-at-once": "a-drainer-waits-and-never-long",
    "counts-all-failures-as-appends": "failures-are-counted-by-what-was-tried",
    "keeps-the-broken-connection": "a-transaction-that-stays-open-stops-nobody",
    "forgets-panics-after-an-error": "only-an-event-that-lands-ends-a-row-of-panics",
    "raises-what-it-does-not-expect": "an-event-that-fails-when-read-is-refused",
    "names-the-latest-failure": "a-dead-letter-has-the-reason-of-its-event",
    "buries-the-next-one": "of-several-only-those-that-are-rejected-are-dead",
}
"""Each miniature, and the situation that is made for it."""


@requirement("DRN-1", "DRN-2", "DRN-6", "DRN-8", "DRN-9", "DRN-32", "DRN-33", "DRN-34", "DRN-37")
@pytest.mark.parametrize("name", sorted(set(NAMED.values())))
def test_who_is_right_passes(name: str) -> None:
    """The reference, and the twin of the miniatures, in every situation."""
    twin = QueueMiniature("twin", WatchedDrainer)

    for subject in (twin, ReferenceSubject()):
        assert SCENARIOS[name].applies(subject)
        assert SCENARIOS[name].judge(subject) == []


def test_every_situation_has_a_miniature() -> None:
    """None is there that finds nobody, and no miniature that nobody finds."""
    assert {name.replace("_", "-") for name in PLAYED} == set(NAMED.values())
    assert set(NAMED) == set(TROUBLE)


@requirement("DRN-1", "DRN-2", "DRN-6", "DRN-8", "DRN-32", "DRN-33", "DRN-34", "DRN-37")
@pytest.mark.parametrize("name", TROUBLE)
def test_who_is_wrong_is_found(name: str) -> None:
    """By the situation that is made for it, and under the name of what it breaks."""
    subject = QueueMiniature(name, TROUBLE[name])
    found = {each.requirement for each in SCENARIOS[NAMED[name]].judge(subject)}

    assert found == set(TROUBLE[name].breaks)
