"""Group commit with real threads on a real disk: what a future says, and what failures do."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tornproof.errors import (
    Closed,
    InputOutput,
    NoSpace,
    Poisoned,
    TornproofError,
)
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.group_commit.slow_disks import (
    Disk,
    Make,
    error_of,
    in_a_thread,
    kept,
    result,
)

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
