"""The audit contract knows what is owed, what is possible, and what an answer tells."""

from collections.abc import Callable
from typing import Any

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.audit_fold import Applied, fold, judge_caught_up, judge_index
from tornproof_models.contract.audit_index import (
    MAX_TIMESTAMP,
    Audit,
    Audits,
    by_agent,
    has,
    recent,
)
from tornproof_models.contract.journal import Violation

ONE, TWO = b"1" * 32, b"2" * 32


def audit(name: str, agent_id: bytes | None = ONE, timestamp: int = 1000, **more: Any) -> Audit:
    """Make an audit with a readable id."""
    return {
        "query_id": name.encode().ljust(32, b"."),
        "agent_id": agent_id,
        "timestamp": timestamp,
        **more,
    }


A, B, C = audit("a", timestamp=1000), audit("b", timestamp=2000), audit("c", timestamp=3000)
OTHER = audit("d", TWO, 2500)
OTHER_A = {**A, "confidence": 0.25}
ANONYMOUS = audit("n", None, 1500)


def blamed(violations: list[Violation]) -> list[str]:
    """Name the requirements violated."""
    return [each.requirement for each in violations]


@pytest.fixture
def known() -> Audits:
    """A contract that has seen A, B, C, another agent's and an anonymous audit acknowledged."""
    contract = Audits()
    for each in (C, A, OTHER, ANONYMOUS, B):
        assert contract.put_acknowledged(each) == []
    return contract


# The oracle


@requirement("AUD-5", "AUD-6", "AUD-7", "AUD-8", "AUD-9", "AUD-14", "AUD-15")
def test_oracle_answers_the_worked_cases() -> None:
    """A filter and a sort say what the specification says."""
    last = audit("z", ONE, MAX_TIMESTAMP)
    every = [C, last, OTHER, ANONYMOUS, B, A]

    assert by_agent(every, ONE, 0, None, 9) == [A, B, C, last]
    assert by_agent(every, ONE, 1500, 2500, 9) == [B]
    assert by_agent(every, ONE, 0, None, 2) == [A, B]
    assert by_agent(every, ONE, 0, None, 0) == by_agent(every, ONE, 2, 1, 9) == []
    assert recent(every, 3) == [last, C, OTHER]
    assert recent([audit("y"), audit("x")], 2) == [audit("x"), audit("y")]
    assert [has(every, each) for each in (ONE, TWO, bytes(32))] == [True, True, False]


# Answers that are right, and answers that are not


def test_right_answers_violate_nothing(known: Audits) -> None:
    """Whatever the oracle says is accepted."""
    assert known.got(A["query_id"], A) == []
    assert known.got(b"?" * 32, None) == []
    assert known.answered_by_agent(ONE, 0, None, 9, [A, B, C]) == []
    assert known.answered_recent(2, [C, OTHER]) == []
    assert known.answered_has(TWO, answer=True) == []
    assert known.answered_has(bytes(32), answer=False) == []


@requirement("AUD-3", "AUD-4", "AUD-13")
@pytest.mark.parametrize(
    ("query_id", "answer", "requirement"),
    [
        (A["query_id"], None, "AUD-13"),
        (A["query_id"], {**A, "timestamp": 1001}, "AUD-3"),
        (b"?" * 32, A, "AUD-4"),
    ],
)
def test_wrong_gets(known: Audits, query_id: bytes, answer: Audit | None, requirement: str) -> None:
    """Gone, changed, and made up."""
    assert blamed(known.got(query_id, answer)) == [requirement]


@pytest.mark.parametrize(
    ("question", "answer", "requirement"),
    [
        ((ONE, 0, None, 9), [A, B], "AUD-5"),
        ((ONE, 0, None, 9), [B, A, C], "AUD-5"),
        ((ONE, 0, None, 9), [A, A, B, C], "AUD-5"),
        ((ONE, 0, None, 2), [A, B, C], "AUD-5"),
        ((ONE, 0, 2000, 9), [A], "AUD-5"),
        ((ONE, 1500, 2500, 9), [A, B], "AUD-5"),
        ((ONE, 0, None, 9), [A, B, {**C, "timestamp": 4000}], "AUD-3"),
        ((ONE, 0, None, 9), [A, ANONYMOUS, B, C], "AUD-9"),
        ((ONE, 0, None, 9), [A, B, OTHER, C], "AUD-14"),
        ((ONE, 0, None, 0), [A], "AUD-15"),
        ((ONE, 3000, 1000, 9), [B], "AUD-15"),
    ],
)
def test_wrong_answers_by_agent(
    known: Audits,
    question: tuple[bytes, int, int | None, int],
    answer: list[Audit],
    requirement: str,
) -> None:
    """Missing, out of order, twice, too many, out of range, changed, nobody's, another's."""
    assert blamed(known.answered_by_agent(*question, answer)) == [requirement]


@requirement("AUD-6")
def test_a_missing_last_timestamp_is_named() -> None:
    """The audit at 2^64 - 1 has a requirement of its own."""
    contract = Audits()
    contract.put_acknowledged(audit("z", ONE, MAX_TIMESTAMP))

    assert blamed(contract.answered_by_agent(ONE, 0, None, 9, [])) == ["AUD-6"]


@pytest.mark.parametrize(
    ("limit", "answer", "requirement"),
    [
        (2, [OTHER, C], "AUD-7"),
        (2, [C], "AUD-7"),
        (2, [C, OTHER, B], "AUD-7"),
        (0, [C], "AUD-15"),
        (1, [{**C, "confidence": 0.25}], "AUD-3"),
    ],
)
def test_wrong_answers_for_the_recent(
    known: Audits, limit: int, answer: list[Audit], requirement: str
) -> None:
    """Out of order, missing, too many, changed."""
    assert blamed(known.answered_recent(limit, answer)) == [requirement]


@requirement("AUD-8")
def test_wrong_answers_to_has(known: Audits) -> None:
    """Both ways of being wrong."""
    assert blamed(known.answered_has(ONE, answer=False)) == ["AUD-8"]
    assert blamed(known.answered_has(bytes(32), answer=True)) == ["AUD-8"]


@requirement("AUD-1", "AUD-12")
def test_keys_are_all_and_only_those_of_the_layout() -> None:
    """A key too many or too few is found; an index of time is whole or not there."""
    stamp = (1000).to_bytes(8, "big")
    contract = Audits()
    contract.put_acknowledged(A)
    record = b"\x00AUD:" + A["query_id"]
    by_agent_key = b"\x00AUDA:" + ONE + b":" + stamp + b":" + A["query_id"]
    by_time_key = b"\x00AUDT:" + stamp + b":" + A["query_id"]

    assert contract.answered_keys([record, by_agent_key, by_time_key]) == []
    assert contract.answered_keys([record, by_agent_key]) == []
    assert blamed(contract.answered_keys([record, by_time_key])) == ["AUD-1"]
    assert blamed(contract.answered_keys([record, by_agent_key, b"\x00AUDZ"])) == ["AUD-1"]
    assert blamed(contract.answered_keys([by_agent_key, record])) == ["AUD-1"]


# Repetitions and contradictions


@requirement("AUD-11")
def test_conflicts_must_be_refused_and_nothing_else(known: Audits) -> None:
    """A contradiction acknowledged, and a repetition or a new audit refused."""
    assert known.put_acknowledged(A) == []
    assert blamed(known.put_acknowledged(OTHER_A)) == ["AUD-11"]
    assert known.put_refused(OTHER_A) == []
    assert blamed(known.put_refused(A)) == ["AUD-11"]
    assert blamed(known.put_refused(audit("new"))) == ["AUD-11"]


@requirement("AUD-11")
def test_what_was_refused_must_not_be_seen(known: Audits) -> None:
    """If the refused content shows up, the store has overwritten."""
    known.put_refused(OTHER_A)

    assert blamed(known.got(A["query_id"], OTHER_A)) == ["AUD-11"]


# Puts without an answer


@requirement("AUD-10")
def test_an_interrupted_put_may_have_happened_or_not() -> None:
    """Either answer is right, and settles the matter."""
    for first, second in [(A, None), (None, A)]:
        contract = Audits()
        contract.put_interrupted(A)

        assert contract.got(A["query_id"], first) == []
        assert contract.got(A["query_id"], first) == []
        assert blamed(contract.got(A["query_id"], second)) == ["AUD-10"]


@requirement("AUD-10")
@pytest.mark.parametrize("there", [True, False])
def test_every_kind_of_answer_settles_an_interrupted_put(there: bool) -> None:
    """What one answer shows, every later one must show, and what one lacks, none may show."""
    answers: list[Callable[[Audits, bool], list[Violation]]] = [
        lambda contract, seen: contract.got(A["query_id"], A if seen else None),
        lambda contract, seen: contract.answered_by_agent(ONE, 0, None, 9, [A] if seen else []),
        lambda contract, seen: contract.answered_recent(9, [A] if seen else []),
        lambda contract, seen: contract.answered_has(ONE, answer=seen),
    ]

    for first in answers:
        for second in answers:
            contract = Audits()
            contract.put_interrupted(A)
            assert first(contract, there) == []
            assert second(contract, there) == []
            assert blamed(second(contract, not there)) != []


@requirement("AUD-7", "AUD-13", "AUD-14")
def test_an_interrupted_put_explains_no_other_breach(known: Audits) -> None:
    """Whole audits in the wrong order, of another agent, or gone, are nothing half done."""
    known.put_interrupted(A)
    known.put_interrupted(OTHER)

    assert blamed(known.answered_recent(9, [A, B, C, OTHER, ANONYMOUS])) == ["AUD-7"]
    assert blamed(known.answered_by_agent(ONE, 0, None, 9, [A, B, OTHER, C])) == ["AUD-14"]
    assert blamed(known.got(A["query_id"], None)) == ["AUD-13"]


@requirement("AUD-10")
def test_half_an_audit_is_named() -> None:
    """A record that a get shows and a query does not, after a death, is half an audit."""
    contract = Audits()
    contract.put_interrupted(A)
    contract.got(A["query_id"], A)

    assert blamed(contract.answered_by_agent(ONE, 0, None, 9, [])) == ["AUD-10"]
    assert blamed(contract.answered_recent(9, [])) == ["AUD-10"]
    assert blamed(contract.answered_has(ONE, answer=False)) == ["AUD-10"]
    assert blamed(contract.answered_keys([b"\x00AUD:" + A["query_id"]])) == ["AUD-10"]
    assert blamed(contract.failed("AUD-5", "a query", "no record")) == ["AUD-10"]


def test_an_answer_that_could_not_have_shown_it_tells_nothing() -> None:
    """A limit, a range or another agent leaves the matter open."""
    contract = Audits()
    contract.put_acknowledged(C)
    contract.put_interrupted(A)

    assert contract.answered_recent(1, [C]) == []
    assert contract.answered_by_agent(ONE, 2000, None, 9, [C]) == []
    assert contract.answered_by_agent(TWO, 0, None, 9, []) == []
    assert contract.got(A["query_id"], A) == []


@requirement("AUD-11")
def test_of_two_interrupted_contents_one_at_most_is_there() -> None:
    """A put that is acknowledged or refused tells which."""
    contract = Audits()
    contract.put_interrupted(A)
    contract.put_interrupted(OTHER_A)
    assert contract.put_acknowledged(A) == []
    assert blamed(contract.got(A["query_id"], OTHER_A)) == ["AUD-10"]

    contract = Audits()
    contract.put_interrupted(A)
    assert contract.put_refused(OTHER_A) == []
    assert blamed(contract.got(A["query_id"], None)) == ["AUD-10"]


# The fold of a journal

RECORDS = [Applied(50, A), Applied(100, B), Applied(150, A), Applied(200, C)]
STOPPED = [Applied(50, A), Applied(100, None), Applied(150, B)]
CONTRADICTED = [Applied(50, A), Applied(100, OTHER_A), Applied(150, B)]


@requirement("SYS-2")
def test_fold_stops_in_front_of_what_cannot_be_applied() -> None:
    """Repetitions are nothing, garbage and contradictions are the end."""
    assert fold(RECORDS) == ({each["query_id"]: each for each in (A, B, C)}, 200)
    assert fold(STOPPED)[1] == fold(CONTRADICTED)[1] == 50
    assert judge_caught_up(STOPPED, 50) == []
    assert blamed(judge_caught_up(RECORDS, 150)) == ["SYS-2"]


def judged(position: int, *audits: Audit, records: list[Applied] = RECORDS) -> list[str]:
    """Judge an index at a position that holds these audits."""
    held = {each["query_id"]: each for each in audits}
    keys = sorted(b"\x00AUD:" + query_id for query_id in held)
    keys += sorted(
        b"\x00AUDA:" + ONE + b":" + each["timestamp"].to_bytes(8, "big") + b":" + each["query_id"]
        for each in audits
    )
    return blamed(judge_index(records, position, keys, held.get))


@requirement("SYS-1", "SYS-2")
def test_an_index_is_what_the_records_up_to_its_position_make_of_it() -> None:
    """More, less, otherwise, between two records, or past what should have stopped it."""
    assert judged(0) == judged(50, A) == judged(100, A, B) == judged(150, A, B) == []
    assert judged(50) == ["SYS-1"]
    assert judged(50, A, B) == ["SYS-1"]
    assert judged(50, {**A, "confidence": 0.25}) == ["SYS-1"]
    assert judged(51, A) == ["SYS-1"]
    assert judged(150, A, B, records=STOPPED) == ["SYS-2"]
