"""
Group commits as subjects.

It has two halves.  The one that decides which records share an fsync has no thread, no
clock and no file; a subject offers it as `make_batcher`, and everything that can happen
to it is tried.  The one that carries the decisions out has threads and futures; a subject
offers it as `open_group`, and the situations that it is put into hold a sync up where
they need to, so that nothing depends on who is fast.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, runtime_checkable

from attrs import define, field, frozen
from tornproof.errors import Invalid
from tornproof.filesystem import Filesystem
from tornproof_models.contract.group_commit import Bounds
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines.batching_situations import (
    SITUATIONS,
    BatcherUnderTest,
    Exploration,
    Finding,
)

PATIENCE = 10
"""Seconds after which a waiter counts as lost."""


@runtime_checkable
class HasBatcher(Protocol):
    """A subject whose decisions about batches can be tried on their own."""

    def make_batcher(self, bounds: Bounds) -> BatcherUnderTest:
        """Make the part that decides."""
        ...


class Group(Protocol):
    """A group commit that many threads may use."""

    def append(self, payload: bytes) -> "Future[int]":
        """Hand a record over, and return the future of its offset."""
        ...

    def close(self, timeout: float | None = PATIENCE) -> None:
        """Commit what was handed over, and refuse what comes later; wait so many seconds."""
        ...


@runtime_checkable
class HasGroups(Protocol):
    """A subject with a group commit of its own threads."""

    def open_group(
        self,
        filesystem: Filesystem,
        *,
        max_records: int,
        queue_records: int,
        block: bool,
        wait: float = PATIENCE,
    ) -> Group:
        """
        Open the journal on a disk, with batches and a queue of so many records at most.

        Whoever waits, waits for `wait` seconds.
        """
        ...


def explore_batches(subject: Subject, situation: str) -> tuple[Exploration, list[Finding]]:
    """
    Take every step that can happen to a subject's batcher in a situation.

    Raises `Invalid` if the subject has none.
    """
    if not isinstance(subject, HasBatcher):
        raise Invalid(f"{subject.name} has no group commit whose decisions can be tried alone")
    make: Callable[[Bounds], BatcherUnderTest] = subject.make_batcher
    exploration = Exploration(make, SITUATIONS[situation])
    return exploration, exploration.run()


def judge_batches(subject: Subject, situation: str) -> list[Violation]:
    """Return what is violated in a situation; raises what `explore_batches` raises."""
    _, findings = explore_batches(subject, situation)
    return [finding.violation for finding in findings]


# A disk that can be held up

AT_ONCE = 100
"""More syncs than ever wait at once."""


@define(eq=False)
class HeldDisk:
    """A simulated disk whose syncs of files wait for leave, and can be told to fail."""

    disk: ModelFilesystem
    syncs: int = 0
    failing: bool = False
    _leave: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    _free: threading.Event = field(factory=threading.Event)
    _begun: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))

    def __attrs_post_init__(self) -> None:
        self._free.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.disk, name)

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> "HeldFile":
        """Open a file whose syncs are held up."""
        return HeldFile(self, self.disk.open(path, create=create, exclusive=exclusive))

    def hold(self) -> None:
        """Let every sync from here on wait, and forget those that have been."""
        self._free.clear()
        self.syncs = 0
        while self._begun.acquire(blocking=False):
            pass

    def await_sync(self) -> None:
        """Wait until a sync is under way."""
        if not self._begun.acquire(timeout=PATIENCE):
            raise TimeoutError("no sync has begun")

    def let_one_go(self) -> None:
        """Let the sync under way return; the next one waits again."""
        self._leave.release()

    def let_go(self) -> None:
        """Let all syncs return."""
        self._free.set()
        self._leave.release(AT_ONCE)

    def begin_sync(self) -> None:
        """Wait for leave; raises `OSError` if the disk is to fail."""
        self.syncs += 1
        self._begun.release()
        if not self._free.is_set():
            self._leave.acquire(timeout=PATIENCE)
        if self.failing:
            raise OSError(5, "Input/output error")


@frozen
class HeldFile:
    """A file on such a disk."""

    disk: HeldDisk
    file: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def sync(self) -> None:
        """Sync, when there is leave."""
        self.disk.begin_sync()
        self.file.sync()
