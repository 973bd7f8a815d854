"""
What the adapters of foreign logs share.

A log that nobody here wrote has its own words for its errors and mostly no notion
of one writer.  Here it gets the protocol's: an adapter has only to say how to open
the log, append, read everything back and close.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from attrs import frozen
from tornproof.errors import TornproofError, from_os_error
from tornproof_conformance.kit import Adapter, exclusive, refusal, sync_directory


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


@frozen
class Translated:
    """A foreign log, with the protocol's words for its errors."""

    log: Log
    discarded_bytes: int = 0
    """What recovery has cut, of which these logs say nothing."""

    def append(self, payload: bytes, durable: bool) -> int:
        """Append; there is no other way than the most durable."""
        del durable
        with failing_as("io"):
            return self.log.append(payload)

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """Read everything back."""
        with failing_as("corrupt"):
            yield from self.log.records()


def serve(name: str, version: str, open_log: Callable[[Path], Log]) -> None:
    """
    Serve a log as an adapter, until it is told to end.

    Opening reads everything back, which most of these libraries return at once, so that the
    memory it takes says nothing of their recovery (REC-9).
    """
    limits = {"open_returns_everything": True}
    adapter = Adapter(name, ["journal/core"], version=version, more={"limits": limits})

    @adapter.journal
    def opened(directory: Path) -> Iterator[Translated]:
        with exclusive(directory):
            place = make_place(directory)
            with failing_as("corrupt"):
                log = Translated(open_log(place))
            for _ in log.scan():
                pass  # what cannot be read has not been recovered
            yield log
            with failing_as("io"):
                log.log.close()

    adapter.serve()


def make_place(directory: Path) -> Path:
    """Make the log's own directory, and its name durable, which is its user's duty."""
    place = directory / "log"
    place.mkdir(exist_ok=True)
    sync_directory(directory)
    return place


@contextmanager
def failing_as(code: str) -> Iterator[None]:
    """
    Give whatever a library raises a code of the protocol; nobody knows what it has done.

    An `OSError` becomes a typed error here, and does not get as far as poisoning the journal:
    whether a log goes on after one is its own affair.
    """
    try:
        yield
    except TornproofError:
        raise
    except OSError as error:
        raise from_os_error(error, "use the log") from error
    except Exception as error:
        raise refusal(code, f"{type(error).__name__}: {error}", definite=False) from error
