"""
Scenarios about what an audit index does not take.

Each field is given what it cannot hold, on both sides of each bound.  An index in this
process is also given values of other types; an adapter decodes JSON before the index
sees anything, so only ids and timestamps are spoilt there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tornproof.errors import TornproofError
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.scenarios.audit_indexes import AGENT, INDEX, example, has_audits, opened
from tornproof_conformance.scenarios.scenario import error_code, scenario
from tornproof_conformance.subjects.indexes import Index

PARAMETERS = dict.fromkeys(("subject", "predicate", "lifecycle", "epoch", "lens"))
ASSERTION: Mapping[str, Any] = {
    "assertion_hash": b"h" * 32,
    "weight": 0.5,
    "source_hash": b"s" * 32,
    "lifecycle": "approved",
}

LARGEST_SINGLE = (2 - 2**-23) * 2.0**127
"""The largest number that 32 bits hold (IEEE 754)."""


def has_an_index(subject: Subject) -> bool:
    """Tell whether a subject has an audit index, here or in another process."""
    return has_audits(subject) or isinstance(subject, AdapterSubject)


# Ids and timestamps, for everybody

BAD_IDS = (b"", b"x" * 31, b"x" * 33)
BAD_NUMBERS = (-1, 2**64)

SPOILT: tuple[Mapping[str, Any], ...] = (
    *({"query_id": each} for each in BAD_IDS),
    *({"agent_id": each} for each in BAD_IDS),
    *({"timestamp": each} for each in BAD_NUMBERS),
)


@scenario("AUD-15", claim=INDEX, where=has_an_index)
def an_id_or_time_that_does_not_fit_is_refused(subject: Subject) -> Iterator[Violation]:
    """An id of 31 or 33 bytes, a time beyond 64 bits and a negative limit are refused."""
    with opened(subject) as index:
        for change in SPOILT:
            yield from _refused(index, "AUD-15", {**example(1), **change}, f"{change}")
        for agent in BAD_IDS:
            for words, ask in (
                ("by agent", lambda who: index.by_agent(who, 0, None, limit=1)),
                ("has", index.has),
                ("get", index.get),
            ):
                if error_code(ask, agent).startswith("success"):
                    message = f"a question ({words}) about an id of {len(agent)} bytes is answered"
                    yield Violation("AUD-15", message)
        for words, ask in (
            ("by agent", lambda limit: index.by_agent(AGENT, 0, None, limit=limit)),
            ("recent", index.recent),
        ):
            if error_code(ask, -1).startswith("success"):
                yield Violation("AUD-15", f"a question ({words}) with limit -1 is answered")
        yield from _takes_one(index, "AUD-15")


# Every field, for indexes in this process

CHANGES: tuple[Mapping[str, Any], ...] = (
    {"timestamp": True},
    {"timestamp": 1.5},
    {"query_id": "x" * 32},
    {"agent_id": "x" * 32},
    {"result_hash": b"x" * 31},
    {"result_hash": b"x" * 33},
    {"result_confidence": None},
    {"result_confidence": "0.5"},
    {"result_confidence": True},
    {"result_confidence": float("nan")},
    {"result_confidence": float("inf")},
    {"result_confidence": LARGEST_SINGLE * 1.001},
    {"params": None},
    {"params": {**PARAMETERS, "subject": 5}},
    {"params": {**PARAMETERS, "predicate": b"text"}},
    {"params": {**PARAMETERS, "lens": "\ud800"}},
    {"params": {**PARAMETERS, "lifecycle": ""}},
    {"params": {**PARAMETERS, "lifecycle": 5}},
    {"params": {**PARAMETERS, "epoch": -1}},
    {"params": {**PARAMETERS, "epoch": 2**64}},
    {"params": {**PARAMETERS, "epoch": "5"}},
    {"params": {**PARAMETERS, "surname": "x"}},
    {"contributing_assertions": 5},
    {"contributing_assertions": [5]},
    {"contributing_assertions": [{}]},
    {"contributing_assertions": [{**ASSERTION, "assertion_hash": b"h" * 31}]},
    {"contributing_assertions": [{**ASSERTION, "source_hash": b"s" * 33}]},
    {"contributing_assertions": [{**ASSERTION, "weight": float("inf")}]},
    {"contributing_assertions": [{**ASSERTION, "weight": -LARGEST_SINGLE * 1.001}]},
    {"contributing_assertions": [{**ASSERTION, "weight": None}]},
    {"contributing_assertions": [{**ASSERTION, "lifecycle": ""}]},
    {"contributing_assertions": [{**ASSERTION, "lifecycle": None}]},
    {"contributing_assertions": [{**ASSERTION, "more": 1}]},
    {"surname": "x"},
)
"""Each makes an audit into none."""

NEEDED = ("query_id", "timestamp", "result_confidence")
"""Fields that cannot be left out."""

BOUNDS: tuple[Mapping[str, Any], ...] = (
    {"timestamp": 0},
    {"timestamp": 2**64 - 1},
    {"params": {**PARAMETERS, "epoch": 2**64 - 1, "lifecycle": "a stage of next year"}},
    {"result_confidence": LARGEST_SINGLE},
    {"contributing_assertions": [{**ASSERTION, "weight": -LARGEST_SINGLE}]},
)
"""Each is an audit still."""


@scenario("AUD-18", "AUD-3", claim=INDEX, where=has_audits)
def what_is_no_audit_is_refused(subject: Subject) -> Iterator[Violation]:
    """A put with a missing or impossible field is refused, and changes nothing."""
    with opened(subject) as index:
        for change in CHANGES:
            yield from _refused(index, "AUD-18", {**example(1), **change}, f"{change}")
        for name in NEEDED:
            left = {each: value for each, value in example(1).items() if each != name}
            yield from _refused(index, "AUD-18", left, f"no {name}")
        for number, change in enumerate(BOUNDS, start=2):
            audit = {**example(number), **change}
            index.put(audit)
            if index.get(audit["query_id"]) != audit:
                yield Violation("AUD-3", f"an audit with {change} is not what a get returns")
    with opened(subject) as index:
        yield from _takes_one(index, "AUD-18")


def _refused(
    index: Index, requirement: str, audit: Mapping[str, Any], words: str
) -> Iterator[Violation]:
    """Put what is no audit, which has to be refused by a typed error."""
    try:
        index.put(audit)
    except TornproofError:
        return
    except Exception as error:
        yield Violation(requirement, f"a put of {words} raises {type(error).__name__}")
        return
    yield Violation(requirement, f"a put of {words} is taken")


def _takes_one(index: Index, requirement: str) -> Iterator[Violation]:
    """Put an audit behind all that was refused, and find it alone."""
    found = index.recent(9)
    if found:
        yield Violation(requirement, f"after refusals alone, {len(found)} audits are there")
    index.put(example(1))
    if len(index.recent(9)) != 1:
        yield Violation(requirement, "after refusals and one put, not just that audit is there")
