"""
The deferred queue with its chain in PostgreSQL (DRN-30), as an adapter.

    tornproof check --exclude queue-power-loss -- \\
        python conformance/adapters/python/postgresql_queue.py postgresql://user@host/database

Each directory of the suite has a schema of its own in that database, and its spool.  A loss of
power of this machine is left out: the suite recovers in another directory, and the chain stays
in the server.
"""

import hashlib
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from attrs import define
from deferred_queue import DeferredQueue, plug_in
from tornproof.chain.append import insert, read_head
from tornproof.chain.dialect import Rows
from tornproof.chain.postgresql import PostgresqlConnection
from tornproof.chain.server_errors import ServerError
from tornproof.drainer import DeferredAuditQueue
from tornproof.drainer.supervisor import MAX_RESTARTS
from tornproof_conformance.kit import Adapter, refusal
from tornproof_models.database_faults import Kind, Panic, Plan, When, point_of

CODES = {Kind.NO_SUCH_COLUMN: "42703", Kind.BUSY: "55P03", Kind.IO_ERROR: "08006"}
"""SQLSTATE of what goes wrong; 08006 is a connection that is lost."""


class FaultyPostgresqlConnection(PostgresqlConnection):
    """A connection that fails as its plan says."""

    def __init__(self, address: str, plan: Plan) -> None:
        """Connect."""
        self._plan = plan
        super().__init__(address)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run a statement, unless something goes wrong."""
        strike = self._plan.due(point_of(statement))
        if strike is None:
            return super().execute(statement, parameters)
        if strike.kind is Kind.RACE:
            assert self._plan.sibling is not None
            self._plan.sibling()
            return super().execute(statement, parameters)
        if strike.when is When.AFTER:
            super().execute(statement, parameters)
        if strike.kind is Kind.PANIC:
            raise Panic(str(strike))
        raise ServerError(CODES[strike.kind], f"{strike} (injected)")


@define
class PostgresqlQueue(DeferredQueue):
    """The queue that is open in this process."""

    server: str = ""
    address: str = ""
    witness: PostgresqlConnection | None = None
    """Through which the tables are looked at, after every call: to connect takes ten times that."""

    def drainer_open(
        self,
        dir: str,  # noqa: A002
        durable: bool,
        max_restarts: int = MAX_RESTARTS,
        paused: bool = False,
    ) -> dict[str, Any]:
        """Open the queue of a directory, in a schema that is named after it."""
        schema = f"tornproof_{hashlib.sha256(dir.encode()).hexdigest()[:16]}"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        mark = "&" if "?" in self.server else "?"
        self.address = f"{self.server}{mark}{urlencode({'options': f'-csearch_path={schema}'})}"
        self.witness = None
        self.plan.sibling = self._append_as_sibling
        self.plan.on_strike = self._note_strike
        self.queue = DeferredAuditQueue.open(
            self.address,
            spool=Path(dir) / "spool" if durable else None,
            max_restarts=max_restarts,
            paused=paused,
            connect=lambda: FaultyPostgresqlConnection(self.address, self.plan),
        )
        return {}

    def drainer_verify(
        self,
        head: bytes | None = None,
        keys: Sequence[bytes] = (),
        pairwise: str | None = None,
    ) -> dict[str, Any]:
        """Verify the chain."""
        if pairwise is not None:
            raise refusal("invalid", "chains of v0.7 are files")
        return super().drainer_verify(head, keys)

    def _evidence(self) -> AbstractContextManager[PostgresqlConnection]:
        self.witness = self.witness or PostgresqlConnection(self.address, read_only=True)
        return nullcontext(self.witness)

    def _append_as_sibling(self) -> None:
        """Take the next number in the chain, from a session that does not take the lock."""
        with closing(PostgresqlConnection(self.address)) as connection:
            connection.execute("BEGIN")
            insert(connection, read_head(connection), self._next_sibling())
            connection.execute("COMMIT")


def main() -> None:
    """Serve the queue of the server whose address is given."""
    adapter = Adapter(
        "tornproof reference, PostgreSQL",
        ["drainer/durable", "chain/v1"],
        version=version("tornproof"),
    )
    plug_in(adapter, PostgresqlQueue(server=sys.argv[1]))
    adapter.serve()


if __name__ == "__main__":
    main()
