"""The job queue of `conformance/adapters/python`, with one statement that is wrong, by name."""

import contextlib
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

import job_queue

WRONG = {
    "forgets-the-lease-number": (
        "COMPLETE",
        "UPDATE jobs SET state = 'done' WHERE number = ? AND 0 <= ? AND state = 'running'",
    ),
    "locks-for-ever": ("EXPIRE", "UPDATE jobs SET state = state WHERE 0 > ? AND 0 > ?"),
    "retries-for-ever": (
        "FAIL",
        "UPDATE jobs SET state = CASE WHEN 0 > ? THEN 'dead' ELSE 'pending' END, starts = 0 "
        "WHERE number = ? AND token = ? AND state = 'running'",
    ),
    "takes-what-runs": (
        "LEASE",
        "UPDATE jobs SET state = 'running', starts = starts + 1, token = token + 1, until = ? "
        "WHERE number = (SELECT min(number) FROM jobs WHERE state IN ('pending', 'running')) "
        "RETURNING number, token, job",
    ),
    "does-not-sync": ("SYNCHRONOUS", "PRAGMA synchronous = OFF"),
    "nothing": ("INSERT", job_queue.INSERT),
}

enqueue = job_queue.Queue.enqueue


def enqueue_and_hope(
    queue: job_queue.Queue, job: str, in_transaction: bool, rolled_back: bool
) -> None:
    """Acknowledge a job whatever the database says."""
    with contextlib.suppress(sqlite3.Error):
        enqueue(queue, job, in_transaction, rolled_back)


if __name__ == "__main__":
    if sys.argv[1] == "swallows-errors":
        setattr(job_queue.Queue, "enqueue", enqueue_and_hope)  # noqa: B010
        sys.argv[1] = "nothing"
    constant, statement = WRONG[sys.argv[1]]
    setattr(job_queue, constant, statement)
    job_queue.adapter.serve()
