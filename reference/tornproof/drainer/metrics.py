"""
The counters of a queue, each event in exactly one of them.

    submitted = refused + pending + chained + dead-lettered + lost

Every event is in exactly one of the five on the right (DRN-13); it is pending when it is
submitted, and moves once.  Attempts are counted separately, since one event may need several.
Producers and drainer share one object.
"""

from threading import Lock

from attrs import asdict, frozen


@frozen
class Metrics:
    """The counters at one moment."""

    submitted: int = 0
    """Events given to `submit`, and those that were found in the spool on opening."""

    recovered: int = 0
    """How many of them were found in the spool."""

    refused: int = 0
    chained: int = 0
    dead_lettered: int = 0
    lost: int = 0
    """Admitted, and gone; always 0 in the durable mode."""

    append_failures: int = 0
    """Attempts to append that failed, for whatever reason."""

    dead_letter_failures: int = 0
    race_retries: int = 0
    panics: int = 0

    @property
    def pending(self) -> int:
        """Events that are neither refused, nor landed, nor lost."""
        return self.submitted - self.refused - self.chained - self.dead_lettered - self.lost


class Counters:
    """Metrics that several threads count up; each change is one step to whoever looks."""

    def __init__(self, begin: Metrics | None = None) -> None:
        self._lock = Lock()
        self._counts = asdict(begin or Metrics())

    @property
    def now(self) -> Metrics:
        """Return the counters as they are at this moment."""
        with self._lock:
            return Metrics(**self._counts)

    def add(self, **changes: int) -> None:
        """Add to counters by name, all at once."""
        with self._lock:
            for name, more in changes.items():
                self._counts[name] += more
