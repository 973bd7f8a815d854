"""
Group commit with real threads on a real disk.

The disk of these tests can hold an fsync up, so what happens *during* one is
chosen, not hoped for; no test depends on how fast anything is.
"""

import errno
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from attrs import define, field
from tornproof.errors import (
    Closed,
    Corrupt,
    InputOutput,
    Invalid,
    NoSpace,
    Poisoned,
    QueueFull,
    TooLarge,
    TornproofError,
)
from tornproof.filesystem import OsFile, OsFilesystem
from tornproof.journal import Cursor, GroupCommitBuffer, Journal
from tornproof_conformance.pytest_support.plugin import requirement

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


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that works, until a test says otherwise."""
    disk = Disk()
    disk.let_go()
    yield disk
    disk.let_go()


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """Where the journal lies."""
    return str(tmp_path / "journal")


@pytest.fixture
def make(disk: Disk, directory: str) -> Iterator[Callable[..., GroupCommitBuffer]]:
    """Make buffers; close them in the end, whatever has become of them."""
    made: list[GroupCommitBuffer] = []

    def make(*, segment_bytes: int = 1 << 20, **options: object) -> GroupCommitBuffer:
        journal = Journal.open(
            directory, durability="batched", segment_bytes=segment_bytes, filesystem=disk
        )
        made.append(GroupCommitBuffer(journal, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    disk.let_go()
    for buffer in made:
        buffer.__exit__(Exception, Exception(), None)


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


# What a future says


@requirement("GRP-1", "JRN-10")
def test_a_future_resolves_to_the_offset_of_its_record(make: Make, directory: str) -> None:
    """The offset is the one at which the record is read: frames have 40 bytes of header."""
    buffer = make()

    offsets = [result(buffer.append(payload)) for payload in (b"one", b"two", b"three")]

    buffer.close()
    assert offsets == [0, 43, 86]
    assert kept(directory) == [b"one", b"two", b"three"]


@requirement("GRP-1")
def test_nobody_is_told_while_the_fsync_is_under_way(make: Make, disk: Disk) -> None:
    """A record that has been written is not yet acknowledged."""
    buffer = make()
    disk.hold()

    future = buffer.append(b"written, not durable")
    disk.await_sync()

    assert disk.writes
    assert not future.done()


@requirement("GRP-1")
def test_an_fsync_does_not_cover_what_arrives_during_it(make: Make, disk: Disk) -> None:
    """A later record waits for the next fsync although an earlier one has just succeeded."""
    buffer = make()
    disk.hold()
    early = buffer.append(b"early")
    disk.await_sync()
    late = buffer.append(b"late")

    let_one_fsync_through(disk)

    assert result(early) == 0
    assert not late.done()


def let_one_fsync_through(disk: Disk) -> None:
    """Open the gate for the fsync under way, and hold the next, which then has begun."""
    following = threading.Event()
    passing, disk.open_gate = disk.open_gate, following
    passing.set()
    disk.await_sync()


@requirement("GRP-2", "GRP-4")
def test_those_who_wait_together_share_an_fsync(make: Make, disk: Disk, directory: str) -> None:
    """A hundred records that arrive during an fsync need one more, and keep their order."""
    payloads = [f"record {number}".encode() for number in range(100)]
    buffer = make()
    disk.hold()
    first = buffer.append(b"first")
    disk.await_sync()

    futures = [buffer.append(payload) for payload in payloads]
    disk.let_go()
    offsets = [result(future) for future in (first, *futures)]
    syncs = disk.syncs

    buffer.close()
    assert syncs == 2
    assert offsets == sorted(offsets)
    assert kept(directory) == [b"first", *payloads]


@requirement("GRP-4")
def test_each_thread_finds_its_records_in_its_order(make: Make, directory: str) -> None:
    """Sixteen threads append at once; none of them sees its own records swapped."""
    buffer = make(max_delay=0.0)

    def write(thread: int) -> list[int]:
        futures = [buffer.append(f"{thread} {number}".encode()) for number in range(25)]
        return [result(future) for future in futures]

    with ThreadPoolExecutor(16) as pool:
        offsets = list(pool.map(write, range(16)))

    buffer.close()
    found = [payload.decode().split() for payload in kept(directory)]
    assert all(each == sorted(each) for each in offsets)
    assert len(set().union(*offsets)) == 16 * 25
    for thread in range(16):
        assert [int(n) for owner, n in found if int(owner) == thread] == list(range(25))


def test_a_payload_that_can_change_is_copied(make: Make, directory: str) -> None:
    """What the caller does to its buffer after handing it over changes no record."""
    payload = bytearray(b"as it was")
    buffer = make()

    future = buffer.append(payload)  # type: ignore[arg-type]
    payload[:] = b"changed!!"

    result(future)
    buffer.close()
    assert kept(directory) == [b"as it was"]


# Failures


@requirement("GRP-3", "JRN-7")
def test_a_failed_fsync_fails_everybody(make: Make, disk: Disk) -> None:
    """Those in the batch get the disk's error, those behind it and later ones a refusal."""
    buffer = make()
    disk.hold()
    struck = buffer.append(b"struck")
    disk.await_sync()
    waiting = [buffer.append(b"waiting"), buffer.append(b"waiting, too")]

    disk.fail_sync = OSError(errno.EIO, "Input/output error")
    disk.let_go()

    assert isinstance(error_of(struck), InputOutput)
    assert [type(error_of(future)) for future in waiting] == [Poisoned, Poisoned]
    disk.fail_sync = None
    assert isinstance(error_of(buffer.append(b"later")), Poisoned)
    with pytest.raises(Poisoned):
        buffer.close()


@requirement("GRP-3")
def test_waiters_do_not_share_an_error(make: Make, disk: Disk) -> None:
    """Raising an error changes its traceback, so each waiter gets one of its own."""
    buffer = make()
    disk.hold()
    buffer.append(b"struck")
    disk.await_sync()
    pair = [buffer.append(b"waiting"), buffer.append(b"waiting, too")]

    disk.fail_sync = OSError(errno.EIO, "Input/output error")
    disk.let_go()
    errors = [error_of(future) for future in pair]

    assert str(errors[0]) == str(errors[1])
    assert errors[0] is not errors[1]


@requirement("GRP-3", "JRN-8")
@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, NoSpace), (errno.EIO, InputOutput)])
def test_a_write_that_is_rolled_back_costs_only_what_it_struck(
    make: Make, disk: Disk, directory: str, number: int, kind: type[TornproofError]
) -> None:
    """In a batch over two segments the second write fails: the first part is kept and told."""
    buffer = make(segment_bytes=100)
    disk.hold()
    first = buffer.append(b"first")
    disk.await_sync()
    fits, struck = buffer.append(b"fits here"), buffer.append(b"does not fit here")
    disk.fail_write = lambda data: OSError(number, "no") if b"not fit" in data else None

    disk.let_go()

    assert (result(first), result(fits)) == (0, 45)
    assert type(error_of(struck)) is kind
    assert result(buffer.append(b"goes on")) == 94
    buffer.close()
    assert kept(directory) == [b"first", b"fits here", b"goes on"]


@requirement("GRP-3", "GRP-7")
def test_a_defect_leaves_nobody_waiting(make: Make, disk: Disk) -> None:
    """Whatever ends the thread, every waiter is told and every door is shut."""
    buffer = make(queue_records=2)
    disk.hold()
    written = buffer.append(b"written")
    disk.await_sync()
    waiting, cleanup = buffer.append(b"waiting"), buffer.cleanup()
    blocked = in_a_thread(lambda: buffer.append(b"blocked"))

    disk.fail_sync = ZeroDivisionError("a defect")
    disk.let_go()

    for future in (written, waiting, cleanup):
        assert isinstance(error_of(future), InputOutput)
        assert "a defect" in str(error_of(future))
    assert isinstance(error_of(blocked), Closed)
    with pytest.raises(Closed):
        buffer.append(b"later")
    with pytest.raises(InputOutput, match="a defect"):
        buffer.close()


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


# Bounds


@requirement("GRP-5")
def test_a_batch_is_bounded_in_records(make: Make, disk: Disk) -> None:
    """Five records that wait for batches of two need three fsyncs."""
    buffer = make(max_records=2)
    disk.hold()
    futures = [buffer.append(b"first")]
    disk.await_sync()

    futures += [buffer.append(b"one of five") for _ in range(5)]
    disk.let_go()
    for future in futures:
        result(future)

    assert disk.syncs == 1 + 3


@requirement("GRP-5")
def test_a_batch_is_bounded_in_bytes(make: Make, disk: Disk) -> None:
    """Frames of 50 bytes go in pairs under a bound of 120; one of 540 goes alone."""
    buffer = make(max_bytes=120)
    disk.hold()
    futures = [buffer.append(b"first")]
    disk.await_sync()

    futures += [buffer.append(bytes(size)) for size in (10, 10, 10, 500, 10)]
    disk.let_go()
    for future in futures:
        result(future)

    assert [len(data) for data in disk.writes] == [45, 100, 50, 540, 50]


@requirement("GRP-5")
def test_a_full_queue_says_so(make: Make, disk: Disk, directory: str) -> None:
    """A buffer that does not block raises, and has taken nothing in."""
    buffer = make(queue_records=2, block=False)
    disk.hold()
    futures = [buffer.append(b"one"), buffer.append(b"two")]

    with pytest.raises(QueueFull, match="slow down"):
        buffer.append(b"three")

    disk.let_go()
    for future in futures:
        result(future)
    buffer.close()
    assert kept(directory) == [b"one", b"two"]


@requirement("GRP-5")
def test_a_full_queue_makes_its_producers_wait(make: Make, disk: Disk, directory: str) -> None:
    """The second producer gets in when the first one's record has left."""
    buffer = make(queue_records=1)
    disk.hold()
    first = buffer.append(b"first")
    disk.await_sync()

    second = in_a_thread(lambda: result(buffer.append(b"second")))
    assert not wait([second], timeout=0.05).done
    disk.let_go()

    result(first)
    result(second)
    buffer.close()
    assert kept(directory) == [b"first", b"second"]


@requirement("GRP-5", "GRP-6")
def test_cancelling_makes_no_room_before_the_record_has_left(make: Make, disk: Disk) -> None:
    """Handing over and cancelling in a loop cannot fill the memory."""
    buffer = make(queue_records=3, block=False)
    disk.hold()
    buffer.append(b"being written")
    disk.await_sync()
    for _ in range(2):
        assert buffer.append(b"cancelled").cancel()

    with pytest.raises(QueueFull):
        buffer.append(b"one too many")


@requirement("GRP-5")
def test_a_callback_does_not_wait_for_a_place_that_it_would_have_to_make(
    make: Make, disk: Disk
) -> None:
    """In the thread that empties the queue, a full queue is an error, not a deadlock."""
    buffer = make(queue_records=2)
    disk.hold()
    first = buffer.append(b"first")
    disk.await_sync()
    second = buffer.append(b"second")
    outcome: Future[int] = Future()

    def append_two_more(_: "Future[int]") -> None:
        try:
            buffer.append(b"third")
            buffer.append(b"fourth")
        except QueueFull as error:
            outcome.set_exception(error)

    first.add_done_callback(append_two_more)
    disk.let_go()

    assert isinstance(error_of(outcome), QueueFull)
    result(second)


# Going away


@requirement("GRP-6")
def test_a_cancelled_record_is_dropped_and_its_neighbours_are_not(
    make: Make, disk: Disk, directory: str
) -> None:
    """Cancelling while the record waits drops that record alone."""
    buffer = make()
    disk.hold()
    futures = [buffer.append(b"first")]
    disk.await_sync()
    futures += [buffer.append(payload) for payload in (b"before", b"cancelled", b"after")]

    assert futures[2].cancel()
    disk.let_go()

    assert [result(futures[place]) for place in (0, 1, 3)] == [0, 45, 91]
    buffer.close()
    assert kept(directory) == [b"first", b"before", b"after"]


@requirement("GRP-6")
def test_it_is_too_late_to_cancel_what_is_being_written(make: Make, disk: Disk) -> None:
    """The future says so, and resolves."""
    buffer = make()
    disk.hold()
    future = buffer.append(b"written")
    disk.await_sync()

    cancelled = future.cancel()
    disk.let_go()

    assert not cancelled
    assert result(future) == 0


@requirement("GRP-6")
def test_waiting_for_many_futures_notices_the_cancelled_ones(make: Make, disk: Disk) -> None:
    """`concurrent.futures.wait` counts a cancelled future as done once it has been notified."""
    buffer = make()
    disk.hold()
    futures = [buffer.append(b"first")]
    disk.await_sync()
    futures += [buffer.append(b"cancelled"), buffer.append(b"last")]

    futures[1].cancel()
    disk.let_go()

    assert wait(futures, timeout=PATIENCE).not_done == set()


@requirement("GRP-6")
def test_a_cancelled_waiter_does_not_wait_for_a_batch(make: Make, disk: Disk) -> None:
    """A record that waits for company that never comes leaves as soon as it is cancelled."""
    buffer = make(max_delay=3000.0)
    disk.hold()
    futures = [buffer.append(b"first")]
    disk.await_sync()
    futures += [buffer.append(b"two"), buffer.append(b"together")]
    disk.let_go()
    for future in futures:
        result(future)

    alone = buffer.append(b"alone, where there were two")
    alone.cancel()

    assert wait([alone], timeout=PATIENCE).done


@requirement("GRP-7", "JRN-11")
def test_closing_flushes_everything(make: Make, disk: Disk, directory: str) -> None:
    """Whoever waits when the owner closes is told, and the records are there."""
    buffer = make()
    disk.hold()
    futures = [buffer.append(b"first")]
    disk.await_sync()
    futures += [buffer.append(b"second"), buffer.append(b"third")]

    closing = in_a_thread(buffer.close)
    disk.let_go()

    assert [result(future) for future in futures] == [0, 45, 91]
    result(closing)
    assert kept(directory) == [b"first", b"second", b"third"]


@requirement("GRP-7")
def test_closing_tells_producers_that_wait_for_a_place(
    make: Make, disk: Disk, directory: str
) -> None:
    """Producers blocked by a full queue are either let in and told, or refused."""
    buffer = make(queue_records=1)
    disk.hold()
    first = buffer.append(b"first")
    disk.await_sync()
    blocked = [in_a_thread(lambda: result(buffer.append(b"blocked"))) for _ in range(3)]
    closing = in_a_thread(buffer.close)

    disk.let_go()

    result(first)
    result(closing)
    errors = [error_of(future) for future in blocked]
    assert all(error is None or isinstance(error, Closed) for error in errors)
    assert kept(directory) == [b"first"] + [b"blocked"] * errors.count(None)


@requirement("GRP-7", "GRP-3")
def test_closing_while_the_fsync_fails_tells_everybody(make: Make, disk: Disk) -> None:
    """The last batch can fail as any other."""
    buffer = make()
    disk.hold()
    futures = [buffer.append(b"first")]
    disk.await_sync()
    futures.append(buffer.append(b"second"))
    closing = in_a_thread(buffer.close)

    disk.fail_sync = OSError(errno.EIO, "Input/output error")
    disk.let_go()

    assert [type(error_of(future)) for future in futures] == [InputOutput, Poisoned]
    assert isinstance(error_of(closing), Poisoned)


@requirement("GRP-7")
def test_a_closed_buffer_refuses(make: Make) -> None:
    """Appending and cleaning up raise at once; closing again does nothing."""
    buffer = make()
    buffer.close()

    buffer.close()

    with pytest.raises(Closed):
        buffer.append(b"late")
    with pytest.raises(Closed):
        buffer.cleanup()


@requirement("GRP-7")
def test_closing_is_safe_in_several_threads_at_once(make: Make, directory: str) -> None:
    """Each of them returns when the journal is closed."""
    buffer = make()
    future = buffer.append(b"record")

    for closing in [in_a_thread(buffer.close) for _ in range(8)]:
        result(closing)

    assert result(future) == 0
    assert kept(directory) == [b"record"]


# The owner


def test_an_error_in_the_body_is_not_replaced_by_one_of_closing(make: Make, disk: Disk) -> None:
    """A `with` block that raises also closes, and the first error is the one seen."""
    disk.fail_sync = OSError(errno.EIO, "Input/output error")
    buffer = make()

    def body() -> None:
        with buffer:
            error_of(buffer.append(b"lost"))
            raise LookupError("the body's")

    with pytest.raises(LookupError, match="the body's"):
        body()
    with pytest.raises(Closed):
        buffer.append(b"late")


@requirement("SEG-7")
def test_cleanup_happens_between_batches(make: Make, disk: Disk, directory: str) -> None:
    """A cleanup asked for during an fsync waits for it, and removes what the cursor passed."""
    buffer = make(segment_bytes=100)
    offsets = [result(buffer.append(payload)) for payload in (b"old", b"older", b"new enough")]
    Cursor.open(directory, "consumer").advance(offsets[2])
    disk.hold()
    while disk.syncing.acquire(blocking=False):
        pass
    future = buffer.append(b"newest")
    disk.await_sync()

    cleanup = buffer.cleanup()
    assert not wait([cleanup], timeout=0.05).done
    disk.let_go()

    assert result(cleanup) == offsets[2]
    result(future)
    buffer.close()
    assert kept(directory) == [b"new enough", b"newest"]


def test_a_cleanup_that_is_refused_harms_nobody(make: Make, directory: str) -> None:
    """A damaged cursor is reported to whoever asked, and appending goes on."""
    buffer = make()
    result(buffer.append(b"before"))
    Path(directory, "consumer.cursor").write_bytes(b"damaged")

    assert isinstance(error_of(buffer.cleanup()), Corrupt)
    assert result(buffer.append(b"after")) == 46


# Bad input


@requirement("FRM-8")
def test_a_record_that_is_too_large_is_refused_at_the_door(directory: str) -> None:
    """The error is raised by `append`, and the buffer goes on."""
    journal = Journal.open(directory, durability="batched", max_payload=10)
    with GroupCommitBuffer(journal) as buffer:
        with pytest.raises(TooLarge):
            buffer.append(bytes(11))
        assert result(buffer.append(bytes(10))) == 0


def test_what_is_no_bytes_is_refused_at_the_door(make: Make) -> None:
    """A mistake of one producer is not everybody's."""
    buffer = make()

    with pytest.raises(TypeError):
        buffer.append("text")  # type: ignore[arg-type]

    assert result(buffer.append(b"bytes")) == 0


@requirement("JRN-10")
@pytest.mark.parametrize("durability", ["immediate", "eventual"])
def test_a_journal_of_another_durability_is_refused(directory: str, durability: str) -> None:
    """The message says what to do."""
    with (
        Journal.open(directory, durability=durability) as journal,
        pytest.raises(Invalid, match="open it with durability batched"),
    ):
        GroupCommitBuffer(journal)


@pytest.mark.parametrize(
    "options",
    [
        {"max_records": 0},
        {"max_bytes": 0},
        {"max_delay": -0.001},
        {"max_delay": float("nan")},
        {"queue_records": 0},
    ],
    ids=str,
)
def test_impossible_bounds_are_refused(directory: str, options: dict[str, int]) -> None:
    """No thread is started for them."""
    threads = threading.active_count()
    with Journal.open(directory, durability="batched") as journal, pytest.raises(Invalid):
        GroupCommitBuffer(journal, **options)  # type: ignore[arg-type]
    assert threading.active_count() == threads
