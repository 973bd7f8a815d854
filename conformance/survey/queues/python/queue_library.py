"""
What the adapters of Python's queue libraries share.

An effect is a line that is appended to a file and synced.  A gate stands before the
handler of a library that calls handlers itself: the suite learns of a start by `take`,
and decides by `finish` how it ends.
"""

import os
import queue
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tornproof_conformance.kit import Adapter

SERVERS = Path(__file__).resolve().parents[1] / "servers"
STARTING = 10.0
"""Seconds that a server may take to start."""

SETTLING = 5.0
"""Seconds that a library may take to settle a job whose handler has ended."""


Opened = TypeVar("Opened")


def server(name: str) -> list[str]:
    """Return the command of a server, for `hello`."""
    return [str(SERVERS / f"{name}.sh")]


def patiently(connect: Callable[[], Opened]) -> Opened:
    """Connect to a server that may still be starting."""
    deadline = time.monotonic() + STARTING
    while True:
        try:
            return connect()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def effect(directory: Path, job: str) -> None:
    """Do the work of a job."""
    descriptor = os.open(directory / "effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(descriptor, f"{job}\n".encode())
    os.fsync(descriptor)
    os.close(descriptor)


class Gate:
    """Stands before a handler."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.entered: queue.Queue[tuple[str, float]] = queue.Queue()
        self.verdict: queue.Queue[str] = queue.Queue()
        self.settled: queue.Queue[None] = queue.Queue()

    def run(self, job: str) -> None:
        """Be the handler."""
        self.entered.put((job, time.monotonic()))
        if self.verdict.get() != "ok":
            raise RuntimeError("told to fail")
        effect(self.directory, job)

    def take(self, seconds: float) -> Mapping[str, Any]:
        """Say which job has entered."""
        try:
            job, since = self.entered.get(timeout=seconds)
        except queue.Empty:
            return {"job": None}
        return {"job": job, "age_ms": int((time.monotonic() - since) * 1000)}

    def finish(self, how: str) -> None:
        """Let the handler end, and wait until the library has settled its job."""
        self.verdict.put(how)
        self.settled.get(timeout=SETTLING)


def adapter(name: str, version: str, claims: str, **queue_words: Any) -> Adapter:
    """
    Make an adapter with claims that are named without `queue/`.

    What the command line adds is claimed as well: it is asked for, and nobody has promised it.
    """
    more = {"queue": {"effects": "file", **queue_words}}
    claimed = [f"queue/{each}" for each in (*claims.split(), *sys.argv[1:])]
    return Adapter(name, claimed, version, more=more)
