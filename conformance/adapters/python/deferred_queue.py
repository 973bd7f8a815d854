"""
The deferred queue, its chain, and the points at which it can be made to fail.

The database is a file of SQLite, and every statement goes through a connection
that looks first whether something is to go wrong.  A race is a real one: another
connection takes the number.  So is a death.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from attrs import define, field
from tornproof.chain import Break, Entry, append, verify
from tornproof.chain.database import configure, connect
from tornproof.chain.dialect import Connection
from tornproof.chain.pairwise import BLIND_SPOTS, verify_pairwise
from tornproof.drainer import DeferredAuditQueue, dead_letters
from tornproof.drainer.event import from_json
from tornproof.drainer.supervisor import MAX_RESTARTS
from tornproof.errors import Closed
from tornproof_conformance.kit import Adapter, die, refusal
from tornproof_models.database_faults import Kind, Plan, Strike, When
from tornproof_models.faulty_database import FaultyConnection

CLAIMS = ("drainer/durable", "drainer/volatile", "chain/v1", "chain/pairwise")

POINTS = ("begin", "residence", "head", "insert", "cursor", "commit", "dead letter")
"""The statements of a transaction, in their order; a dead letter takes the insert's place."""

ACTIONS = {
    "panic": (Kind.PANIC, When.BEFORE, POINTS),
    "error": (Kind.NO_SUCH_COLUMN, When.BEFORE, POINTS),
    "busy": (Kind.BUSY, When.BEFORE, POINTS),
    "die": (Kind.DEATH, When.BEFORE, POINTS),
    "commit_ambiguous": (Kind.IO_ERROR, When.AFTER, ("commit",)),
    "unique_race": (Kind.RACE, When.BEFORE, ("insert",)),
}
"""What each action does, and at which points it makes sense."""

COUNTERS = ("submitted", "refused", "pending", "chained", "dead_lettered", "lost", "race_retries")


@define
class DeferredQueue:
    """The queue that is open in this process."""

    database: Path = field(factory=Path)
    queue: DeferredAuditQueue | None = None
    plan: Plan = field(factory=Plan)
    siblings: int = 0

    def drainer_open(
        self,
        dir: str,  # noqa: A002
        durable: bool,
        max_restarts: int = MAX_RESTARTS,
        paused: bool = False,
    ) -> dict[str, Any]:
        """Open the queue of a directory, and say where its database is."""
        self.database = Path(dir) / "chain.db"
        self.plan.sibling = self._append_as_sibling
        self.plan.on_strike = self._note_strike
        self.queue = DeferredAuditQueue.open(
            self.database,
            spool=Path(dir) / "spool" if durable else None,
            max_restarts=max_restarts,
            paused=paused,
            connect=self._connect,
        )
        return {"database": self.database.name}

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Submit an event."""
        receipt = self._queue().submit(from_json(event))
        if not receipt.admitted and not receipt.definite:
            raise refusal("io", receipt.reason, definite=False)
        if not receipt.admitted or receipt.event_id is None:
            return {"admitted": receipt.admitted}  # an id that was refused may be no text
        return {"admitted": True, "event_id": receipt.event_id}

    def drainer_drain(self, timeout_ms: int) -> dict[str, Any]:
        """Wait until everything has landed."""
        drained = self._queue().drain_pending(timeout_ms / 1000)
        return {"drained": drained.drained, "pending": list(drained.pending)}

    def drainer_metrics(self) -> dict[str, Any]:
        """Return the counters."""
        now = self._queue().metrics
        return {name: getattr(now, name) for name in COUNTERS} | {
            "dlq_size": self._queue().dlq_size()
        }

    def drainer_chain(self) -> dict[str, Any]:
        """Return the rows of the chain."""
        query = "SELECT sequence, id, payload FROM signed_events ORDER BY sequence"
        with self._evidence() as connection:
            rows = connection.execute(query).fetchall()
        names = ("sequence", "event_id", "payload")
        return {"rows": [dict(zip(names, row, strict=True)) for row in rows]}

    def drainer_dlq(self) -> dict[str, Any]:
        """Return the dead letters."""
        with self._evidence() as connection:
            letters = list(dead_letters(connection))
        return {
            "rows": [
                {"event_id": each.event_id, "payload": each.payload, "reason": each.failure_reason}
                for each in letters
            ]
        }

    def drainer_verify(
        self,
        head: bytes | None = None,
        keys: Sequence[bytes] = (),
        pairwise: str | None = None,
    ) -> dict[str, Any]:
        """Verify the chain, or one of v0.7."""
        if pairwise:
            with closing(connect(pairwise, read_only=True)) as old:
                breaks = verify_pairwise(old, head=head, keys=keys).breaks
            return {"breaks": _told(breaks), "cannot_see": list(BLIND_SPOTS)}
        with self._evidence() as connection:
            return {"breaks": _told(verify(connection, head=head, keys=keys).breaks)}

    def drainer_replay(self) -> dict[str, Any]:
        """Replay the dead letters."""
        return {"replayed": list(self._queue().replay_dlq().replayed)}

    def drainer_close(self, timeout_ms: int | None = None) -> dict[str, Any]:
        """Land what was admitted, and stop."""
        if self.queue is None:
            return {}
        ended = self.queue.close_and_flush(None if timeout_ms is None else timeout_ms / 1000)
        return {"drained": ended.drained, "pending": list(ended.pending)}

    def fault_points(self) -> dict[str, Any]:
        """Name the points."""
        return {"points": list(POINTS)}

    def fault_arm(self, point: str, nth: int, action: str, times: int = 1) -> None:
        """Let something go wrong."""
        kind, when, points = ACTIONS[action]
        if point not in points:
            raise refusal("invalid", f"{action} makes no sense at {point}")
        self.plan.strikes.append(Strike(kind, when, point, nth, times))

    def fault_disarm(self) -> None:
        """Let nothing go wrong any more."""
        self.plan.strikes.clear()

    def _evidence(self) -> AbstractContextManager[Connection]:
        """Open the database to look at it."""
        return closing(connect(self.database, read_only=True))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.database, isolation_level=None, check_same_thread=False, factory=FaultyConnection
        )
        connection.plan = self.plan
        return configure(connection)

    def _append_as_sibling(self) -> None:
        """Take the next number in the chain, from another connection."""
        with closing(connect(self.database)) as connection:
            append(connection, [self._next_sibling()])

    def _next_sibling(self) -> Entry:
        self.siblings += 1
        return Entry(f"sibling-{self.siblings}", "sibling", "type", "2026", b"sibling")

    def _note_strike(self, strike: Strike, _: str | None) -> None:
        if strike.kind is Kind.DEATH:
            die()

    def _queue(self) -> DeferredAuditQueue:
        if self.queue is None:
            raise Closed("no queue is open in this process")
        return self.queue


def _told(breaks: Iterable[Break]) -> list[dict[str, Any]]:
    return [{"sequence": each.sequence, "detail": str(each)} for each in breaks]


def plug_in(adapter: Adapter, queue: DeferredQueue | None = None) -> None:
    """Give the adapter its operations."""
    queue = queue or DeferredQueue()
    for name in dir(queue):
        if name.startswith(("drainer_", "fault_")):
            adapter.operation(getattr(queue, name))
