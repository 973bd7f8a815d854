"""What the kernel tells of a parent and its child comes in either order."""

import signal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tornproof_conformance.recorder.ptrace import kernel
from tornproof_conformance.recorder.ptrace.tracer import Tracer

PARENT, CHILD = 1_000_001, 1_000_002
ENDED = 0
"""The status of a process that ended with exit code 0."""

FORKED = (signal.SIGTRAP | kernel.EVENT_FORK << 8) << 8 | 0x7F
FIRST_STOP = (signal.SIGTRAP | kernel.EVENT_STOP << 8) << 8 | 0x7F


def gone(task: int) -> int:
    """Say what `/proc` says of a process that was waited for."""
    raise kernel.Gone(f"{task} has ended")


def test_a_child_that_ends_before_its_parent_tells_of_it_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The parent goes on, and when it has ended nothing is waited for."""
    went_on: list[int] = []
    monkeypatch.setattr(kernel, "ptrace", lambda _order, task, *_: went_on.append(task))
    monkeypatch.setattr(kernel, "event_message", lambda _: CHILD)
    monkeypatch.setattr(kernel, "leader", gone)
    listener = SimpleNamespace(forked=lambda: None, has_ended=lambda _: None)
    tracer = Tracer(cast("Any", listener))
    tracer.begin(PARENT)
    tracer.take(CHILD, FIRST_STOP)
    tracer.take(CHILD, ENDED)

    tracer.take(PARENT, FORKED)

    assert went_on == [PARENT, CHILD, PARENT]
    tracer.take(PARENT, ENDED)
    assert tracer.is_done
