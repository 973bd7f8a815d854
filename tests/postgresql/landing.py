"""What is in a database of PostgreSQL, as the contract of a queue asks for it."""

import time
from collections.abc import Iterable
from contextlib import closing

from tornproof.chain import verify
from tornproof.chain.postgresql import connect
from tornproof.drainer import DeferredAuditQueue, dead_letters, encode
from tornproof_models.contract.delivery import (
    ChainRow,
    DeadLetter,
    Fact,
    Outcome,
    State,
    Submitted,
    judge,
)

from tests.reference.drainer_world import event


def submit(queue: DeferredAuditQueue, facts: list[Fact], *names: str) -> None:
    """Submit events, and add to the facts what was answered."""
    for name in names:
        made, invoked = event(event_id=name), time.monotonic_ns()
        outcome = Outcome.ADMITTED if queue.submit(made) else Outcome.REFUSED
        payload = encode(made).payload
        facts.append(Submitted(name, payload, outcome, invoked, time.monotonic_ns()))


def state_of(address: str) -> State:
    """Read the chain, which holds, and the dead letters, when nothing is left to do."""
    query = "SELECT sequence, id, payload FROM signed_events ORDER BY sequence"
    with closing(connect(address, read_only=True)) as connection:
        assert verify(connection).breaks == ()
        rows = [ChainRow(*row) for row in connection.execute(query)]
        letters = [
            DeadLetter(each.event_id, each.payload, each.failure_reason)
            for each in dead_letters(connection)
        ]
    return State(tuple(rows), tuple(letters), quiescent=True)


def breaches(address: str, facts: Iterable[Fact]) -> list[str]:
    """Say what is wrong with what is in the database, given what happened."""
    return [str(each) for each in judge(facts, state_of(address))]
