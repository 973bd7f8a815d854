"""What lands if a statement fails, each in turn, with each kind of error that a server has."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attrs import define, field
from tornproof.chain.postgresql import PostgresqlConnection
from tornproof.chain.server_errors import SEQUENCE_INDEX, ServerError
from tornproof.drainer import DeferredAuditQueue
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.delivery import Fact, Fault, Struck

from tests.postgresql.landing import breaches, submit

CODES = {
    "08006": Fault.TRANSIENT,
    "25006": Fault.TRANSIENT,
    "40001": Fault.TRANSIENT,
    "40P01": Fault.TRANSIENT,
    "53100": Fault.TRANSIENT,
    "55P03": Fault.TRANSIENT,
    "57P01": Fault.TRANSIENT,
    "58030": Fault.TRANSIENT,
    "XX001": Fault.TRANSIENT,
    "22021": Fault.PERMANENT,
    "23505": Fault.RACE,
    "42703": Fault.PERMANENT,
    "54000": Fault.PERMANENT,
}
"""SQLSTATE → what it is to the drainer ("PostgreSQL Error Codes" in the manual; DRN-6)."""


@define(eq=False)
class Plan:
    """Which statement fails next, counted from 1, and how."""

    code: str = ""
    at: int = 0
    ran: bool = False
    """Whether the statement takes effect before it is reported as failed."""

    statements: list[str] = field(factory=list)
    struck: bool = False
    before_insert: Callable[[], None] = lambda: None
    """What somebody else does after the head was read."""


class FailingConnection(PostgresqlConnection):
    """A connection of which one statement fails."""

    def __init__(self, address: str, plan: Plan) -> None:
        """Connect."""
        self.plan = plan
        super().__init__(address)

    def execute(self, statement: str, parameters: Any = ()) -> Any:
        """Run a statement, unless it is the one that fails."""
        plan = self.plan
        plan.statements.append(statement)
        if statement.startswith("INSERT INTO signed_events "):
            plan.before_insert()
        if len(plan.statements) != plan.at:
            return super().execute(statement, parameters)
        plan.struck = True
        if plan.ran:
            super().execute(statement, parameters)
        elif self.in_transaction:
            super().execute("ROLLBACK")  # as after any error, nothing of it can take effect
            super().execute("BEGIN")
            with pytest.raises(ServerError):
                super().execute("SELECT 1 / 0")
        raise ServerError(plan.code, "told to fail", SEQUENCE_INDEX)


@pytest.fixture
def plan() -> Plan:
    """Let nothing fail."""
    return Plan()


@pytest.fixture
def queue(address: str, plan: Plan, tmp_path: Path) -> Iterator[DeferredAuditQueue]:
    """A paused queue whose waits take no time."""

    queue = DeferredAuditQueue.open(
        address,
        spool=tmp_path / "spool",
        paused=True,
        connect=lambda: FailingConnection(address, plan),
        sleep=lambda _: None,
    )
    yield queue
    queue.close_and_flush()


@requirement("DRN-1")
@requirement("DRN-6")
@requirement("DRN-30")
@pytest.mark.parametrize("ran", [False, True])
def test_each_event_lands_once_whichever_statement_fails(
    ran: bool, queue: DeferredAuditQueue, plan: Plan, address: str
) -> None:
    """The number decides: what is transient is tried again, what is permanent is put aside."""
    facts: list[Fact] = []
    names = (f"event {number}" for number in count())

    def land(code: str, at: int) -> None:
        name = next(names)
        plan.code, plan.at, plan.ran = code, at, ran
        plan.statements, plan.struck = [], False
        submit(queue, facts, name)
        assert queue.drain_pending(timeout=30)
        if plan.struck:
            facts.append(Struck(CODES[code], name))

    land("", 0)
    land("", 0)
    statements = len(plan.statements)
    for code in CODES:
        for at in range(1, statements + 1):
            land(code, at)
            assert plan.struck
    plan.at = 0

    assert statements > 5
    assert breaches(address, facts) == []
    assert queue.metrics.panics == 0


@requirement("DRN-4")
@requirement("DRN-30")
def test_a_sibling_that_takes_no_lock_makes_a_race(
    queue: DeferredAuditQueue, plan: Plan, address: str
) -> None:
    """The violation of the index is the server's own, and the event takes the next number."""

    def append() -> None:
        plan.before_insert = lambda: None
        with psycopg.connect(address) as sibling:
            sibling.execute(
                "INSERT INTO signed_events (id, agent_id, event_type, payload_hash, timestamp,"
                " sequence, payload, row_hash) VALUES ('sibling', '', '', '', '', 1, '', '')"
            )

    plan.before_insert = append
    submit(queue, [], "first")

    assert queue.drain_pending()

    with psycopg.connect(address) as connection:
        rows = connection.execute("SELECT sequence, id FROM signed_events ORDER BY 1").fetchall()
    assert rows == [(1, "sibling"), (2, "first")]
    assert queue.metrics.race_retries == 1
