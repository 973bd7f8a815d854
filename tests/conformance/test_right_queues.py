"""Drainers that differ in what is permitted are not convicted; one that goes too far is."""

import sys
from pathlib import Path

import pytest
import tornproof_conformance.checks.catalogue  # noqa: F401 - enters the exercises
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.arming import faults_of
from tornproof_conformance.cases.exercises import try_exercise
from tornproof_conformance.checks.queue_situations import SITUATIONS
from tornproof_conformance.pytest_support.plugin import requirement

COMMAND = [sys.executable, str(Path(__file__).with_name("right_queues.py"))]
DURABLE = "drainer/durable"

RACES = "a-race-is-not-retried-for-ever"
PANICS = "a-panic-without-end-is-given-up"
RACE = "unique_race at insert, visit 1"
PANIC = "panic at commit, visit 1"
ERROR = "error at insert, visit 1"
DEATH = "die at commit, visit 1"


def found_in(name: str, situation: str, *deliveries: tuple[str, ...]) -> list[str]:
    """Put a queue into a situation, and deliver with faults; name what is told first of each."""
    with AdapterSubject.running([*COMMAND, name]) as subject:
        told = []
        programs = SITUATIONS[situation].programs(faults_of(subject)) if situation else ()
        for faults in programs:
            words = (situation, DURABLE, *map(str, faults))
            told += try_exercise("queue-situation", subject, words)[:1]
        for words in deliveries:
            told += try_exercise("delivery", subject, (DURABLE, *words))[:1]
    return [each.requirement for each in told]


@requirement("DRN-4", "DRN-8", "DRN-13")
@pytest.mark.parametrize(
    ("name", "situation", "deliveries"),
    [
        ("RetriesFourTimes", RACES, ((RACE,),)),
        ("RetriesOnce", RACES, ((RACE,),)),
        ("PanicsBeforeAdmission", PANICS, (("panic at submit, visit 1",), (PANIC,))),
        ("CountsOn", "", ((), (DEATH,), (ERROR,), (RACE,))),
        ("CountsReplaysAsChained", "", ((), (ERROR,), (DEATH,))),
    ],
)
def test_what_is_permitted_is_not_held_against_it(
    name: str, situation: str, deliveries: tuple[tuple[str, ...], ...]
) -> None:
    """Four retries are at most five, and counters may go on from process to process."""
    assert found_in(name, situation, *deliveries) == []


@requirement("DRN-4", "DRN-8", "DRN-13")
@pytest.mark.parametrize(
    ("name", "situation", "deliveries", "expected"),
    [
        ("RetriesSevenTimes", RACES, (), "DRN-4"),
        ("GivesUpAtOnce", "", ((PANIC,),), "DRN-8"),
        ("CountsOthers", "", ((RACE,),), "DRN-13"),
    ],
)
def test_who_goes_too_far_is_convicted(
    name: str, situation: str, deliveries: tuple[tuple[str, ...], ...], expected: str
) -> None:
    """Under the sentence that forbids it."""
    assert found_in(name, situation, *deliveries) == [expected]
