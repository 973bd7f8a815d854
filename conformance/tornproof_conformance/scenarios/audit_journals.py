"""
Scenarios about an index that is built from a journal.

They are played for subjects that have an indexer in this process; the protocol has no words for
one.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Protocol, cast, runtime_checkable

from attrs import evolve
from tornproof.audit import audit_from_fields, encode
from tornproof.kv import KeyValueStore, MemoryKeyValueStore
from tornproof_models.contract.audit_fold import Applied, judge_caught_up, judge_index
from tornproof_models.contract.audit_index import Audit
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.machines.audit_machine import ReferenceStore
from tornproof_models.machines.indexer_machine import IndexerUnderTest, Tape
from tornproof_models.machines.sqlite_process import Died, SqliteProcess

from tornproof_conformance.scenarios.audit_indexes import INDEX, example
from tornproof_conformance.scenarios.scenario import error_code, scenario

LONG = 300
"""Records: more than one transaction of the reference takes."""

POSITION = b"\x00AUDP"


@runtime_checkable
class HasIndexer(Protocol):
    """A subject that builds an index from a journal."""

    def make_indexer(self, store: KeyValueStore, source: Tape) -> IndexerUnderTest:
        """Make an indexer of a store and a journal."""
        ...


def has_indexer(subject: Subject) -> bool:
    """Tell whether a subject has one."""
    return isinstance(subject, HasIndexer)


class _Journal:
    """A journal of audits, and what the contract knows of it."""

    def __init__(self) -> None:
        self.tape = Tape()
        self.records: list[Applied] = []

    def append(self, audit: Audit | None) -> None:
        """Append an audit, or what is none."""
        payload = b"no audit" if audit is None else encode(audit_from_fields(audit))
        self.tape.append(payload)
        self.records.append(Applied(self.tape.end, audit))


def _indexed(
    subject: Subject, store: KeyValueStore, journal: _Journal
) -> tuple[str, list[Violation]]:
    """Build an index, or go on; return what its indexer told, and what is wrong with it."""
    told = _catch_up(subject, store, journal.tape)
    found = _judged(store, journal)
    return told, found or judge_caught_up(journal.records, _position(store))


def _judged(store: KeyValueStore, journal: _Journal) -> list[Violation]:
    audits = ReferenceStore(store)
    return judge_index(journal.records, _position(store), list(audits.keys()), audits.get)


def _position(store: KeyValueStore) -> int:
    return int.from_bytes(store.get(POSITION) or b"", "big")


def _catch_up(subject: Subject, store: KeyValueStore, tape: Tape) -> str:
    return error_code(cast("HasIndexer", subject).make_indexer(store, tape).catch_up)


@scenario("SYS-1", "SYS-2", claim=INDEX, where=has_indexer)
def a_long_journal_is_indexed_to_its_end(subject: Subject) -> Iterator[Violation]:
    """An indexer applies each record of a long journal, and a record that is there twice once."""
    journal = _Journal()
    for number in range(LONG):
        journal.append(example(number))
        if number % 100 == 0:
            journal.append(example(number // 2))
    told, found = _indexed(subject, MemoryKeyValueStore(), journal)
    yield from found
    if not told.startswith("success"):
        yield Violation("SYS-2", f"over a journal of {LONG} audits, an indexer stops: {told}")


@scenario("SYS-1", claim=INDEX, where=has_indexer)
def entries_and_position_are_stored_at_once(subject: Subject) -> Iterator[Violation]:
    """If a process dies at any statement of an indexer, its position says what it has applied."""
    journal = _Journal()
    for number in range(3):
        journal.append(example(number))
    for statements in count():
        died = False
        with closing(SqliteProcess()) as process:
            try:
                with process.dying_after(statements):
                    _catch_up(subject, process.store, journal.tape)
            except Died:
                died = True
            for violation in _judged(process.store, journal):
                words = f"death after {statements} statements: {violation.message}"
                yield evolve(violation, message=words)
                return
        if not died:
            return


@scenario("SYS-2", claim=INDEX, where=has_indexer)
def an_indexer_stops_at_what_it_cannot_apply(subject: Subject) -> Iterator[Violation]:
    """At a record that is no audit, or contradicts one, an indexer stops with a typed error."""
    for words, record in (
        ("is no audit", None),
        ("contradicts one of the same run", example(3, timestamp=9)),
        ("contradicts one of an earlier run", example(1, timestamp=9)),
    ):
        journal, store = _Journal(), MemoryKeyValueStore()
        journal.append(example(1))
        _catch_up(subject, store, journal.tape)
        for each in (example(2), example(3), record, example(4)):
            journal.append(each)
        told, found = _indexed(subject, store, journal)
        for violation in found:
            yield evolve(violation, message=f"a record {words}: {violation.message}")
        if told.startswith("success"):
            yield Violation("SYS-2", f"a record {words}, and an indexer does not say so")


@scenario("SYS-3", claim=INDEX, where=has_indexer)
def an_index_of_another_journal_is_refused(subject: Subject) -> Iterator[Violation]:
    """An index whose position is not in the journal is refused, and nothing is applied to it."""
    long, short = _Journal(), _Journal()
    for number in range(3):
        long.append(example(number))
    short.append(example(0))
    store = MemoryKeyValueStore()
    _catch_up(subject, store, long.tape)
    before = list(ReferenceStore(store).keys())
    told = _catch_up(subject, store, short.tape)
    if told.startswith("success"):
        message = f"the index stands at {long.tape.end}, and the journal ends at {short.tape.end}"
        yield Violation("SYS-3", f"{message}: an indexer takes it for up to date")
    if list(ReferenceStore(store).keys()) != before:
        yield Violation("SYS-3", "an index of another journal was changed")
