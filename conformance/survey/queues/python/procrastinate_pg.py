"""
procrastinate on PostgreSQL: the worker is a loop in a thread; a task waits behind a gate.

Version 0.15.2 has no way to retry a stalled job (procrastinate-org/procrastinate#307).
"""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import procrastinate
import psycopg
from queue_library import Gate, adapter, patiently, server

# docs, "Retry stalled jobs": a periodic task retries what get_stalled_jobs returns
served = adapter(
    "procrastinate",
    version("procrastinate"),
    "core at-least-once exclusive leases-tended settled retries fifo",
    takes_ahead=True,
    server=server("postgresql"),
)
opened: dict[str, Any] = {}
IS_OLD = not hasattr(procrastinate, "PsycopgConnector")
loop = asyncio.new_event_loop()
Answer = TypeVar("Answer")


def do(awaitable: Awaitable[Answer]) -> Answer:
    """Wait for something that the loop does."""

    async def wait() -> Answer:
        return await awaitable

    return asyncio.run_coroutine_threadsafe(wait(), loop).result(10)


@served.operation
def queue_open(dir: str, lease_ms: int, max_attempts: int) -> None:  # noqa: A002
    """Open, and make the tables if there are none."""
    gate = Gate(Path(dir))
    address = f"host={dir} user=postgres dbname=postgres"
    connection = patiently(lambda: psycopg.connect(address, autocommit=True))
    if IS_OLD:
        app = procrastinate.App(connector=procrastinate.AiopgConnector(dsn=address))
    else:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=address))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    do(app.open_async())
    connection.execute("SELECT pg_advisory_lock(1)")
    if connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone() == (None,):
        if IS_OLD:
            connection.execute(app.schema_manager.get_schema())
        else:
            do(app.schema_manager.apply_schema_async())
    connection.execute("SELECT pg_advisory_unlock(1)")
    retry = procrastinate.RetryStrategy(max_attempts=max_attempts - 1, wait=0)

    async def handle(context: procrastinate.JobContext, job: str) -> None:
        opened["number"] = context.job.id
        await asyncio.to_thread(gate.run, job)

    task = app.task(name="handle", pass_context=True, retry=retry)(handle)
    opened.update(gate=gate, app=app, task=task, lease=lease_ms / 1000, connect=address)


@served.operation
def queue_enqueue(job: str) -> None:
    """Defer the task."""
    do(opened["task"].defer_async(job=job))


async def work() -> None:
    """Run the worker; without it this process is of no use."""
    heartbeats = {
        "fetch_job_polling_interval": 0.05,
        "install_signal_handlers": False,
        "update_heartbeat_interval": opened["lease"] / 3,
        "stalled_worker_timeout": opened["lease"],
    }
    words = {"timeout": 0.05} if IS_OLD else heartbeats
    with suppress(BaseException):
        await opened["app"].run_worker_async(concurrency=1, listen_notify=False, **words)
    os._exit(1)


@served.operation
def queue_take(seconds: float) -> Mapping[str, Any]:
    """Start the worker, and wait until the task is entered."""
    if "worker" not in opened:
        opened["worker"] = asyncio.run_coroutine_threadsafe(work(), loop)
    taken: Mapping[str, Any] = opened["gate"].take(seconds + 0.3)
    return taken


@served.operation
def queue_finish(how: str) -> None:
    """Let the task end; nothing tells it that its job was settled, so look at the row."""
    opened["gate"].verdict.put(how)
    for _ in range(250):
        is_entered_again = not opened["gate"].entered.empty()
        if is_entered_again or opened["number"] not in [number for number, _ in jobs("doing")]:
            return
        time.sleep(0.02)
    raise TimeoutError("not settled within 5 s")


@served.operation
def queue_tend() -> None:
    """Retry the stalled jobs."""

    async def retry() -> None:
        manager = opened["app"].job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=opened["lease"]):
            await manager.retry_job(job)

    if not IS_OLD:
        do(retry())


def jobs(status: str) -> list[tuple[int, str]]:
    """Return the numbers and names of the jobs of a status."""
    query = "SELECT id, args->>'job' FROM procrastinate_jobs WHERE status::text = %s"
    with psycopg.connect(opened["connect"]) as connection:
        return connection.execute(query, (status,)).fetchall()


@served.operation
def queue_state() -> Mapping[str, Any]:
    """Name the jobs of each status."""

    def names(status: str) -> list[str]:
        return [job for _, job in jobs(status)]

    dead = [{"job": job, "reason": None} for job in names("failed")]
    return {"pending": names("todo"), "running": names("doing"), "dead": dead}


served.serve()
