"""
The source of the volatile mode: a buffer in memory (DRN-18).

Its events are lost with the process.  Its capacity is bounded, so that a database that cannot
be reached for a day does not use up the memory; when it is full, `submit` refuses.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from threading import Lock

from tornproof.drainer.event import Encoded
from tornproof.drainer.quota import TurnedAway
from tornproof.drainer.sink import Admitted
from tornproof.errors import Closed, QueueFull

CAPACITY = 100_000
"""Events held at most: some 50 MB of ordinary ones."""


class Buffer:
    """A queue in memory, read by position; positions count events from 0."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._events: deque[Encoded] = deque()
        self._first = 0
        self._closed = False

    @property
    def end(self) -> int:
        """Position just past the last event admitted."""
        return self._first + len(self._events)

    @property
    def poisoned(self) -> bool:
        """Never: what is in memory is there or not."""
        return False

    def admit(self, event: Encoded) -> None:
        """Add an event at the end.  Raises `QueueFull` when full, `Closed` when abandoned."""
        with self._lock:
            if self._closed:
                raise Closed("the queue has been closed")
            if len(self._events) >= self._capacity:
                raise QueueFull(f"{self._capacity} events are waiting already")
            self._events.append(event)

    @property
    def turned_away(self) -> TurnedAway:
        """Nothing: without a spool there is nowhere to keep evidence."""
        return TurnedAway()

    def read(self, position: int, limit: int) -> Sequence[Admitted]:
        """Return up to `limit` events from `position` on."""
        with self._lock:
            start = position - self._first
            events = list(islice(self._events, start, start + limit))
        return [Admitted(event, position + n) for n, event in enumerate(events, start=1)]

    def release(self, position: int) -> None:
        """Forget everything below `position`."""
        with self._lock:
            for _ in range(position - self._first):
                self._events.popleft()
            self._first = position

    def abandon(self) -> int:
        """Refuse what comes from now on, and return how many events are lost by it, once."""
        with self._lock:
            already, self._closed = self._closed, True
            return 0 if already else len(self._events)

    def close(self) -> None:
        """Forget what is left."""
        with self._lock:
            self._closed = True
            self._events.clear()
