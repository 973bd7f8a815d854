"""
Run the test vectors of an audit index, then random queries with kills.

An index in this process lies on a store that can be looked into and that dies between any
two statements of its database.  One behind an adapter is killed by a signal at any moment.
The frozen vectors and the contract are the same.  And it is recorded, and loses its power.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from tornproof.errors import TornproofError
from tornproof_models.contract import audit_index as contract
from tornproof_models.contract import audit_stakes
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.machines.audit_machine import AuditMachine

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.blame import blame
from tornproof_conformance.adapter.opened_index import AdapterAudits
from tornproof_conformance.cases.case import ExerciseCase, Problem, VectorCase, try_case
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.cases.hypothesis_search import STEPS, Order, search_machine
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.checks.conversation import AUDIT
from tornproof_conformance.scenarios.scenario import claims
from tornproof_conformance.search.hunts import MachineHunt
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.subjects.indexes import KINDS, audit_cases, judge_case
from tornproof_conformance.subjects.machines import machines_of

CLAIM_OF_KIND = {
    "layout": "audit/keys",
    "query": "audit/core",
    "puts": "audit/core",
    "record": "audit/keys",
}
"""The kinds of vectors that can be tried from outside, and the crash model each needs."""


# Vectors


def audit_vectors(subject: AdapterSubject) -> list[Mapping[str, Any]]:
    """Choose the frozen vectors that an adapter can be held to."""
    kinds = {kind for kind, crash_model in CLAIM_OF_KIND.items() if crash_model in subject.claims}
    return audit_cases(*(kinds if shows_records(subject) else kinds - {"record"}))


def shows_records(subject: AdapterSubject) -> bool:
    """Tell whether an adapter shows the bytes that it stores, if anybody asks for an audit."""
    index = AdapterAudits(subject)
    with suppress(TornproofError):  # whatever is wrong here, others say so
        return index.record(index.put(AUDIT)) is not None
    return False


@exercise("audit-vector")
def try_audit_vector(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Hold an adapter to the vector of a name."""
    (name,) = arguments
    case = next(case for case in audit_cases(*CLAIM_OF_KIND) if case["id"] == name)
    yield from blame(case["requirements"][0], _try_case(subject, case))


def _try_case(subject: AdapterSubject, case: Mapping[str, Any]) -> Iterator[Violation]:
    index = AdapterAudits(subject)
    yield from judge_case(case, index)
    index.close()


# Random programs


@exercise("audit-programs")
def try_audit_programs(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Search among random programs: a seed, how many, and of how many steps."""
    yield from _programs(subject, arguments, Counter())


def _programs(
    subject: AdapterSubject, arguments: Sequence[str], met: Counter[str]
) -> Iterator[Violation]:
    """Search, and count how often each requirement was at stake."""
    yield from blame("AUD-13", _search(subject, *map(int, arguments), met=met))


def _search(
    subject: AdapterSubject, seed: int, programs: int, steps: int, *, met: Counter[str]
) -> Iterator[Violation]:
    members = {
        "make_process": staticmethod(partial(AdapterAudits, subject)),
        "store_under_test": staticmethod(lambda index: index),
        "judges_keys": "audit/keys" in subject.claims,
        "deaths": True,
        "met": met,
    }
    machine = type("AdapterAuditMachine", (AuditMachine,), members)
    order = Order(seed, programs, steps=steps, shrinks=False)
    if caught := search_machine("audits/", machine, order, lambda: None):
        yield from caught.violations


NAME = "audits"
TITLE = "frozen questions, and random ones between deaths"

JUDGES_RECORDS = frozenset({"AUD-16"})
"""What only the bytes of a stored record show; frozen records compare them."""

MACHINES = ("audit-machine", "indexer-machine")

EXAMPLES_EACH = 3
"""One random program of an index for so many of a journal."""


def _audits(subject: Subject, budget: Budget) -> Findings:
    vectors = audit_cases(*KINDS)
    for number, case in enumerate(vectors):
        yield Progress(NAME, number, len(vectors), case["id"])
        yield from try_case(VectorCase(case["id"]), subject)
    names = [name for name in MACHINES if name in machines_of(subject.name)]
    examples = budget.examples // EXAMPLES_EACH
    for number, name in enumerate(names):
        yield Progress(NAME, number, len(names), f"{name}: random programs")
        yield from MachineHunt(name, subject.name).play(Order(0, examples)).problems
    count = examples * len(names)
    words = f"{len(vectors)} frozen vectors, {count} random programs of up to {STEPS} steps, "
    words += "with a death between any two statements"
    counts = {"vectors": len(vectors), "random_programs": count}
    return Covered(words, counts, ("process-kill",))


AUDITS = Check(NAME, TITLE, contract.JUDGES | JUDGES_RECORDS, _audits)


# Behind an adapter

SHARE = 0.1
"""Part of the budget's time."""


def _adapter_audits(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    vectors = audit_vectors(subject)
    met: Counter[str] = Counter()
    for number, case in enumerate(vectors):
        yield Progress(NAME, number, len(vectors), case["id"])
        yield from try_case(ExerciseCase("audit-vector", (case["id"],)), subject)
        met.update(case["requirements"])
    clock = Clock.start(budget, SHARE)
    programs, steps = (2, 20) if subject.is_slow else (10, 40)
    rounds = 0
    while rounds == 0 or clock.has_time:
        yield clock.progress(NAME, f"{rounds * programs} random programs")
        arguments = (str(budget.seed + rounds), str(programs), str(steps))
        for violation in _programs(subject, arguments, met):
            yield Problem(violation, ExerciseCase("audit-programs", arguments))
        rounds += 1
    words = (
        f"{len(vectors)} frozen vectors, {counted(rounds * programs, 'random program')} with kills"
    )
    counts = {"vectors": len(vectors), "random_programs": rounds * programs}
    at_stake = {each: met[each] for each in audit_stakes.JUDGES}
    return Covered(words, counts, ("process-kill",), at_stake=at_stake)


def _hidden(subject: Subject) -> frozenset[str]:
    """Name what an adapter does not let anybody see."""
    if not claims(subject, "audit/keys"):
        return contract.JUDGES_KEYS | JUDGES_RECORDS
    assert isinstance(subject, AdapterSubject)
    return frozenset() if shows_records(subject) else JUDGES_RECORDS


ADAPTER_AUDITS = Check(NAME, TITLE, contract.JUDGES | JUDGES_RECORDS, _adapter_audits, _hidden)
