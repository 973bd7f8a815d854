"""
persist-queue's SQLiteAckQueue: get, ack, nack; what is not acknowledged resumes on opening.

The jobs are distinct, so an item is named by itself; versions before 0.5 know no other way.
"""

import pickle
import sqlite3
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import persistqueue
from persist_queue_items import serve_items
from queue_library import adapter, effect

# docs: one process; "processes" as an argument shows what becomes of two
processes = "processes" in sys.argv
if processes:
    sys.argv.remove("processes")
served = adapter(
    "persist-queue, SQLiteAckQueue",
    version("persist-queue"),
    "core at-least-once exclusive leases settled fifo",
    workers="processes" if processes else "threads",
)
opened: dict[str, Any] = {}
serve_items(served, opened)


@served.operation
def queue_open(dir: str) -> None:  # noqa: A002
    """Open."""
    path = Path(dir)
    queue = persistqueue.SQLiteAckQueue(str(path / "q"), multithreading=True)
    opened.update(dir=path, queue=queue, has={})


@served.operation
def queue_finish(worker: str, how: str) -> None:
    """Work and acknowledge, or put it back."""
    job = opened["has"].pop(worker)
    if how == "ok":
        effect(opened["dir"], job)
        opened["queue"].ack(job)
    else:
        opened["queue"].nack(job)


@served.operation
def queue_state() -> Mapping[str, Any]:
    """Read the rows: 0 and 1 wait, 2 is not acknowledged."""
    (path,) = (opened["dir"] / "q").glob("*.db")
    rows = sqlite3.connect(path).execute("SELECT data, status FROM ack_queue_default").fetchall()
    jobs = [(pickle.loads(data), int(status)) for data, status in rows]
    pending = [job for job, status in jobs if status in (0, 1)]
    return {"pending": pending, "running": [job for job, status in jobs if status == 2], "dead": []}


served.serve()
