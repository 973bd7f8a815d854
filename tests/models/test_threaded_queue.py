"""The threads of a queue: one moves at a time, and what is forgotten is found."""

from functools import partial

import pytest
from tornproof.drainer.driver import Driver
from tornproof.drainer.gate import Gate
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.machines.chosen_threads import Scheduler
from tornproof_models.machines.threaded_queue import TROUBLE, play_threads


def test_the_numbers_say_who_moves() -> None:
    """Two threads, each with two moves, in the order in which they are chosen."""
    seen: list[str] = []
    scheduler = Scheduler(iter([1, 0, 1, 0, 0, 0, 0, 0]))

    def run(name: str) -> None:
        for _ in range(2):
            seen.append(name)
            scheduler.pause()

    for name in "ab":
        scheduler.spawn(name, partial(run, name))
    scheduler.play()

    assert "".join(seen) == "baba"


def test_nobody_moves_while_all_wait() -> None:
    """Whoever waits for what never comes is named; whoever waits for a time gets it."""
    scheduler = Scheduler(iter([0] * 20))
    condition = scheduler.condition()

    def wait(timeout: float | None) -> None:
        with condition:
            condition.wait_for(lambda: False, timeout)

    scheduler.spawn("for ever", lambda: wait(None))
    scheduler.spawn("a second", lambda: wait(1.0))
    scheduler.play()

    assert (scheduler.stuck, scheduler.now) == (("for ever",), float("inf"))


@requirement("DRN-1", "DRN-11", "DRN-12", "DRN-13")
@pytest.mark.parametrize("trouble", range(len(TROUBLE)))
def test_the_reference_holds_in_any_order(trouble: int) -> None:
    """Nothing goes wrong, or one of five things does; whoever moves next."""
    assert [play_threads(seed) for seed in range(trouble, 120, len(TROUBLE))] == [[]] * 20


@requirement("DRN-12")
def test_a_thread_that_dies_unnoticed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a drainer whose thread was killed, and is not told, waits for ever."""

    def run(driver: Driver) -> None:
        while not driver._stopping and not driver._has_ended():
            delay = driver.step()
            with driver._moved:
                driver._moved.notify_all()
                if delay is None and not driver._has_ended():
                    driver._resting = True
                    driver._moved.wait_for(driver._has_work)
                    driver._resting = False
                elif delay:
                    driver._moved.wait_for(lambda: driver._stopping, delay)
        driver._over = True
        driver._notify()

    monkeypatch.setattr(Driver, "_run", run)

    found = {each.requirement for seed in range(5, 120, 6) for each in play_threads(seed)}

    assert found & {"DRN-11", "DRN-12"}


@requirement("DRN-11", "DRN-12")
def test_a_forgotten_wake_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submit that does not wake a drainer at rest leaves a drain or a close waiting."""
    monkeypatch.setattr(Driver, "wake", lambda _: None)

    found = {each.requirement for seed in range(40) for each in play_threads(seed)}

    assert found & {"DRN-11", "DRN-12"}


@requirement("DRN-11")
def test_a_gate_that_does_not_wait_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed while a submit is under way, the queue admits an event that never lands."""

    def close(gate: Gate, _: float | None) -> None:
        with gate._condition:
            gate._closed = True

    monkeypatch.setattr(Gate, "close", close)

    assert any(play_threads(seed) for seed in range(120))
