"""Each wrong drainer is caught by the hunt, as a violation of what it breaks; its twin is not."""

from functools import partial

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.journal import Violation
from tornproof_models.database_faults import Kind, Strike, When
from tornproof_models.machines.holes import HOLES, find_hole
from tornproof_models.machines.reference_queue import ReferenceQueue
from tornproof_models.miniatures.drainer_miniatures import MINIATURES
from tornproof_models.miniatures.drainer_rules import RULES
from tornproof_models.miniatures.small_drainer import SmallDrainer
from tornproof_models.queues.delivery_program import Arm, Kill, Move, Program, Replay, Submit
from tornproof_models.queues.fault_sweep import Finding, hunt, programs, shrink, violations_of

ReferenceDurable = partial(ReferenceQueue, Mode.DURABLE)

BROKEN = {f"DRN-{number}" for number in (1, 4, 5, 6, 9, 11, 12, 13, 15, 17)} | {"CHN-1"}


NAMED_BY_SCENARIOS = {"DRN-3", "DRN-7", "DRN-8", "DRN-10", "DRN-16", "EVT-6"}
"""What scenarios call the mistakes that a search calls DRN-1."""


def caught(name: str) -> Finding | None:
    """Hunt for what a miniature breaks."""
    breaks = MINIATURES[name].breaks
    return hunt(MINIATURES[name], Mode.DURABLE, wanted=lambda found: found.requirement in breaks)


@pytest.fixture(scope="module")
def kill_table() -> dict[str, Finding | None]:
    """What catches each of them."""
    return {name: caught(name) for name in MINIATURES}


@requirement(*sorted(BROKEN))
def test_every_miniature_is_caught(
    kill_table: dict[str, Finding | None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The kill table: the smallest program against each, and what it violates."""
    with capsys.disabled():
        print(f"\n{'miniature':<44}{'violates':<10}steps")
        for name, found in kill_table.items():
            violates = found.violations[0].requirement if found else "NOT CAUGHT"
            print(f"{name:<44}{violates:<10}{len(found.program) if found else ''}")

    assert [name for name, found in kill_table.items() if found is None] == []
    assert len(kill_table) >= 15


@requirement("DRN-2")
def test_a_submit_that_raises_is_told_under_its_sentence() -> None:
    """It ends no search, and what cannot be encoded is what shows it."""
    program = (Submit(encodable=False), Submit())

    (found,) = violations_of(program, RULES["raises-at-submit"], Mode.DURABLE)

    assert found.requirement == "DRN-2"
    assert "UnicodeEncodeError" in found.message


@requirement("DRN-1")
def test_counterexamples_are_small(kill_table: dict[str, Finding | None]) -> None:
    """Each is told in five steps or fewer."""
    assert {name for name, found in kill_table.items() if found and len(found.program) > 5} == set()


@requirement(*sorted(BROKEN))
def test_the_twin_comes_out_clean(kill_table: dict[str, Finding | None]) -> None:
    """Neither what convicts a miniature nor one in five of all programs convicts it."""
    tried = [
        *list(programs(SmallDrainer))[::5],
        *(each.program for each in kill_table.values() if each),
    ]
    assert [each for each in tried if violations_of(each, SmallDrainer, Mode.DURABLE)] == []
    assert len(tried) > 200


@requirement(*sorted(BROKEN))
def test_the_reference_comes_out_clean(kill_table: dict[str, Finding | None]) -> None:
    """What convicts a miniature, or the v0.7 design, finds nothing wrong with the reference."""
    convictions = [found.program for found in kill_table.values() if found]
    convictions += [find_hole(hole).program for hole in HOLES]

    guilty = {
        program: violations
        for program in convictions
        if (violations := violations_of(program, ReferenceDurable, Mode.DURABLE))
    }

    assert guilty == {}
    assert len(convictions) == len(MINIATURES) + len(HOLES)


@pytest.mark.parametrize("name", sorted(MINIATURES))
def test_a_miniature_says_what_it_breaks_and_where_that_was_seen(name: str) -> None:
    """The docstring names the mistake and its source, and the name is one for a command line."""
    miniature = MINIATURES[name]

    assert miniature.breaks <= BROKEN | NAMED_BY_SCENARIOS
    assert "Source: " in (miniature.__doc__ or "")
    assert name.replace("-", "").isalpha()


def test_every_requirement_is_broken_by_somebody() -> None:
    """Each of those that the hunt can find violated is violated by some miniature."""
    assert frozenset[str]().union(*(each.breaks for each in MINIATURES.values())) == (
        BROKEN | NAMED_BY_SCENARIOS
    )


# The hunt itself


def test_the_hunt_arms_only_what_is_reached() -> None:
    """A strike at a statement that a scenario never makes would try the same program twice."""
    tried = list(programs(SmallDrainer))
    never = Arm(Strike(Kind.PANIC, point="commit", nth=2))

    assert (never, Submit(), Move(9)) not in tried
    assert (never, Submit(), Submit(), Move(9)) in tried


def test_shrinking_leaves_nothing_out_that_matters() -> None:
    """Only the two steps that it takes are left of seven, with their numbers as low as can be."""
    needed = (Submit(), Kill())

    def judge(program: Program) -> tuple[Violation, ...]:
        loses = [each for each in program if each in needed] == list(needed)
        return (Violation("DRN-1", "lost"),) if loses else ()

    strike = Arm(Strike(Kind.BUSY, When.AFTER, "commit", nth=3, times=4))
    long = (strike, Move(9), Submit(), Move(5), strike, Kill(), Replay())

    assert shrink(long, judge) == needed
