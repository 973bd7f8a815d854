"""
A call in progress, and the operations that a queue provides.

A queue turns each call into steps.  A step is what no crash and no other worker can
split: one transaction, or one command to a server.  What a worker remembers between
two steps of a call is part of the call, and is gone when the worker dies.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from tornproof_models.contract.job_queue import Call, Claim, Seen
from tornproof_models.job_queues.table import Row, Table


class Held(NamedTuple):
    """The job that a worker has, and under which lease."""

    job: str
    token: int


class Underway(NamedTuple):
    """A call between two of its steps."""

    worker: str
    call: Call
    now_ms: int
    held: Held | None = None
    """What the worker had when it made the call."""

    row: Row | None = None
    """What an earlier step of this call has read."""

    next_step: int = 0
    refused: bool = False
    took: Held | None = None

    def refuse(self) -> "Underway":
        """End with an error that says that nothing was done."""
        return self._replace(refused=True)


Step: TypeAlias = Callable[[Table, Underway], tuple[Table, Underway]]


class JobQueue(Protocol):
    """A queue, as a search sees it; it keeps nothing but what is in its tables."""

    name: str
    claims: frozenset[Claim]
    lease_ms: int
    max_attempts: int

    def steps(self, call: Call) -> Sequence[Step]:
        """Return what a call does, one step after the other."""
        ...

    def is_written(self, step: Step) -> bool:
        """Say whether a step is written before it is answered, and survives a server's restart."""
        ...

    def is_synced(self, step: Step) -> bool:
        """Say whether a step is durable before it is answered."""
        ...

    def panic(self, table: Table, held: Held) -> Table:
        """React to a handler that ended with an error that nobody declared."""
        ...

    def bounce(self, table: Table) -> Table:
        """React to a restart of the server, by which every session has ended."""
        ...

    def reopen(self, table: Table, worker: str) -> Table:
        """React to a worker that begins after another of its name has died."""
        ...

    def look(self, table: Table) -> Seen:
        """Say what is there."""
        ...
