"""The journal's contract, on histories that anybody can judge by hand."""

from collections.abc import Callable

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract import journal
from tornproof_models.contract.journal import History, Promise

A, B, C = (0, b"aaaa"), (44, b"bbbb"), (88, b"cccc")


def acknowledged(*records: tuple[int, bytes], durable: bool = True) -> History:
    """Build the history of appends that returned."""
    history = History()
    for call, (offset, payload) in enumerate(records):
        history = history.invoke(call, payload).acknowledge(call, offset, durable=durable)
    return history


def ids(history: History, *recovered: tuple[int, bytes]) -> list[str]:
    """Name the requirements that a recovery violates."""
    return [violation.requirement for violation in history.judge(recovered)]


def test_what_was_acknowledged_and_comes_back_is_right() -> None:
    """A recovery that returns every acknowledged record violates nothing."""
    assert ids(acknowledged(A, B, C), A, B, C) == []


@requirement("JRN-3")
def test_a_durable_record_may_not_vanish() -> None:
    """Losing the last acknowledged record is a loss."""
    assert ids(acknowledged(A, B), A) == ["JRN-3"]


@requirement("JRN-10")
def test_a_synced_record_may_not_vanish() -> None:
    """What a sync promised is owed from then on."""
    history = acknowledged(A, B, durable=False).flush("sync")
    assert ids(history, A) == ["JRN-10"]


@requirement("JRN-11")
def test_a_closed_journal_keeps_everything() -> None:
    """What a close promised is owed from then on."""
    history = acknowledged(A, durable=False).flush("close")
    assert ids(history) == ["JRN-11"]


@requirement("JRN-4")
def test_an_accepted_record_may_vanish_but_only_from_the_end() -> None:
    """Accepted records form a prefix: losing the tail is allowed, leaving a hole is not."""
    history = acknowledged(A, B, C, durable=False)
    assert ids(history) == []
    assert ids(history, A) == []
    assert ids(history, A, C) == ["JRN-4"]


@requirement("JRN-5")
def test_nothing_is_invented() -> None:
    """A record that nobody appended, or at another offset, is an invention."""
    assert ids(acknowledged(A), A, (44, b"????")) == ["JRN-5"]
    assert ids(acknowledged(A, durable=False), (7, b"aaaa")) == ["JRN-5"]


@requirement("JRN-1")
def test_offsets_increase() -> None:
    """Two records at one offset cannot both be right."""
    assert "JRN-1" in ids(acknowledged(A, B, durable=False), A, (0, b"bbbb"))


@requirement("JRN-2")
def test_read_order_is_append_order() -> None:
    """A record may not come back before one that was appended earlier."""
    history = History().invoke(0, b"aaaa").invoke(1, b"bbbb")
    assert ids(history, (0, b"bbbb"), (44, b"aaaa")) == ["JRN-2"]


@requirement("JRN-6")
def test_an_indeterminate_append_is_there_once_or_not() -> None:
    """A call in flight may have had its effect, once."""
    history = acknowledged(A).invoke(9, b"????")
    assert ids(history, A) == []
    assert ids(history, A, (44, b"????")) == []
    assert ids(history, A, (44, b"????"), (88, b"????")) == ["JRN-6"]


@requirement("JRN-6")
def test_a_definite_failure_leaves_nothing() -> None:
    """A call that certainly failed must not have had an effect."""
    history = acknowledged(A).invoke(9, b"????").fail(9, definite=True)
    assert ids(history, A, (44, b"????")) == ["JRN-6"]


@requirement("JRN-6")
def test_a_failed_append_does_not_explain_away_an_acknowledged_one() -> None:
    """If a failed and an acknowledged append had equal payloads, the offset tells them apart."""
    history = History().invoke(0, b"same").fail(0, definite=False)
    history = history.invoke(1, b"same").acknowledge(1, 0, durable=True)
    assert ids(history, (0, b"same")) == []


@requirement("REC-8")
def test_what_recovery_showed_stays() -> None:
    """A record of unknown fate is owed once a recovery has shown it."""
    history = History().invoke(0, b"aaaa").observe([A])
    assert ids(history, A) == []
    assert ids(history) == ["REC-8"]


@requirement("REC-8")
def test_what_recovery_discarded_stays_away() -> None:
    """A record that recovery did not show may not come back later."""
    history = acknowledged(A, durable=False).observe([])
    assert ids(history) == []
    assert ids(history, A) == ["REC-8"]


@requirement("SEG-9")
def test_an_offset_that_was_shown_is_not_reused() -> None:
    """Another record at an offset that was shown is a reuse."""
    history = History().observe([A])
    assert ids(history, (0, b"bbbb")) == ["SEG-9"]


@requirement("JRN-5")
def test_a_record_is_told_from_one_that_begins_alike() -> None:
    """Of a long record with one wrong byte it is said where that is."""
    history = acknowledged((0, b"a" * 1000))
    found = history.judge([(0, b"a" * 600 + b"?" + b"a" * 399)])
    assert "like it up to byte 600" in found[0].message


@requirement("SEG-9")
def test_records_at_one_offset_are_told_apart() -> None:
    """Of two long records that were shown at one offset it is said where they part."""
    history = History().observe([(0, b"a" * 1000)])
    assert "like it up to byte 999" in history.judge([(0, b"a" * 999 + b"b")])[0].message


@requirement("REC-1")
def test_no_legal_crash_excuses_a_refusal() -> None:
    """A recovery that refuses to open violates REC-1."""
    assert [each.requirement for each in History().judge_error("no")] == ["REC-1"]


def _forget_durable(history: History, *_: object, **__: object) -> History:
    return history


MUTATIONS: dict[str, tuple[str, Callable[..., object], Callable[[], bool]]] = {
    "a sync promises nothing": (
        "flush",
        _forget_durable,
        lambda: ids(acknowledged(A, durable=False).flush("sync")) == ["JRN-10"],
    ),
    "recovery settles nothing": (
        "observe",
        lambda *_: History(),
        lambda: ids(History().observe([A])) == ["REC-8"],
    ),
    "every failure is indefinite": (
        "fail",
        lambda history, *_, **__: history,
        lambda: ids(History().invoke(0, b"x").fail(0, definite=True), (0, b"x")) == ["JRN-6"],
    ),
    "an acknowledgement promises nothing": (
        "acknowledge",
        lambda history, call, offset, **_: history._change(call, Promise.ACCEPTED, offset),
        lambda: ids(acknowledged(A)) == ["JRN-3"],
    ),
    "every record matches": (
        "_match",
        lambda *_: 0,
        lambda: ids(acknowledged(A), A, (44, b"????")) == ["JRN-5"],
    ),
    "a refusal is excused": (
        "judge_error",
        lambda *_: [],
        lambda: bool(History().judge_error("no")),
    ),
}
"""A deliberate bug in the contract, and a judgement that must change with it."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_contract_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each deliberate bug in the contract changes a judgement that the tests above rely on."""
    method, wrong, judgement = MUTATIONS[name]
    assert judgement()
    monkeypatch.setattr(journal.History, method, wrong)
    assert not judgement()
