"""
What is judged besides a journal: group commit.

It has two halves.  The one that decides which records share an fsync has no thread, no
clock and no file; a target offers it as `make_batcher`, and everything that can happen
to it is tried.  The one that carries the decisions out has threads and futures; a target
offers it as `open_group`, and the situations that it is put into hold a sync up where
they need to, so that nothing depends on who is fast.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, runtime_checkable

from tornproof.errors import Invalid
from tornproof.filesystem import Filesystem
from tornproof_models.contract.group_commit import Bounds
from tornproof_models.contract.journal import Violation
from tornproof_models.explore.workload import Target
from tornproof_models.machines.group_commit import (
    SITUATIONS,
    BatcherUnderTest,
    Exploration,
    Finding,
)


@runtime_checkable
class HasBatcher(Protocol):
    """A target whose decisions about batches can be tried on their own."""

    def make_batcher(self, bounds: Bounds) -> BatcherUnderTest:
        """Make the part that decides."""
        ...


class Group(Protocol):
    """A group commit that many threads may use."""

    def append(self, payload: bytes) -> "Future[int]":
        """Hand a record over, and return the future of its offset."""
        ...

    def close(self) -> None:
        """Commit what was handed over, and refuse what comes later."""
        ...


@runtime_checkable
class HasGroups(Protocol):
    """A target with a group commit of its own threads."""

    def open_group(
        self, filesystem: Filesystem, *, max_records: int, queue_records: int, block: bool
    ) -> Group:
        """Open the journal on a disk, with batches and a queue of so many records at most."""
        ...


def explore_batches(target: Target, situation: str) -> tuple[Exploration, list[Finding]]:
    """
    Take every step that can happen to a target's batcher in a situation.

    Raises `Invalid` if the target has none.
    """
    if not isinstance(target, HasBatcher):
        raise Invalid(f"{target.name} has no group commit whose decisions can be tried alone")
    make: Callable[[Bounds], BatcherUnderTest] = target.make_batcher
    exploration = Exploration(make, SITUATIONS[situation])
    return exploration, exploration.run()


def judge_batches(target: Target, situation: str) -> list[Violation]:
    """Return what is violated in a situation; raises what `explore_batches` raises."""
    _, findings = explore_batches(target, situation)
    return [finding.violation for finding in findings]
