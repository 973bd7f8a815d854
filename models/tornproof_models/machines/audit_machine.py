"""
Random programs of an audit index whose process keeps dying.

Every rule asks the store under test something, or puts something into it, and
the contract judges the answer.  A put may be cut short after any number of SQL
statements; what it leaves is then unknown until an answer shows it.

The store under test is a parameter, so that the miniatures run in the same
machine as the reference.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tornproof.audit import AuditStore, audit_from_fields, audit_to_fields
from tornproof.errors import Conflict, Invalid
from tornproof.kv import KeyValueStore

from tornproof_models.contract import audit_stakes
from tornproof_models.contract.audit_index import MAX_TIMESTAMP, Audit, Audits
from tornproof_models.contract.journal import Violation
from tornproof_models.machines.audit_values import (
    AGENT_IDS,
    LIMITS,
    QUERY_IDS,
    audits,
    contradiction,
    turned_round,
)
from tornproof_models.machines.sqlite_process import Died, SqliteProcess
from tornproof_models.machines.violated import Violated


class StoreUnderTest(Protocol):
    """An audit store whose audits are plain fields."""

    def put(self, audit: Audit) -> bytes:
        """Store an audit, or raise `Conflict`."""
        ...

    def get(self, query_id: bytes) -> Audit | None:
        """Return an audit, or none."""
        ...

    def by_agent(
        self, agent_id: bytes, earliest: int, latest: int | None, *, limit: int
    ) -> list[Audit]:
        """Return the audits of an agent between two timestamps."""
        ...

    def recent(self, limit: int) -> list[Audit]:
        """Return the most recent audits."""
        ...

    def has(self, agent_id: bytes) -> bool:
        """Say whether an agent has audits."""
        ...

    def keys(self) -> Iterable[bytes]:
        """Yield every key."""
        ...


class StoreFactory(Protocol):
    """Makes a store under test on a key-value store."""

    def __call__(self, store: KeyValueStore, /) -> StoreUnderTest:
        """Make the store."""
        ...


class Process(Protocol):
    """A process that has a store, and can die."""

    @property
    def store(self) -> Any:
        """What the store under test is made of."""
        ...

    def reopen(self) -> None:
        """Let the process end in an orderly way, and start the next."""
        ...

    def dying_after(self, statements: int | None) -> AbstractContextManager[None]:
        """Let the process die on the way, the sooner the smaller the number, or not at all."""
        ...

    def close(self) -> None:
        """End the process and throw away what it has stored."""
        ...


class ReferenceStore:
    """The reference, with audits as plain fields."""

    def __init__(self, store: KeyValueStore) -> None:
        self._audits = AuditStore(store)
        self.has = self._audits.has
        self.keys = self._audits.keys

    def put(self, audit: Audit) -> bytes:
        """Store an audit."""
        return self._audits.put(audit_from_fields(audit))

    def get(self, query_id: bytes) -> Audit | None:
        """Return an audit, or none."""
        audit = self._audits.get(query_id)
        return None if audit is None else audit_to_fields(audit)

    def by_agent(
        self, agent_id: bytes, earliest: int, latest: int | None, *, limit: int
    ) -> list[Audit]:
        """Return the audits of an agent."""
        found = self._audits.by_agent(agent_id, earliest, latest, limit=limit)
        return [audit_to_fields(audit) for audit in found]

    def recent(self, limit: int) -> list[Audit]:
        """Return the most recent audits."""
        return [audit_to_fields(audit) for audit in self._audits.recent(limit)]


PICKS = st.integers(0, 30)
"""Chooses among what has been put, whatever its number."""

DEATHS = st.none() | st.integers(0, 12)
"""After how many statements the process dies, if it does."""


class AuditMachine(RuleBasedStateMachine):
    """Puts, repetitions, contradictions, questions, restarts and deaths, in any order."""

    make_process: ClassVar[Callable[[], Process]] = SqliteProcess
    store_under_test: ClassVar[StoreFactory]
    judges_keys: ClassVar[bool]
    deaths: ClassVar[bool]
    met: ClassVar[Counter[str]] = Counter()
    """How often each requirement was at stake; whoever wants to know gives a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.process = type(self).make_process()
        self.contract = Audits()
        self.survivors: set[bytes] = set()
        self.put_before: list[Audit] = []
        self.restart()

    # Puts

    @initialize(some=st.lists(audits(), min_size=1, max_size=6))
    def put_some(self, some: list[Audit]) -> None:
        """Begin with a few: an empty store has few answers."""
        for audit in some:
            self._put(audit, None)

    @rule(audit=audits(), death=DEATHS)
    def put(self, audit: Audit, death: int | None) -> None:
        """Put an audit, which may be new, known or a contradiction."""
        self._put(audit, death)

    @rule(pick=PICKS, query_id=QUERY_IDS, distance=st.integers(-1, 1), death=DEATHS)
    def put_beside(self, pick: int, query_id: bytes, distance: int, death: int | None) -> None:
        """Put a neighbour: the same agent, at the same moment or the one beside it."""
        picked = self._picked(pick)
        self._put({**picked, "query_id": query_id, "timestamp": near(picked, distance)}, death)

    @rule(pick=PICKS, death=DEATHS)
    def put_again(self, pick: int, death: int | None) -> None:
        """Put a known audit again, its fields in another order."""
        self._put(turned_round(self._picked(pick)), death)

    @rule(pick=PICKS, death=DEATHS)
    def contradict(self, pick: int, death: int | None) -> None:
        """Put other content under a known id."""
        self._put(contradiction(self._picked(pick)), death)

    # Questions

    @rule(query_id=QUERY_IDS)
    def get(self, query_id: bytes) -> None:
        """Get an audit that may be there."""
        answer = self._ask("AUD-3", "a get", lambda: self.store.get(query_id))
        self.met.update(audit_stakes.of_get(self.contract, query_id, self.survivors))
        self._judge(self.contract.got(query_id, answer))

    @rule(
        first=PICKS,
        before=st.integers(-1, 1),
        last=st.none() | PICKS,
        after=st.integers(-1, 1),
        limit=LIMITS,
    )
    def by_agent(self, first: int, before: int, last: int | None, after: int, limit: int) -> None:
        """Ask for a range whose ends lie on, just inside or just outside stored timestamps."""
        agent_id = self._picked(first)["agent_id"] or bytes(32)
        theirs = [audit for audit in self.put_before if audit["agent_id"] == agent_id]
        earliest = near(self._picked(first), before)
        latest = near(theirs[last % len(theirs)], after) if theirs and last is not None else None
        self._ask_by_agent(agent_id, earliest, latest, limit)

    @rule(agent_id=AGENT_IDS, limit=LIMITS)
    def all_by_agent(self, agent_id: bytes, limit: int) -> None:
        """Ask for everything an agent did."""
        self._ask_by_agent(agent_id, 0, None, limit)

    @rule(limit=LIMITS)
    def recent(self, limit: int) -> None:
        """Ask for the most recent."""
        answer = self._ask("AUD-7", "a query for the recent", lambda: self.store.recent(limit))
        self.met.update(audit_stakes.of_recent(self.contract, limit))
        self._judge(self.contract.answered_recent(limit, answer))

    @rule(agent_id=AGENT_IDS)
    def has(self, agent_id: bytes) -> None:
        """Ask whether an agent has audits."""
        answer = self._ask("AUD-8", "has", lambda: self.store.has(agent_id))
        self.met.update(audit_stakes.of_has(self.contract))
        self._judge(self.contract.answered_has(agent_id, answer=answer))

    @rule(
        question=st.sampled_from(
            [
                lambda store: store.recent(-1),
                lambda store: store.by_agent(bytes(32), 0, None, limit=-1),
                lambda store: store.by_agent(bytes(31), 0, None, limit=1),
                lambda store: store.by_agent(bytes(32), -1, None, limit=1),
                lambda store: store.by_agent(bytes(32), MAX_TIMESTAMP + 1, None, limit=1),
                lambda store: store.get(bytes(33)),
                lambda store: store.has(b""),
            ]
        )
    )
    def ask_wrongly(self, question: Callable[[StoreUnderTest], Any]) -> None:
        """Ask what cannot be asked; nothing but a typed refusal will do."""
        try:
            answer = question(self.store)
        except Invalid:
            return
        except Exception as error:  # whatever a store under test throws
            answer = repr(error)
        self._judge([Violation("AUD-15", f"a question that makes no sense gave {answer}")])

    # The process

    @rule()
    def restart(self) -> None:
        """Close, open, and look at everything."""
        self.survivors.update(self.contract.stored)
        self.process.reopen()
        self.store = self.store_under_test(self.process.store)
        for query_id in sorted({audit["query_id"] for audit in self.put_before}):
            self.get(query_id)
        if self.judges_keys:
            keys = self._ask("AUD-1", "listing the keys", lambda: list(self.store.keys()))
            self.met.update(audit_stakes.of_keys(self.contract))
            self._judge(self.contract.answered_keys(keys))

    def teardown(self) -> None:
        """End the process."""
        self.process.close()

    # Helpers

    def _put(self, audit: Audit, death: int | None) -> None:
        self.put_before.append(audit)
        self.met.update(audit_stakes.of_put(self.contract, audit))
        try:
            with self.process.dying_after(death if self.deaths else None):
                answered = self._answer_of_put(audit)
        except Died:
            self.contract.put_interrupted(audit)
            self.survivors.update(self.contract.stored)
            self.store = self.store_under_test(self.process.store)
        else:
            self._judge(answered())

    def _answer_of_put(self, audit: Audit) -> Callable[[], list[Violation]]:
        """Put, and return what the answer tells the contract, if it is ever heard."""
        try:
            self.store.put(audit)
        except Conflict:
            return lambda: self.contract.put_refused(audit)
        except Exception as error:  # whatever a store under test throws
            message = repr(error)
            return lambda: self.contract.failed("AUD-3", "a put", message)
        return lambda: self.contract.put_acknowledged(audit)

    def _ask_by_agent(self, agent_id: bytes, earliest: int, latest: int | None, limit: int) -> None:
        answer = self._ask(
            "AUD-5",
            "a query by agent",
            lambda: self.store.by_agent(agent_id, earliest, latest, limit=limit),
        )
        asked = (agent_id, earliest, latest, limit)
        self.met.update(audit_stakes.of_agent(self.contract, *asked))
        self._judge(self.contract.answered_by_agent(*asked, answer))

    def _ask(self, requirement: str, question: str, ask: Callable[[], Any]) -> Any:
        """Return an answer; an error is a violation, whatever its type."""
        try:
            return ask()
        except Exception as error:  # whatever a store under test throws
            violations = self.contract.failed(requirement, question, repr(error))
            raise Violated(violations) from error

    def _judge(self, violations: Sequence[Violation]) -> None:
        if violations:
            raise Violated(violations)

    def _picked(self, pick: int) -> Audit:
        return self.put_before[pick % len(self.put_before)]


def near(audit: Audit, distance: int) -> int:
    """Return the timestamp of an audit, or one beside it."""
    timestamp: int = audit["timestamp"]
    return min(max(timestamp + distance, 0), MAX_TIMESTAMP)


def audit_machine(
    store_under_test: StoreFactory, *, keys: bool = True, deaths: bool = True
) -> type[AuditMachine]:
    """
    Return a machine for a store, in the form that Hypothesis runs.

    Without `keys` it judges answers alone, as it must where the layout of the
    keys is the implementation's own business.  Without `deaths` the process
    lives, and whatever is wrong is not a crash's fault.
    """
    members = {"store_under_test": store_under_test, "judges_keys": keys, "deaths": deaths}
    return type("AuditMachine", (AuditMachine,), members)
