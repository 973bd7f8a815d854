"""
Random programs of an indexer that keeps dying while it builds an index.

The journal is a list; what matters here is what becomes of its records.  It
grows, repeats itself, contradicts itself, and holds bytes that are no audit.
The indexer follows, dies after any number of SQL statements, and starts again.
Wherever it stands, the contract compares the whole index with the fold of the
records up to there.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tornproof.audit import AuditIndexer, audit_from_fields, encode
from tornproof.errors import BeyondEnd, TornproofError
from tornproof.keys import POSITION_KEY
from tornproof.kv import KeyValueStore, MemoryKeyValueStore

from tornproof_models.contract.audit_fold import Applied, judge_caught_up, judge_index
from tornproof_models.contract.audit_index import Audit
from tornproof_models.contract.journal import Violation
from tornproof_models.machines.audit_machine import PICKS, ReferenceStore
from tornproof_models.machines.audit_values import audits, contradiction
from tornproof_models.machines.sqlite_process import Died, SqliteProcess
from tornproof_models.machines.violated import Violated

FRAME_HEADER_BYTES = 40

GARBAGE = st.sampled_from([b"", b"\x00", b"not an audit", b"\xa0"])

ODDS = st.sampled_from([1, 2, 3, 0])
"""One in four; what stops the indexer for good must not come too soon."""


class Tape:
    """A journal, as far as an indexer reads it: records in memory, at real offsets."""

    def __init__(self) -> None:
        self._records: dict[int, bytes] = {}
        self.end = 0

    def append(self, payload: bytes) -> None:
        """Add a record at the end."""
        self._records[self.end] = payload
        self.end += FRAME_HEADER_BYTES + len(payload)

    def scan(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Yield offset and payload of each record from the one at `start`."""
        if start > self.end:
            raise BeyondEnd(f"offset {start} lies beyond the end, {self.end}")
        return ((offset, self._records[offset]) for offset in self._records if offset >= start)


class IndexerUnderTest(Protocol):
    """Something that brings an index up to the end of a journal."""

    def catch_up(self) -> int:
        """Apply what is new, and return the position reached."""
        ...


class IndexerFactory(Protocol):
    """Makes an indexer under test."""

    def __call__(self, store: KeyValueStore, source: Tape, /) -> IndexerUnderTest:
        """Make the indexer."""
        ...


class AuditIndexerMachine(RuleBasedStateMachine):
    """Records of all kinds, and an indexer that runs, dies and starts again."""

    indexer_under_test: ClassVar[IndexerFactory]

    def __init__(self) -> None:
        super().__init__()
        self.process = SqliteProcess()
        self.tape = Tape()
        self.records: list[Applied] = []

    # The journal

    @initialize(audits=st.lists(audits(), min_size=1, max_size=4))
    def begin(self, audits: list[Audit]) -> None:
        """Begin with a few records."""
        self.append(audits)

    @rule(audits=st.lists(audits(), min_size=1, max_size=4))
    def append(self, audits: list[Audit]) -> None:
        """Append some audits; by chance one repeats or contradicts another."""
        for audit in audits:
            self._append(encode(audit_from_fields(audit)), audit)

    @rule(pick=PICKS)
    def append_again(self, pick: int) -> None:
        """Append a known audit again, as a writer does that has lost an answer."""
        self.append([self._picked(pick)])

    @rule(pick=PICKS, audit=audits(), odds=ODDS)
    def append_contradiction(self, pick: int, audit: Audit, odds: int) -> None:
        """Append other content under a known id, now and then: it stops everything."""
        if odds == 0:
            self.append([contradiction(self._picked(pick)), audit])

    @rule(payload=GARBAGE, audit=audits(), odds=ODDS)
    def append_garbage(self, payload: bytes, audit: Audit, odds: int) -> None:
        """Append what is no audit, now and then: it stops everything."""
        if odds == 0:
            self._append(payload, None)
            self.append([audit])

    # The indexer

    @rule(death=st.integers(0, 60))
    def catch_up(self, death: int) -> None:
        """Run the indexer, perhaps not to the end; if it gets there, build the index again."""
        try:
            with self.process.dying_after(death):
                self._run(self.process.store)
        except Died:
            return
        finally:
            self._judge(self.process.store)
        self._raise_for(judge_caught_up(self.records, self._position(self.process.store)))
        self._rebuild()

    @rule()
    def restart(self) -> None:
        """End the process in an orderly way."""
        self.process.reopen()
        self._judge(self.process.store)

    def teardown(self) -> None:
        """End the process."""
        self.process.close()

    # Helpers

    def _append(self, payload: bytes, audit: Audit | None) -> None:
        self.tape.append(payload)
        self.records.append(Applied(self.tape.end, audit))

    def _picked(self, pick: int) -> Audit:
        known = [record.audit for record in self.records if record.audit is not None]
        return known[pick % len(known)]

    def _run(self, store: KeyValueStore) -> None:
        """Run the indexer until it returns, or refuses to go on."""
        with suppress(TornproofError):  # where it stopped is what is judged
            self.indexer_under_test(store, self.tape).catch_up()

    def _rebuild(self) -> None:
        """Build the index again from nothing: it must be the one that grew (SYS-2)."""
        again = MemoryKeyValueStore()
        self._run(again)
        if _contents(again) != _contents(self.process.store):
            self._raise_for([Violation("SYS-2", "the index built again is another one")])

    def _judge(self, store: KeyValueStore) -> None:
        audits = ReferenceStore(store)
        found = judge_index(self.records, self._position(store), list(audits.keys()), audits.get)
        self._raise_for(found)

    def _position(self, store: KeyValueStore) -> int:
        return int.from_bytes(store.get(POSITION_KEY) or b"", "big")

    def _raise_for(self, violations: list[Violation]) -> None:
        if violations:
            raise Violated(violations)


def _contents(store: KeyValueStore) -> dict[bytes, bytes | None]:
    """Return every key that begins with a zero byte, with its value."""
    return {key: store.get(key) for key in store.keys(b"\x00", b"\x01")}


def audit_indexer_machine(
    indexer_under_test: IndexerFactory = AuditIndexer,
) -> type[AuditIndexerMachine]:
    """Return a machine for an indexer, in the form that Hypothesis runs."""
    members = {"indexer_under_test": indexer_under_test}
    return type("AuditIndexerMachine", (AuditIndexerMachine,), members)
