"""A slow machine convicts nobody: only an adapter's own time counts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tornproof_conformance.adapter.resting import comes_to_rest
from tornproof_conformance.adapter.speaking import patience
from tornproof_conformance.adapter.speaking.diagnosis import NoReply
from tornproof_conformance.adapter.speaking.own_time import SLICE, OwnTime, is_asleep
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_conformance.power.resident import Resident
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.journal import History
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.recovery import judge
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Image

HERE = frozenset({"/journal"})
SILENT = Path(__file__).with_name("silent_adapter.py")

STOPPED = """
import json, os, signal, sys, time
request = json.loads(sys.stdin.readline())
parent = os.getpid()
if os.fork() == 0:
    os.setsid()
    os.kill(parent, signal.SIGSTOP)
    time.sleep(0.4)
    os.kill(parent, signal.SIGCONT)
    os._exit(0)
deadline = time.monotonic() + 0.4
while time.monotonic() < deadline:
    os.sched_yield()
print(json.dumps({"id": request["id"], "ok": {"offset": 0}}), flush=True)
"""
"""Is right, and kept from running for longer than its timeout."""


@pytest.fixture(autouse=True)
def much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as it takes: whoever runs these tests may have other work."""
    monkeypatch.setattr(patience, "LONGER", 1000)


@contextmanager
def program(text: str) -> Iterator[int]:
    """Run a program in a process group of its own; yields the group once it has begun."""
    command = [sys.executable, "-I", "-S", "-c", f"print(flush=True); {text}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@requirement("ADP-11")
def test_what_sleeps_spends_its_own_time() -> None:
    """Nobody but itself keeps it from going on."""
    with program("import time; time.sleep(60)") as group:
        while not is_asleep(group):
            time.sleep(0.001)
        assert OwnTime(group, 0).spend(5) == 5


@requirement("ADP-11")
def test_what_is_stopped_spends_nothing() -> None:
    """As little as one that gets no processor."""
    with program("import time; time.sleep(60)") as group:
        os.kill(group, signal.SIGSTOP)
        os.waitpid(group, os.WUNTRACED)
        own_time = OwnTime(group)
        own_time.spend(5)
        assert not is_asleep(group)
        assert own_time.spend(5) == 0


@requirement("ADP-11")
def test_what_loops_spends_what_it_uses() -> None:
    """Not more, however long it is looked away from it, and something as soon as it has run."""
    with program("[None for _ in iter(int, 1)]") as group:
        own_time = OwnTime(group, 0)
        while not (spent := own_time.spend(1000)):
            time.sleep(0.01)
        assert spent < 1000


@requirement("ADP-11")
def test_a_slow_adapter_that_is_right_is_not_convicted() -> None:
    """It is stopped for longer than its timeout, and then it replies."""
    command = [sys.executable, "-I", "-S", "-c", STOPPED]
    session = Session.start(command, timeout=0.2)
    try:
        assert session.call("journal.append", payload=b"")["offset"] == 0
    finally:
        session.kill()


@requirement("ADP-9")
@pytest.mark.parametrize(
    ("drained", "held_up", "rests"),
    [
        ([False, False, False], [0, 0, 0], False),
        ([False, False, False, True], [2, 2, 2, 0], True),
        ([False, False, False, True], [0, 2, 2, 0], True),
        ([False, False, False], [2, 0, 0], False),
    ],
)
def test_a_drain_that_the_machine_holds_up_does_not_count(
    drained: list[bool], held_up: list[float], rests: bool
) -> None:
    """A drainer stands still if nothing moves in two drains in which it could have gone on."""
    answers, seconds = iter(drained), iter(held_up)
    assert comes_to_rest(lambda: next(answers), lambda: "nothing", lambda: next(seconds)) is rests


@requirement("ADP-9")
def test_of_a_drainer_that_is_always_held_up_nothing_is_said() -> None:
    """It is not asked for ever, either."""
    with pytest.raises(OutOfPatience, match="too busy"):
        comes_to_rest(lambda: False, lambda: "nothing", lambda: 2.0)


@requirement("ADP-9")
def test_what_is_stopped_is_held_up() -> None:
    """Of a slice of time in which a process was stopped, it had nothing."""
    with program("import time; time.sleep(60)") as group:
        os.kill(group, signal.SIGSTOP)
        os.waitpid(group, os.WUNTRACED)
        own_time = OwnTime(group)
        waiting = own_time.slices(5, time.monotonic() + 60)
        assert [next(waiting), next(waiting)] == [SLICE, SLICE]
        assert own_time.held_up == SLICE


def silence_over_an_image(times: int, root: Path) -> list[Violation]:
    """Let an adapter keep silent so often over an image; return what that violates."""
    command = (sys.executable, "-S", str(SILENT), str(times), str(root / "silences"))
    (root / "images").mkdir()
    resident = Resident(command, root / "images", timeout=0.2)
    try:
        outcomes = resident.recover([Image({}, HERE), Image({"/journal/a": b""}, HERE)], Options())
    finally:
        resident.stop()
    assert all(outcomes)
    return [each for found in outcomes if found for each in judge(History(), found.outcome)]


@requirement("ADP-11")
def test_a_silence_over_an_image_must_repeat(tmp_path: Path) -> None:
    """Once may be anything; twice is the adapter's, and breaks ADP-11 and no other requirement."""
    assert silence_over_an_image(1, tmp_path) == []
    (tmp_path / "again").mkdir()
    (found,) = silence_over_an_image(2, tmp_path / "again")
    assert found.requirement == "ADP-11"
    assert "0.2 s, twice" in found.message


@requirement("ADP-11")
def test_what_gets_too_little_time_is_not_convicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In six times its timeout the machine has not let it run: nothing is concluded."""
    monkeypatch.setattr(patience, "LONGER", 0)
    session = Session.start([sys.executable, "-I", "-S", "-c", STOPPED], timeout=0.2)
    try:
        with pytest.raises(OutOfPatience, match="the machine was too busy"):
            session.call("journal.append", payload=b"")
    finally:
        session.kill()


def test_a_hanging_call_is_named(tmp_path: Path) -> None:
    """Its error says what was asked, and how long it had."""
    command = [sys.executable, str(SILENT), "1", str(tmp_path / "silences")]
    session = Session.start(command, timeout=0.2)
    try:
        session.call("hello", protocol=1)
        with pytest.raises(NoReply, match=r"no reply to journal.open in 0.2 s"):
            session.call("journal.open", dir=str(tmp_path), segment_bytes=4096, max_payload=1024)
    finally:
        session.kill()
