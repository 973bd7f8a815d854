"""
The gate of a queue: submits enter, until the queue is closed.

Whoever closes the gate waits for the submits that are under way, so that no event is admitted
after the queue has ended.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from weakref import WeakSet

from tornproof.errors import Closed


class _Submit:
    """A submit under way; one that was interrupted is forgotten with the frame that held it."""


class Gate:
    """Counts the submits under way, and admits none once it is closed."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._inside: WeakSet[_Submit] = WeakSet()
        self._closed = False

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Keep the gate from being closed meanwhile.  Raises `Closed` if it is closed."""
        with self._condition:
            if self._closed:
                raise Closed("the queue has been closed")
            submit = _Submit()
            self._inside.add(submit)
        try:
            yield
        finally:
            with self._condition:
                self._inside.discard(submit)
                if not self._inside:
                    self._condition.notify_all()

    def close(self, timeout: float | None) -> None:
        """Let nobody in any more, and wait up to `timeout` seconds for who is inside."""
        with self._condition:
            self._closed = True
            self._condition.wait_for(lambda: not self._inside, timeout)
