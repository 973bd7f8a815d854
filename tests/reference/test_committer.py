"""
The committer, one step at a time: no thread, a clock that stands still, a disk in memory.

Here are the moments that threads reach only by luck.
"""

import errno
from collections.abc import Sequence
from concurrent.futures import Future, wait

import pytest
from attrs import define, field
from tornproof.errors import InputOutput, NoSpace, Poisoned
from tornproof.journal import Cursor, Journal
from tornproof.journal.batching import Batcher, Limits, Ticket
from tornproof.journal.committer import Arrival, Cancellation, Cleanup, Closing, Committer
from tornproof.record import frame_size
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Sync, SyncDirectory, Write


class FailingDisk(ModelFilesystem):
    """A disk in memory of which some operations fail, from when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()

    def write_inode(self, inode: int, offset: int, data: bytes) -> int:
        """Write, or write half of what is struck and say that the disk is full."""
        if "write" in self.failing and b"struck" in data:
            super().write_inode(inode, offset, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write_inode(inode, offset, data)

    def truncate_inode(self, inode: int, size: int) -> None:
        """Truncate, or fail."""
        if "truncate" in self.failing:
            raise OSError(errno.EIO, "Input/output error")
        super().truncate_inode(inode, size)

    def sync_inode(self, inode: int, success: Sync | SyncDirectory) -> None:
        """Sync, or fail."""
        if "sync" in self.failing:
            raise OSError(errno.EIO, "Input/output error")
        super().sync_inode(inode, success)


@define
class Bench:
    """A committer on a bench, with everything around it in reach."""

    disk: FailingDisk = field(factory=FailingDisk)
    now: float = 0.0
    arrived: int = 0
    left: int = 0
    committer: Committer = field(init=False)

    def __attrs_post_init__(self) -> None:
        journal = Journal.open(
            "/journal", durability="batched", segment_bytes=200, filesystem=self.disk
        )
        batcher = Batcher(Limits(max_delay=10.0))
        self.committer = Committer(journal, batcher, lambda: self.now, self._leave)

    def hand_over(self, *payloads: bytes) -> "list[Future[int]]":
        """Put records into the inbox; the last of them makes the batch full."""
        self.committer.batcher.expected = len(payloads)
        return [self._hand_over(payload) for payload in payloads]

    def cancel(self, number: int) -> None:
        """Bring the message that a waiter has gone."""
        self.committer.inbox.put(Cancellation(number))

    def work(self) -> None:
        """Take steps until the inbox is empty."""
        while not self.committer.inbox.empty():
            self.committer.step()

    def kept(self) -> Sequence[bytes]:
        """Return what the journal holds."""
        return [payload for _, payload in self.committer.journal.scan()]

    def _hand_over(self, payload: bytes) -> "Future[int]":
        self.arrived += 1
        future: Future[int] = Future()
        ticket = Ticket(self.arrived, frame_size(len(payload)))
        self.committer.inbox.put(Arrival(ticket, payload, future))
        return future

    def _leave(self, records: int) -> None:
        self.left += records


@pytest.fixture
def bench() -> Bench:
    """A committer on an empty disk."""
    return Bench()


def told(future: "Future[int]") -> object:
    """Return what a waiter has been told: an offset, the class of an error, or nothing."""
    if not future.done():
        return None
    error = future.exception()
    return future.result() if error is None else type(error)


# One batch


@requirement("GRP-2", "GRP-4")
def test_a_batch_is_one_write_and_one_sync(bench: Bench) -> None:
    """Three records go to the disk together."""
    bench.hand_over(b"which made the segment")
    bench.work()
    before = len(bench.disk.events)

    futures = bench.hand_over(b"one", b"two", b"three")
    bench.work()

    # two writes: the batch, and the note of what is durable
    kinds = [type(event) for event in bench.disk.events[before:]]
    assert kinds == [Write, Sync, Write]
    assert [told(future) for future in futures] == [62, 105, 148]
    assert bench.left == 4


@requirement("GRP-5")
def test_a_stream_of_messages_does_not_keep_a_batch_waiting(bench: Bench) -> None:
    """The delay is over although there is always another message to receive first."""
    [first, *_] = bench.hand_over(b"one", b"two", b"three", b"four")[:1]
    bench.committer.step()
    bench.now = 10.0

    bench.committer.step()

    assert told(first) == 0


# Cancelling at the worst moment


@requirement("GRP-6")
def test_a_cancellation_whose_message_is_late_still_drops_the_record(bench: Bench) -> None:
    """The waiter goes after the record arrived and before anybody hears of it."""
    one, two, three = bench.hand_over(b"one", b"two", b"three")
    two.cancel()
    bench.work()
    bench.cancel(2)
    bench.work()

    assert (told(one), told(three)) == (0, 43)
    assert bench.kept() == [b"one", b"three"]
    assert bench.left == 3


@requirement("GRP-6")
def test_a_batch_of_which_everybody_has_gone_harms_nobody(bench: Bench) -> None:
    """It is committed empty, and the next one is as usual."""
    [gone] = bench.hand_over(b"gone")
    gone.cancel()
    bench.work()

    [future] = bench.hand_over(b"here")
    bench.work()

    assert told(future) == 0
    assert bench.left == 2


@requirement("GRP-3", "GRP-6")
@pytest.mark.parametrize("heard", [True, False])
def test_a_failure_meets_a_waiter_who_has_gone(bench: Bench, heard: bool) -> None:
    """It is told nothing and counts as done, whether its message has come or not."""
    [first] = bench.hand_over(b"first")
    [gone] = bench.hand_over(b"gone")
    gone.cancel()
    if heard:
        bench.cancel(2)
    bench.disk.failing = {"sync"}

    bench.work()

    assert told(first) is InputOutput
    assert wait([gone], timeout=0).done
    assert bench.left == 2


# Failures


@requirement("GRP-3")
def test_each_waiter_gets_an_error_of_its_own(bench: Bench) -> None:
    """Raising an error changes its traceback; the cause is the same for all."""
    one, two = bench.hand_over(b"one", b"two")
    bench.disk.failing = {"sync"}

    bench.work()

    first, second = one.exception(), two.exception()
    assert first is not None
    assert second is not None
    assert first is not second
    assert (str(first), first.__cause__) == (str(second), second.__cause__)


@requirement("GRP-3", "JRN-8")
def test_a_rollback_that_fails_poisons(bench: Bench) -> None:
    """What was written before the fragment has an unknown fate, and its waiter is told so."""
    written, struck = bench.hand_over(bytes(150), b"struck")
    bench.disk.failing = {"write", "truncate"}
    bench.work()
    bench.disk.failing = set()
    [later] = bench.hand_over(b"later")
    bench.work()

    assert [told(future) for future in (written, struck, later)] == [NoSpace, NoSpace, Poisoned]
    assert not NoSpace.definite
    assert Poisoned.definite


@requirement("GRP-3", "JRN-8")
def test_a_full_disk_is_no_poison(bench: Bench) -> None:
    """When there is space again, the next batch is written."""
    struck = bench.hand_over(b"struck", b"struck too")
    bench.disk.failing = {"write"}
    bench.work()
    bench.disk.failing = set()

    [future] = bench.hand_over(b"three")
    bench.work()

    assert [told(each) for each in struck] == [NoSpace, NoSpace]
    assert told(future) == 0
    assert bench.kept() == [b"three"]


@requirement("GRP-3", "SEG-7")
def test_a_cleanup_that_poisons_is_found_out_by_the_next_batch(bench: Bench) -> None:
    """The journal refuses, so the batch is failed, and whoever comes later is refused."""
    bench.hand_over(b"one")
    bench.work()
    bench.committer.journal.rotate()
    bench.hand_over(b"two")
    bench.work()
    Cursor.open("/journal", "consumer", filesystem=bench.disk).advance(43)
    cleanup: Future[int] = Future()
    bench.committer.inbox.put(Cleanup(cleanup))

    bench.disk.failing = {"sync"}
    bench.work()
    bench.disk.failing = set()
    futures = [*bench.hand_over(b"next"), *bench.hand_over(b"later")]
    bench.work()

    assert told(cleanup) is InputOutput
    assert [told(future) for future in futures] == [Poisoned, Poisoned]


# The end


@requirement("GRP-7")
def test_what_arrived_before_the_last_message_is_flushed(bench: Bench) -> None:
    """Also what was being gathered, and would have waited for company."""
    bench.committer.batcher.expected = 8
    first = bench._hand_over(b"first")
    second = bench._hand_over(b"second")
    bench.committer.inbox.put(Closing())

    bench.work()

    assert (told(first), told(second)) == (0, 45)
    assert bench.committer.closed


@requirement("GRP-7")
def test_a_defect_reaches_those_whom_nobody_has_received_yet(bench: Bench) -> None:
    """Records and cleanups still in the inbox are told as well."""
    [aboard] = bench.hand_over(b"aboard", b"never comes")[:1]
    bench.committer.step()
    cleanup: Future[int] = Future()
    bench.committer.inbox.put(Cleanup(cleanup))
    [gone] = bench.hand_over(b"gone")
    gone.cancel()

    bench.committer.abandon(ZeroDivisionError("a defect"))

    assert told(aboard) is InputOutput
    assert told(cleanup) is InputOutput
    assert wait([gone], timeout=0).done
    assert bench.left == 3
