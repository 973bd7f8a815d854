"""
Scenarios about an audit index: kills, and the cost of a query.

The first is a search rather than a situation: the process dies before every statement of
its database, and after the last, in each of some short programs.  It takes a store that
is in this process.  The second is for adapters as well; there the cost is computing time,
and here it is the keys that are read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from tornproof.errors import Conflict
from tornproof_models.contract.audit_index import Audit, Audits
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.machines.audit_machine import StoreUnderTest
from tornproof_models.machines.sqlite_process import Died, SqliteProcess

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.opened_index import AdapterAudits
from tornproof_conformance.adapter.speaking.resources import is_measurable
from tornproof_conformance.scenarios.scenario import scenario
from tornproof_conformance.subjects.indexes import HasAudits, Index, LocalIndex, audits_of

INDEX = "audit/core"
AGENT = b"a" * 32


def example(number: int, agent: bytes | None = AGENT, timestamp: int | None = None) -> Audit:
    """Make an audit, whose id and, unless it is given, whose timestamp are a number."""
    return {
        "query_id": number.to_bytes(32, "big"),
        "agent_id": agent,
        "timestamp": number if timestamp is None else timestamp,
        "params": dict.fromkeys(("subject", "predicate", "lifecycle", "epoch", "lens")),
        "result_hash": None,
        "result_confidence": 0.5,
        "contributing_assertions": [],
    }


def has_audits(subject: Subject) -> bool:
    """Tell whether a subject has an audit index in this process."""
    return isinstance(subject, HasAudits)


# Deaths

PROGRAMS: tuple[tuple[Audit, ...], ...] = (
    (example(1),),
    (example(1, agent=None),),
    (example(1), example(2)),
    (example(1), example(2, agent=b"b" * 32)),
    (example(1), example(1)),
    (example(1), example(1, timestamp=9)),
)
"""Puts, in the last of which the process dies: new, anonymous, again, with other content."""


@scenario("AUD-10", "AUD-13", claim=INDEX, where=has_audits)
def an_audit_is_there_whole_or_not_at_all(subject: Subject) -> Iterator[Violation]:
    """If a process dies at any statement of a put, the audit is there wholly or not at all."""
    for program in PROGRAMS:
        for statements in count():
            process = SqliteProcess()
            try:
                known = Audits()
                died, found = _die(subject, process, program, statements, known)
                if not found:
                    found = _look(audits_of(subject).make_audits(process.store), program, known)
            finally:
                process.close()
            if found:
                where = f"put {len(program)}, death after {statements} statements"
                yield Violation(found[0].requirement, f"{where}: {found[0].message}")
                return
            if not died:
                break


def _die(
    subject: Subject,
    process: SqliteProcess,
    program: tuple[Audit, ...],
    statements: int,
    known: Audits,
) -> tuple[bool, list[Violation]]:
    """Run a program, let the process die in the last put, and tell whether it has."""
    *before, last = program
    index = audits_of(subject).make_audits(process.store)
    found = [violation for audit in before for violation in _put(index, audit, known)]
    try:
        with process.dying_after(statements):
            found += _put(index, last, known)
    except Died:
        known.put_interrupted(last)
        return True, found
    return False, found


def _put(index: StoreUnderTest, audit: Audit, known: Audits) -> list[Violation]:
    try:
        index.put(audit)
    except Conflict:
        return known.put_refused(audit)
    return known.put_acknowledged(audit)


def _look(index: StoreUnderTest, program: tuple[Audit, ...], known: Audits) -> list[Violation]:
    """Ask for everything, each answer telling more."""
    found = []
    for audit in program:
        found += known.got(audit["query_id"], index.get(audit["query_id"]))
    found += known.answered_recent(9, index.recent(9))
    for agent in (AGENT, b"b" * 32):
        found += known.answered_by_agent(agent, 0, None, 9, index.by_agent(agent, 0, None, limit=9))
        found += known.answered_has(agent, answer=index.has(agent))
    return found


# Cost

FEW, MANY = 50, 1000
MUCH = 4
"""How much more the most recent of many may cost than those of few, which are a twentieth."""

QUESTIONS, ROUNDS = 3, 3


def can_be_measured(subject: Subject) -> bool:
    """Tell whether a subject has an audit index, and what it costs can be seen."""
    return has_audits(subject) or (isinstance(subject, AdapterSubject) and is_measurable())


@scenario("AUD-12", claim=INDEX, where=can_be_measured)
def the_recent_cost_no_scan(subject: Subject) -> Iterator[Violation]:
    """Reading the most recent of twenty times as many audits takes about the same time."""
    with opened(subject) as index:
        for number in range(FEW):
            index.put(example(number))
        before = _cost(index)
        for number in range(FEW, MANY):
            index.put(example(number))
        after = _cost(index)
    if after > MUCH * before:
        message = f"the most recent of {MANY:,} audits cost {after / before:.0f} times as much as "
        yield Violation("AUD-12", f"{message}those of {FEW}: they are found by a scan")


@contextmanager
def opened(subject: Subject) -> Iterator[Index]:
    """Open an index, in this process or in another."""
    if not isinstance(subject, AdapterSubject):
        yield LocalIndex.of(subject)
        return
    index = AdapterAudits(subject)
    yield index
    index.close()


def _cost(index: Index) -> int:
    """Return what the most recent audit costs, several times over, at its cheapest."""
    costs = []
    for _ in range(ROUNDS):
        before = index.cost
        for _ in range(QUESTIONS):
            index.recent(1)
        costs.append(index.cost - before)
    return max(min(costs), 1)
