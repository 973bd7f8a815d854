"""All schedules are walked and counted; a drainer with one thing wrong is found out."""

from collections.abc import Sequence
from math import comb
from typing import Any

import pytest
from attrs import evolve
from tornproof.chain.append import read_head
from tornproof.drainer import core, sink
from tornproof.drainer.sink import ChainSink
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.journal import Violation
from tornproof_models.machines.drainer_schedules import DrainerWorld, explore_drainer
from tornproof_models.queues.schedules import World, explore


class Grid:
    """A world of two counters, of which either may move: its schedules are known."""

    def __init__(
        self, width: int, height: int, *, forbidden: tuple[int, int] | None = None
    ) -> None:
        self.size = (width, height)
        self.at = (0, 0)
        self.forbidden = forbidden

    def key(self) -> tuple[int, int]:
        return self.at

    def save(self) -> tuple[int, int]:
        return self.at

    def restore(self, saved: tuple[int, int]) -> None:
        self.at = saved

    def choices(self) -> Sequence[int]:
        return [axis for axis in (0, 1) if self.at[axis] < self.size[axis]]

    def take(self, choice: int) -> None:
        x, y = self.at
        self.at = (x + 1, y) if choice == 0 else (x, y + 1)

    def may_end(self) -> bool:
        return self.at == self.size

    def violations(self) -> tuple[Violation, ...]:
        return (Violation("DRN-1", "forbidden"),) if self.at == self.forbidden else ()


class Circle(Grid):
    """A world that comes back to where it was."""

    def take(self, _: int) -> None:
        self.at = (0, 0) if self.at == (1, 0) else (1, 0)


def count_one_by_one(world: World[Any, Any]) -> int:
    """Count schedules by taking every one of them, without remembering any state."""
    ways = 1 if world.may_end() else 0
    saved = world.save()
    for choice in world.choices():
        world.restore(saved)
        world.take(choice)
        ways += count_one_by_one(world)
    return ways


@pytest.mark.parametrize(("width", "height"), [(0, 0), (1, 3), (4, 4), (9, 7)])
def test_schedules_are_counted_as_paths_are(width: int, height: int) -> None:
    """Through a grid there are as many as the binomial coefficient says."""
    seen = explore(Grid(width, height))

    assert seen.schedules == comb(width + height, width)
    assert seen.states == (width + 1) * (height + 1)
    assert seen.counterexamples == []


def test_a_violation_comes_with_its_schedule() -> None:
    """The way that leads there, and what is wrong at its end."""
    (found,) = explore(Grid(2, 2, forbidden=(1, 1))).counterexamples

    assert found.schedule == (0, 1)
    assert "DRN-1: forbidden" in str(found)


def test_a_walk_that_would_not_end_says_so() -> None:
    """Counting the ways through a circle has no end."""
    with pytest.raises(RuntimeError, match="follows itself"):
        explore(Circle(2, 2))


@requirement("DRN-1")
@pytest.mark.parametrize(
    ("events", "falls", "faults"), [(1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1)]
)
def test_the_drainers_schedules_are_all_walked(events: int, falls: int, faults: int) -> None:
    """None violates the contract, and taken one by one there are as many."""
    seen = explore_drainer(events=events, falls=falls, faults=faults)
    world = DrainerWorld(events=events, falls=falls, faults=faults)

    assert seen.counterexamples == []
    assert seen.schedules == count_one_by_one(world)
    assert seen.schedules >= max(events, 6 * falls, 30 * faults)
    world.close()


@requirement("DRN-1", "DRN-5", "DRN-6", "DRN-8", "DRN-9", "DRN-13", "DRN-17", "CHN-1")
def test_a_fall_and_a_fault_together() -> None:
    """1,770 schedules of one event; what is gained by remembering shows in the states."""
    seen = explore_drainer(events=1, falls=1, faults=1)

    assert str(seen) == "1,770 schedules, through 346 states and 831 steps: all hold"


def _blind(*_: object) -> None:
    """See an event nowhere."""


@requirement("DRN-7")
def test_a_sink_that_does_not_look_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ambiguous commit then doubles the event, or puts it in both tables."""
    monkeypatch.setattr(ChainSink, "_residence", _blind)

    (found,) = explore_drainer(events=1, falls=0, faults=1).counterexamples

    assert "SQLITE_IOERR at the" in str(found)
    assert {each.requirement for each in found.violations} & {"DRN-1", "DRN-6"}


@requirement("DRN-17")
def test_a_cursor_that_stays_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has landed lies above the stored position."""
    monkeypatch.setattr(ChainSink, "_move_cursor", _blind)

    (found,) = explore_drainer(events=1, falls=0, faults=0).counterexamples

    assert "DRN-17" in {each.requirement for each in found.violations}


@requirement("DRN-6")
def test_a_drainer_that_gives_up_on_a_busy_database_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transient error is no reason for a dead letter."""

    def impatient(state: core.Core, _: core.Signal) -> core.Core:
        return evolve(state, state=core.State.DEAD_LETTERING, reason="busy")

    monkeypatch.setattr(core, "_wait", impatient)

    (found,) = explore_drainer(events=1, falls=0, faults=1).counterexamples

    assert "DRN-6" in {each.requirement for each in found.violations}


@requirement("CHN-1")
def test_a_head_that_skips_a_number_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap in the sequence."""

    def skipping(connection: object) -> object:
        head = read_head(connection)  # type: ignore[arg-type]
        return evolve(head, sequence=head.sequence + 1)

    monkeypatch.setattr(sink, "read_head", skipping)

    (found,) = explore_drainer(events=1, falls=0, faults=0).counterexamples

    assert {each.requirement for each in found.violations} == {"CHN-1"}
