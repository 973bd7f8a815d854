"""persist-queue's Queue in files: get, and task_done when the work is done; two threads."""

import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import persistqueue
from persist_queue_items import serve_items
from queue_library import adapter, effect

# README: an item that was got and not marked by task_done is there again after a restart
served = adapter(
    "persist-queue, Queue",
    version("persist-queue"),
    "core at-least-once leases settled fifo",
    workers="threads",
)
opened: dict[str, Any] = {}
serve_items(served, opened)


@served.operation
def queue_open(dir: str) -> None:  # noqa: A002
    """Open, with one item in each file."""
    path = Path(dir)
    tempfile.tempdir = dir  # it renames what it has written there
    opened.update(dir=path, queue=persistqueue.Queue(str(path / "q"), chunksize=1), has={})


@served.operation
def queue_finish(worker: str, how: str) -> None:
    """Work and say so, or put it back."""
    job = opened["has"].pop(worker)
    if how == "ok":
        effect(opened["dir"], job)
    else:
        opened["queue"].put(job)
    opened["queue"].task_done()


@served.operation
def queue_state() -> Mapping[str, Any]:
    """Name nothing: what waits cannot be listed without taking it."""
    return {"pending": [], "running": [], "dead": []}


served.serve()
