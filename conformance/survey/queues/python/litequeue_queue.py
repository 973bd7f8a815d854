"""litequeue: pop, done, mark_failed; a lock without a lease, which an operator retries."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from litequeue import LiteQueue
from queue_library import adapter, effect

served = adapter(
    "litequeue",
    version("litequeue"),
    "core at-least-once exclusive leases-tended settled fifo power",
)
opened: dict[str, Any] = {}


@served.operation
def queue_open(dir: str, lease_ms: int) -> None:  # noqa: A002
    """Open."""
    path = Path(dir)
    opened.update(dir=path, queue=LiteQueue(str(path / "q.db")), lease=lease_ms / 1000, has={})


@served.operation
def queue_enqueue(job: str) -> None:
    """Put."""
    opened["queue"].put(job)


@served.operation
def queue_take(worker: str) -> Mapping[str, Any]:
    """Pop."""
    message = opened["has"][worker] = opened["queue"].pop()
    return {"job": message and message.data}


@served.operation
def queue_finish(worker: str, how: str) -> None:
    """Work and call `done`, or call `mark_failed`."""
    message = opened["has"].pop(worker)
    if how == "ok":
        effect(opened["dir"], message.data)
        opened["queue"].done(message.message_id)
    else:
        opened["queue"].mark_failed(message.message_id)


@served.operation
def queue_tend() -> None:
    """Retry what is locked for longer than a lease, as the README says."""
    for message in list(opened["queue"].list_locked(opened["lease"])):
        opened["queue"].retry(message.message_id)


@served.operation
def queue_state() -> Mapping[str, Any]:
    """Read the rows: READY is 0, LOCKED 1, DONE 2, FAILED 3."""
    rows = list(opened["queue"].conn.execute("SELECT data, status FROM Queue"))
    return {
        "pending": [data for data, status in rows if status == 0],
        "running": [data for data, status in rows if status == 1],
        "dead": [{"job": data, "reason": None} for data, status in rows if status == 3],
    }


served.serve()
