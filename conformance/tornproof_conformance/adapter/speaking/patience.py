"""
Limits on waiting for an adapter that does not reply.

One reply that never comes costs its whole timeout, and a process that hangs over one
image hangs over the next.  A run with a budget must end all the same.  So the first
silences of a check are waited out, and each can be held against the adapter (ADP-11).
After that a reply has a moment to come; and where it does not, the check
stops and says so.  Nothing is concluded from a silence that was cut short, nor from one
in which the machine gave the adapter too little time (`own_time`).

A process that ends before it has said hello is another kind of silence: each costs a start,
and nothing can be asked of it.
"""

import time
from math import inf
from typing import NoReturn

from attrs import define

from tornproof_conformance.adapter.speaking.process import LONGER

WAITED_OUT = 2
"""Silences of one check that are waited out: one may be the machine's, two are the adapter's."""

STARTING = 3
"""Times the timeout that a process may take to say hello: starting is not replying."""

MOMENT = 1.0
"""Seconds that a reply may take after that."""

FIXED = 20.0
"""Seconds of silence that a run waits out however small its budget is."""

PART = 0.25
"""What part of the budget it waits out besides."""

STILLBORN = 5
"""Processes in a row that may end before they have said hello; a fault may strike one of them."""

OVERTIME = 1.2
"""Times the budget after which nothing more is asked of an adapter: shrinking included."""


class OutOfPatience(BaseException):
    """
    An adapter has kept silent too often, or too long.

    No `Exception`: nothing that judges an answer may take it for one.
    """


@define(eq=False)
class Patience:
    """What is left of it; without limits unless some are given: who replays a story waits."""

    allowed_silences: float = inf
    """Silences of one check that are waited out."""

    allowed_stillborn: float = inf
    """Processes in a row that may end before they have said hello."""

    total: float = inf
    """Seconds of silence that are waited out."""

    until: float = inf
    """When nothing more is asked, by the monotonic clock in seconds."""

    has_greeted: bool = False
    """Whether any process has said hello: one that is late after that is slow, and no breach."""

    _silences: int = 0
    _silent: float = 0
    _stillborn: int = 0

    @classmethod
    def within(cls, budget: float) -> "Patience":
        """Return what a run of so many seconds has."""
        until = time.monotonic() + OVERTIME * budget
        return cls(WAITED_OUT, STILLBORN, FIXED + PART * budget, until)

    def renew(self) -> None:
        """Begin another check, which may wait silences out for itself."""
        self._silences = self._stillborn = 0

    def grant(self, timeout: float) -> float:
        """
        Return how many seconds of its own a reply may take that would otherwise have its timeout.

        Raises `OutOfPatience` if the time of the run is over.
        """
        left = self.until - time.monotonic()
        if left <= 0:
            raise OutOfPatience("not finished within the budget")
        granted = timeout if self._waits_out(timeout) else min(timeout, MOMENT)
        return min(granted, max(left, MOMENT))

    def latest(self, granted: float) -> float:
        """Return when a reply is waited for no longer, however little time the machine gave it."""
        now = time.monotonic()
        return min(now + granted * LONGER, max(self.until, now + min(granted, MOMENT)))

    def lose(self, granted: float, timeout: float, silence: str) -> None:
        """
        Note that a reply did not come within what was granted.

        Returns if it had its whole timeout, and raises `OutOfPatience` if not.
        """
        self._silences += 1
        self._silent += granted
        if granted < timeout:
            raise OutOfPatience(f"the adapter did not reply again: {silence}")

    def delay(self, granted: float, silence: str) -> NoReturn:
        """Stop waiting for a reply for which the machine gave the adapter too little time."""
        raise OutOfPatience(
            f"the machine was too busy to say anything of a silence: {silence} in {granted:g} s "
            "that the adapter could use"
        )

    def greet(self) -> None:
        """Note that a process has said hello."""
        self._stillborn = 0
        self.has_greeted = True

    def bury(self) -> None:
        """Note that a process has ended before it had said hello; raise if too many have."""
        self._stillborn += 1
        if self._stillborn > self.allowed_stillborn:
            raise OutOfPatience("the adapter's processes end before they have said hello")

    def _waits_out(self, timeout: float) -> bool:
        return self._silences < self.allowed_silences and (
            not self._silent or self._silent + timeout <= self.total
        )
