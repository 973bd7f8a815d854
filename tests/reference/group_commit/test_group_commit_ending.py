"""How a group commit is closed, and what becomes of those who wait."""

import errno
from concurrent.futures import wait

import pytest
from tornproof.errors import Closed, InputOutput, Poisoned
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.group_commit.slow_disks import (
    PATIENCE,
    Disk,
    Make,
    error_of,
    in_a_thread,
    kept,
    result,
)


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
