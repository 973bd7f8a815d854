"""Batches and truncations: the contract, the correct twin, and what each miniature gets wrong."""

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.journal import End, History
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append, Batch, DropHead, DropTail, Program, Reopen
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.miniatures.operation_miniatures import OPERATIONS, OperationsSubject

A, B, C = (0, b"aaaa"), (44, b"bbbb"), (88, b"cccc")


def held(*records: tuple[int, bytes]) -> History:
    """Build the history of durable appends."""
    history = History()
    for call, (offset, payload) in enumerate(records):
        history = history.invoke(call, payload).acknowledge(call, offset, durable=True)
    return history


def ids(history: History, *recovered: tuple[int, bytes]) -> list[str]:
    """Name the requirements that a recovery violates."""
    return [violation.requirement for violation in history.judge(recovered)]


# The contract


@requirement("JRN-17")
@pytest.mark.parametrize("settled", [False, True])
def test_what_was_dropped_never_comes_back(settled: bool) -> None:
    """From the answer on, the rest is owed, and the tail is a violation."""
    history = held(A, B, C).observe([A, B, C]) if settled else held(A, B, C)
    dropped = history.truncate(9, End.TAIL, 44).acknowledge(9, 44, durable=True)

    assert ids(dropped, A) == []
    assert ids(dropped, A, B) == ["JRN-17"]
    assert ids(dropped) == ["REC-8" if settled else "JRN-3"]


@requirement("JRN-17")
@pytest.mark.parametrize(
    ("end", "offset", "legal", "illegal"),
    [
        (End.TAIL, 44, [(A, B, C), (A, B), (A,)], [(A, C), (B, C), ()]),
        (End.HEAD, 88, [(A, B, C), (B, C), (C,)], [(A, C), (A, B), ()]),
    ],
)
@pytest.mark.parametrize("failed", [False, True])
def test_a_truncation_goes_inward_from_the_far_end(
    end: End,
    offset: int,
    legal: list[tuple[tuple[int, bytes], ...]],
    illegal: list[tuple[tuple[int, bytes], ...]],
    failed: bool,
) -> None:
    """Until it has returned, and after an error, any number may be gone, and no hole is left."""
    begun = held(A, B, C).truncate(9, end, offset)
    history = begun.fail(9, definite=False) if failed else begun

    assert all(ids(history, *shown) == [] for shown in legal)
    assert all(ids(history, *shown) != [] for shown in illegal)


def test_a_truncation_that_was_refused_drops_nothing() -> None:
    """A definite error leaves everything owed."""
    history = held(A, B).truncate(9, End.TAIL, 44).fail(9, definite=True)

    assert ids(history, A) == ["JRN-3"]


def test_a_recovery_settles_how_far_a_truncation_came() -> None:
    """What it has shown stays, and what it has not stays away."""
    history = held(A, B, C).truncate(9, End.TAIL, 44).observe([A, B])

    assert ids(history, A, B) == []
    assert ids(history, A) == ["REC-8"]
    assert ids(history, A, B, C) == ["REC-8"]


def test_an_offset_may_be_given_again_after_its_tail_was_dropped() -> None:
    """A journal goes on where it was cut."""
    dropped = held(A, B).truncate(9, End.TAIL, 44).acknowledge(9, 44, durable=True)
    history = dropped.invoke(10, b"dddd").acknowledge(10, 44, durable=True)

    assert ids(history, A, (44, b"dddd")) == []
    assert ids(history, A) == ["JRN-3"]


@requirement("JRN-18")
def test_a_batch_is_whole_or_not_there() -> None:
    """One of two records is a violation, and none or both are not."""
    history = History().invoke(0, b"aaaa").invoke(1, b"bbbb").join(range(2))

    assert ids(history) == []
    assert ids(history, A, B) == []
    assert ids(history, A) == ["JRN-18"]
    assert ids(history, B) == ["JRN-18"]


# The miniatures

SHOWN: tuple[tuple[str, str, Program, str], ...] = (
    ("batch-record-by-record", "JRN-18", (Batch((5, 24)),), "prefix"),
    ("truncated-in-memory", "JRN-17", (Append(5), Append(5), DropTail(1)), "process-kill"),
    ("truncated-in-memory", "JRN-17", (Append(5), Append(5), DropHead(1)), "process-kill"),
    ("truncated-before-sync", "JRN-17", (Append(5), Append(5), DropTail(1)), "prefix"),
    ("head-drops-one-more", "JRN-15", (Append(5), Append(5), DropHead(1)), "process-kill"),
)
"""Each miniature, what it violates, and the program and crash model that show it."""


def violated(subject: OperationsSubject, program: Program, crash_model: str) -> set[str]:
    """Crash a program everywhere, and name what is violated."""
    running = run(program, subject, Options(4096))
    found = {each.requirement for each in running.violations}
    explorer = Explorer(subject, Options(4096), CRASH_MODELS[crash_model])
    return found | {
        each.violation.requirement for each in explorer.explore(running.filesystem.trace)
    }


@pytest.mark.parametrize(("name", "identifier", "program", "crash_model"), SHOWN)
def test_a_miniature_is_caught(
    name: str, identifier: str, program: Program, crash_model: str
) -> None:
    """The program shows what the miniature says it violates, and the twin comes through."""
    miniature = OPERATIONS[name]

    assert identifier in violated(OperationsSubject(name, miniature), program, crash_model)
    assert identifier in miniature.breaks
    assert violated(OperationsSubject("small"), program, crash_model) == set()


def test_every_miniature_is_caught() -> None:
    """None goes free."""
    assert {name for name, *_ in SHOWN} == set(OPERATIONS)


@pytest.mark.parametrize("crash_model", ["process-kill", "prefix", "ext4", "adversarial"])
def test_the_twin_survives_what_mixes_them(crash_model: str) -> None:
    """Batches, truncations of both ends, and a restart between."""
    program = (Batch((5, 24)), DropTail(1), Append(5), Reopen(), DropHead(1), Batch((5, 5)))

    assert violated(OperationsSubject("small"), program, crash_model) == set()
