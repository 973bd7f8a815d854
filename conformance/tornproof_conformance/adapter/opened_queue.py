"""
A drainer in another process.

It is opened, given events, and made to land them; what lies in its tables is read
from the database that it names.  Faults and deaths are not for it: see `deliveries`.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define
from tornproof.errors import TornproofError
from tornproof_models.contract.delivery import ChainRow, Outcome, State
from tornproof_models.queues.delivery_run import Look

from tornproof_conformance.adapter.lender import Lender
from tornproof_conformance.adapter.opened_chain import AdapterChain, land_all, submit


@define(eq=False)
class AdapterQueue:
    """A queue that looks, for a few events, like one of this process."""

    subject: Lender
    _chain: AdapterChain | None = None

    def open(self) -> None:
        """Open it, in a directory of its own."""
        self._chain = AdapterChain.open(self.subject)

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Submit an event."""
        return submit(self.chain.session, event)

    def move(self) -> bool:
        """Land everything that there is to land; nothing is left to do then."""
        land_all(self.chain.session)
        return False

    def replay(self) -> None:
        """Replay the dead letters."""
        self.chain.session.call("drainer.replay")

    def look(self) -> Look:
        """Look at the chain."""
        query = "SELECT sequence, id, payload FROM signed_events ORDER BY sequence"
        rows = tuple(ChainRow(*columns) for columns in self.database.look(query))
        return Look(State(rows, (), quiescent=False))

    @property
    def database(self) -> "AdapterDatabase":
        """What lies in its tables."""
        return AdapterDatabase(self.chain)

    @property
    def chain(self) -> AdapterChain:
        """The chain of the drainer that is open."""
        assert self._chain is not None, "the queue is not open"
        return self._chain


@define
class AdapterDatabase:
    """The database of a drainer that is open."""

    chain: AdapterChain

    def look(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query of an observer's."""
        return self.chain.connection.execute(query).fetchall()

    @property
    def anchor(self) -> sqlite3.Connection:
        """A connection of somebody who changes it."""
        return self.chain.connection

    def close(self) -> None:
        """Close the drainer."""
        self.chain.close()


def land_in(subject: Lender, directory: Path, event: Mapping[str, Any]) -> None:
    """
    Open the durable queue of a directory, land an event, and close it.

    Raises what opening it raises.
    """
    session = subject.take_session()
    try:
        session.call("drainer.open", dir=str(directory), durable=True, max_restarts=3, paused=True)
    except TornproofError:
        subject.give_back(session)
        raise
    submit(session, event)
    land_all(session)
    session.call("drainer.close")
    subject.give_back(session)
