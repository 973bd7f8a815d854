"""
What the adapters of foreign logs share.

A log that nobody here wrote has its own words for its errors and mostly no notion
of one writer.  Here it gets the protocol's: an adapter has only to say how to open
the log, append, read everything back and close.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from attrs import define
from tornproof.errors import TornproofError
from tornproof_conformance.kit import Adapter, refusal


class Log(Protocol):
    """A foreign log that is open."""

    def append(self, payload: bytes) -> int:
        """Append as durably as the log can, and return a number that only grows."""
        ...

    def records(self) -> Iterable[tuple[int, bytes]]:
        """Read everything back."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


@define
class Served:
    """The log that is open in this process, if any."""

    log: Log | None = None
    lock: IO[str] | None = None


def serve(name: str, version: str, open_log: Callable[[Path], Log]) -> None:
    """Serve a log as an adapter, until it is told to end."""
    adapter, served = Adapter(name, ["journal/core"], version=version), Served()

    @adapter.operation
    def journal_open(dir: str) -> dict[str, Any]:  # noqa: A002
        lock = (Path(dir) / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise refusal("locked", f"another process writes to {dir}") from None
        try:
            place = make_place(Path(dir))
            with failing_as("corrupt"):
                log = open_log(place)
                numbers = [number for number, _ in log.records()]
        except BaseException:
            lock.close()
            raise
        served.log, served.lock = log, lock
        return {
            "first": min(numbers, default=0),
            "end": max(numbers, default=-1) + 1,
            "discarded_bytes": 0,
        }

    @adapter.operation
    def journal_append(payload: bytes) -> dict[str, Any]:
        log = opened(served)
        with failing_as("io"):
            return {"offset": log.append(payload)}

    @adapter.operation
    def journal_scan() -> dict[str, Any]:
        log = opened(served)
        with failing_as("corrupt"):
            records = [{"offset": number, "payload": data} for number, data in log.records()]
        return {"records": records, "end": "clean"}

    @adapter.operation
    def journal_close() -> None:
        log, lock, served.log, served.lock = served.log, served.lock, None, None
        if log is not None and lock is not None:
            try:
                with failing_as("io"):
                    log.close()
            finally:
                lock.close()

    adapter.serve()


def make_place(directory: Path) -> Path:
    """Make the log's own directory, and its name durable, which is its user's duty."""
    place = directory / "log"
    place.mkdir(exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return place


def opened(served: Served) -> Log:
    """Return the log that is open, or refuse."""
    if served.log is None:
        raise refusal("closed", "the journal is not open")
    return served.log


@contextmanager
def failing_as(code: str) -> Iterator[None]:
    """Give whatever a library raises a code of the protocol; nobody knows what it has done."""
    try:
        yield
    except (OSError, TornproofError):
        raise
    except Exception as error:
        raise refusal(code, f"{type(error).__name__}: {error}", definite=False) from error
