"""
Where admitted events wait: the spool, or a buffer in memory.

The drainer reads a source from one end, and producers admit at the other.
"""

from collections.abc import Sequence
from typing import Protocol

from tornproof.drainer.event import Encoded
from tornproof.drainer.quota import TurnedAway
from tornproof.drainer.sink import Admitted


class Source(Protocol):
    """Where admitted events wait: the spool, or a buffer in memory."""

    def read(self, position: int, limit: int) -> Sequence[Admitted]:
        """Return up to `limit` events from `position` on, in the order of their admission."""
        ...

    def release(self, position: int) -> None:
        """Let go of everything below `position`: it has landed."""
        ...


class Waiting(Source, Protocol):
    """Where admitted events wait, from the producers' side."""

    @property
    def end(self) -> int:
        """Position just past the last event admitted."""
        ...

    @property
    def turned_away(self) -> TurnedAway:
        """What did not fit into the quota."""
        ...

    @property
    def poisoned(self) -> bool:
        """Whether an earlier failure or interruption lets nothing in any more."""
        ...

    def admit(self, event: Encoded) -> None:
        """Admit an event, or raise."""
        ...

    def abandon(self) -> int:
        """Be told that nobody will drain any more; return how many events are lost by that."""
        ...

    def close(self) -> None:
        """Let go of what the events are kept in."""
        ...
