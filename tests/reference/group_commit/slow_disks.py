"""
A disk on which an fsync can be held up, and threads that wait for it.

What happens *during* an fsync is chosen, not hoped for; no test depends on how fast anything is.

"""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from attrs import define, field
from tornproof.errors import TornproofError
from tornproof.filesystem import OsFile, OsFilesystem
from tornproof.journal import GroupCommitBuffer, Journal

PATIENCE = 30
"""Seconds after which a waiter counts as lost."""


@define
class Disk(OsFilesystem):
    """A real disk whose fsyncs of segments can be held up, and which can fail."""

    open_gate: threading.Event = field(factory=threading.Event)
    syncing: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    """Released whenever an fsync of a segment begins."""

    writes: list[bytes] = field(factory=list)
    syncs: int = 0
    fail_sync: BaseException | None = None
    fail_write: Callable[[bytes], BaseException | None] = lambda _: None

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open a file; a segment with the disk's whims."""
        file = super().open(path, create=create, exclusive=exclusive)
        return Segment(self, file) if ".wal" in path else file

    def hold(self) -> None:
        """Let the next fsync take until `let_go`."""
        self.open_gate.clear()

    def let_go(self) -> None:
        """Let fsyncs return."""
        self.open_gate.set()

    def await_sync(self) -> None:
        """Wait until an fsync is under way."""
        assert self.syncing.acquire(timeout=PATIENCE)


class Segment(OsFile):
    """A segment on such a disk."""

    def __init__(self, disk: Disk, file: OsFile) -> None:
        super().__init__(file.file)
        self.disk = disk

    def write_at(self, offset: int, data: bytes) -> int:
        """Write, unless the disk fails."""
        if (error := self.disk.fail_write(data)) is not None:
            raise error
        self.disk.writes.append(data)
        return super().write_at(offset, data)

    def sync(self) -> None:
        """Wait for the gate, then sync or fail."""
        self.disk.syncs += 1
        self.disk.syncing.release()
        assert self.disk.open_gate.wait(PATIENCE)
        if self.disk.fail_sync is not None:
            raise self.disk.fail_sync
        super().sync()


Make = Callable[..., GroupCommitBuffer]


def kept(directory: str) -> list[bytes]:
    """Return what a later process finds."""
    with Journal.open(directory) as journal:
        return [payload for _, payload in journal.scan()]


def result(future: "Future[int]") -> int:
    """Wait for a future, but not for ever."""
    return future.result(PATIENCE)


def error_of(future: "Future[int]") -> BaseException | None:
    """Wait for a future that is to fail, but not for ever."""
    return future.exception(PATIENCE)


def in_a_thread(call: Callable[[], object]) -> "Future[int]":
    """Call something that may block in a thread of its own; return the future of its result."""
    future: Future[int] = Future()

    def run() -> None:
        try:
            call()
            future.set_result(0)
        except TornproofError as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
