"""
A job queue in SQLite, behind the adapter protocol.

    tornproof check -- python conformance/adapters/python/job_queue.py

A job is a row.  A lease has a number, and a completion names it; the effect is a row of
the transaction that completes the job.  The queue reads the time from a clock that the
suite can advance, so nobody waits for a lease.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tornproof_conformance.kit import Adapter, refusal

CLAIMS = [
    *("queue/core", "queue/at-least-once", "queue/exactly-once", "queue/settled"),
    *("queue/exclusive", "queue/fenced", "queue/leases", "queue/retries", "queue/reasons"),
    *("queue/poison", "queue/progress", "queue/fifo", "queue/outbox", "queue/deduplicates"),
    "queue/power",
]

SYNCHRONOUS = "PRAGMA synchronous = FULL"
"""Every commit is durable before it is answered."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, job TEXT UNIQUE, state TEXT DEFAULT 'pending',
    starts INTEGER DEFAULT 0, token INTEGER DEFAULT 0, until REAL, reason TEXT
);
CREATE TABLE IF NOT EXISTS effects (job TEXT);
CREATE TABLE IF NOT EXISTS business (job TEXT);
"""

INSERT = "INSERT INTO jobs (job) VALUES (?) ON CONFLICT (job) DO NOTHING"
EXPIRE = """
UPDATE jobs SET state = CASE WHEN starts >= ? THEN 'dead' ELSE 'pending' END,
                reason = 'its worker died, or was too slow'
WHERE state = 'running' AND until <= ?
"""
LEASE = """
UPDATE jobs SET state = 'running', starts = starts + 1, token = token + 1, until = ?
WHERE number = (SELECT min(number) FROM jobs WHERE state = 'pending')
RETURNING number, token, job
"""
COMPLETE = "UPDATE jobs SET state = 'done' WHERE number = ? AND token = ? AND state = 'running'"
FAIL = """
UPDATE jobs SET state = CASE WHEN starts >= ? THEN 'dead' ELSE 'pending' END,
                reason = 'told to fail'
WHERE number = ? AND token = ? AND state = 'running'
"""


class Queue:
    """The queue that is open, and what each worker has."""

    def __init__(self, directory: Path, lease_ms: int, max_attempts: int) -> None:
        self.lease = lease_ms / 1000
        self.max_attempts = max_attempts
        self.held: dict[str, tuple[int, int, str]] = {}
        self.database = sqlite3.connect(directory / "queue.db", isolation_level=None, timeout=5)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute(SYNCHRONOUS)
        self.database.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done within, or nothing of it."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield self.database
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            raise

    def enqueue(self, job: str, in_transaction: bool, rolled_back: bool) -> None:
        """Insert a job, and a row of the caller's with it."""
        self.database.execute("BEGIN IMMEDIATE")
        self.database.execute(INSERT, (job,))
        if in_transaction:
            self.database.execute("INSERT INTO business VALUES (?)", (job,))
        self.database.execute("ROLLBACK" if rolled_back else "COMMIT")

    def take(self, worker: str) -> str | None:
        """Free what has run out, and lease the first job that is ready."""
        with self.transaction() as database:
            database.execute(EXPIRE, (self.max_attempts, now()))
            row = database.execute(LEASE, (now() + self.lease,)).fetchone()
        if row is None:
            return None
        self.held[worker] = row
        return str(row[2])

    def complete(self, worker: str) -> None:
        """Write the effect and complete the job, if the lease is still this worker's."""
        number, token, job = self.held.pop(worker)
        with self.transaction() as database:
            if not database.execute(COMPLETE, (number, token)).rowcount:
                raise refusal("conflict", f"{worker} has lost its lease of {job}")
            database.execute("INSERT INTO effects VALUES (?)", (job,))

    def fail(self, worker: str) -> None:
        """Put a job back, or among the dead letters."""
        number, token, job = self.held.pop(worker)
        with self.transaction() as database:
            if not database.execute(FAIL, (self.max_attempts, number, token)).rowcount:
                raise refusal("conflict", f"{worker} has lost its lease of {job}")

    def names(self, query: str) -> list[str]:
        """Return the first column of some rows."""
        return [job for (job,) in self.database.execute(query)]


adapter = Adapter("SQLite job queue", CLAIMS, more={"queue": {"effects": "txn"}})
queues: dict[str, Queue] = {}
ahead = [0.0]
"""How many seconds the clock has been advanced."""


def now() -> float:
    """Return the time by which leases run out."""
    return time.time() + ahead[0]


@adapter.operation
def queue_open(dir: str, lease_ms: int, max_attempts: int) -> None:  # noqa: A002
    """Open, and set the clock."""
    ahead[0] = 0.0
    queues["open"] = Queue(Path(dir), lease_ms, max_attempts)


@adapter.operation
def queue_enqueue(job: str, in_transaction: bool = False, rolled_back: bool = False) -> None:
    """Hand a job in."""
    queues["open"].enqueue(job, in_transaction, rolled_back)


@adapter.operation
def queue_take(worker: str) -> Mapping[str, Any]:
    """Ask for a job; there is no need to wait for one."""
    return {"job": queues["open"].take(worker)}


@adapter.operation
def queue_finish(worker: str, how: str) -> None:
    """Complete a job, or report a failure."""
    queue = queues["open"]
    (queue.complete if how == "ok" else queue.fail)(worker)


@adapter.operation
def queue_state() -> Mapping[str, Any]:
    """Look at the rows."""
    queue = queues["open"]
    dead = queue.database.execute("SELECT job, reason FROM jobs WHERE state = 'dead'")
    return {
        "pending": queue.names("SELECT job FROM jobs WHERE state = 'pending'"),
        "running": queue.names("SELECT job FROM jobs WHERE state = 'running'"),
        "dead": [{"job": job, "reason": reason} for job, reason in dead],
        "rows": queue.names("SELECT job FROM business"),
    }


@adapter.operation
def queue_effects() -> Mapping[str, Any]:
    """Look at what was done."""
    return {"jobs": queues["open"].names("SELECT job FROM effects")}


@adapter.operation
def queue_close() -> None:
    """Close."""
    queues.pop("open").database.close()


@adapter.operation
def queue_clock(advance_ms: int) -> None:
    """Let time pass."""
    ahead[0] += advance_ms / 1000


if __name__ == "__main__":
    adapter.serve()
