"""The bounds of a group commit, who owns its journal, and bad input."""

import errno
import threading
from concurrent.futures import Future, wait
from pathlib import Path

import pytest
from tornproof.errors import Closed, Corrupt, Invalid, QueueFull, TooLarge
from tornproof.journal import Cursor, GroupCommitBuffer, Journal
from tornproof_conformance.pytest_support.plugin import requirement

from tests.reference.group_commit.slow_disks import Disk, Make, error_of, in_a_thread, kept, result

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
