"""huey with SqliteHuey: the library runs the handler, here in a thread behind a gate."""

import threading
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huey import SqliteHuey
from queue_library import Gate, adapter

# docs, "at-most-once": a task is taken off the queue before it runs
served = adapter("huey", version("huey"), "core at-most-once exclusive settled")
opened: dict[str, Any] = {}


@served.operation
def queue_open(dir: str, max_attempts: int) -> None:  # noqa: A002
    """Open."""
    gate = Gate(Path(dir))
    path = str(Path(dir) / "huey.db")
    huey = SqliteHuey("q", filename=path, fsync=True, results=True, immediate=False, timeout=5)
    task = huey.task(retries=max_attempts - 1, name="handle")(gate.run)
    opened.update(gate=gate, huey=huey, task=task)


@served.operation
def queue_enqueue(job: str) -> None:
    """Call the task."""
    opened["task"](job)


@served.operation
def queue_take() -> Mapping[str, Any]:
    """Do what huey's scheduler and one of its workers do."""
    huey = opened["huey"]
    for task in huey.read_schedule():
        huey.enqueue(task)
    task = huey.dequeue()
    if task is None:
        return {"job": None}

    def execute() -> None:
        huey.execute(task)
        opened["gate"].settled.put(None)

    threading.Thread(target=execute, daemon=True).start()
    taken: Mapping[str, Any] = opened["gate"].take(5)
    return taken


@served.operation
def queue_finish(how: str) -> None:
    """Let the handler end."""
    opened["gate"].finish(how)


@served.operation
def queue_state() -> Mapping[str, Any]:
    """Name what waits; huey keeps nothing of what runs."""
    pending = [task.args[0] for task in opened["huey"].pending()]
    return {"pending": pending, "running": [], "dead": []}


served.serve()
