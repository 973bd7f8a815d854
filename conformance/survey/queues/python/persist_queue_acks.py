"""persist-queue's SQLiteAckQueue: get, ack, nack; what is not acknowledged resumes on opening."""

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import persistqueue
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


@served.operation
def queue_open(dir: str) -> None:  # noqa: A002
    """Open."""
    path = Path(dir)
    queue = persistqueue.SQLiteAckQueue(str(path / "q"), multithreading=True)
    opened.update(dir=path, queue=queue, has={})


@served.operation
def queue_enqueue(job: str) -> None:
    """Put."""
    opened["queue"].put(job)


@served.operation
def queue_take(worker: str) -> Mapping[str, Any]:
    """Get, without waiting."""
    try:
        item = opened["has"][worker] = opened["queue"].get(block=False, raw=True)
    except persistqueue.Empty:
        return {"job": None}
    return {"job": item["data"]}


@served.operation
def queue_finish(worker: str, how: str) -> None:
    """Work and acknowledge, or put it back."""
    item = opened["has"].pop(worker)
    if how == "ok":
        effect(opened["dir"], item["data"])
        opened["queue"].ack(id=item["pqid"])
    else:
        opened["queue"].nack(id=item["pqid"])


@served.operation
def queue_state() -> Mapping[str, Any]:
    """Name what is there: 0 and 1 wait, 2 is not acknowledged."""
    items = opened["queue"].queue()
    pending = [item["data"] for item in items if str(item["status"]) in "01"]
    running = [item["data"] for item in items if str(item["status"]) == "2"]
    return {"pending": pending, "running": running, "dead": []}


served.serve()
