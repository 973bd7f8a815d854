"""Whatever an adapter does, and whenever, a run ends with a verdict."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tornproof_conformance.adapter.speaking import process
from tornproof_conformance.adapter.speaking.diagnosis import PartialLine
from tornproof_conformance.adapter.speaking.patience import OutOfPatience, Patience
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_conformance.cli import main
from tornproof_conformance.pytest_support.plugin import requirement

from tests.recorders import needs_recorder

ADAPTER = Path(__file__).with_name("failing_adapter.py")

VERDICTS = {1, 3, 4}
"""A violation, a broken adapter, or a check that came to no end."""


@needs_recorder
@pytest.mark.parametrize(
    ("check", "how", "nth", "budget"),
    [
        ("vectors", "hang", "9+", 20),
        ("memory", "refuse", "40", 30),
        ("reading", "hang", "4", 20),
        ("group-commit", "hang", "120+", 20),
        ("queue-situations", "hang", "100+", 30),
        ("deliveries", "die", "100+", 30),
        ("kills", "babble", "5", 4),
        ("power-loss", "die", "20+", 8),
        ("queue-power-loss", "die", "30+", 8),
    ],
)
def test_a_run_ends_with_a_verdict(
    check: str, how: str, nth: str, budget: int, tmp_path: Path
) -> None:
    """At one request of a check, or from one on, the adapter goes wrong."""
    clock = tmp_path / "clock"
    clock.touch()
    os.utime(clock, ns=(0, 0))
    options = [f"--budget={budget}", "--timeout=3", check, f"--reproducers={tmp_path}"]
    adapter = [sys.executable, str(ADAPTER), how, nth, str(clock)]

    outcome = CliRunner().invoke(main, ["check", *options, "--", *adapter])

    assert clock.stat().st_mtime_ns >= int(nth.rstrip("+")), "it came to an end before"
    assert outcome.exit_code in VERDICTS, outcome.output
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit)
    assert "tornproof:" not in outcome.output


def test_a_flood_is_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without an end is read up to a bound, and not for as long as a reply may take."""
    monkeypatch.setattr(process, "LONGEST_LINE", 1 << 20)
    flood = [sys.executable, "-I", "-S", "-c", "while True: print('x' * 4096, end='')"]

    with pytest.raises(PartialLine, match="on and on"), Session.start(flood) as session:
        session.call("hello", protocol=1)


# Patience


def test_two_silences_are_waited_out() -> None:
    """Then a reply gets a moment, and a silence is the end of the check, and not of the next."""
    patience = Patience.within(60)
    for _ in range(2):
        assert patience.grant(10) == 10
        patience.lose(10, 10, "no reply")

    assert patience.grant(10) == 1
    with pytest.raises(OutOfPatience):
        patience.lose(1, 10, "no reply")
    patience.renew()
    assert patience.grant(10) == 10


def test_without_a_budget_every_silence_is_waited_out() -> None:
    """Whoever replays a story, or fuzzes, has no other end than the story's own."""
    patience = Patience()
    for _ in range(20):
        patience.lose(10, 10, "no reply")
        patience.bury()
    assert patience.grant(10) == 10


def test_a_run_waits_no_longer_than_it_may() -> None:
    """The first silence is waited out however long; others while there is time for them."""
    patience = Patience(total=25)
    for expected in (30, 1, 1):
        patience.renew()
        assert patience.grant(30) == expected
        if expected == 30:
            patience.lose(30, 30, "no reply")


@requirement("ADP-11")
def test_a_silence_that_the_budget_cut_short_is_held_against_nobody() -> None:
    """It had less than its timeout, whatever the reason."""
    patience = Patience.within(60)
    with pytest.raises(OutOfPatience):
        patience.lose(4, 10, "no reply")


def test_nothing_is_asked_when_the_time_is_over() -> None:
    """However quickly an adapter replies: a run keeps to its budget."""
    patience = Patience(until=0)
    with pytest.raises(OutOfPatience):
        patience.grant(10)


def test_too_many_processes_in_a_row_end_before_they_have_said_hello() -> None:
    """Five do no harm, since faults may strike them, if one of them says hello in between."""
    patience = Patience.within(60)
    for _ in range(3):
        for _ in range(5):
            patience.bury()
        patience.greet()
    for _ in range(5):
        patience.bury()
    with pytest.raises(OutOfPatience):
        patience.bury()
