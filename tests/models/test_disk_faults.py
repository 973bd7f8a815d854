"""The filesystem in memory fails as it is told."""

import errno
import os
import re
from collections.abc import Callable

import pytest
from tornproof_models.disk.faults import Fault, Kind
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image, Sync, SyncFailed, Write


@pytest.fixture
def filesystem() -> ModelFilesystem:
    """A disk with one file of eight bytes."""
    return ModelFilesystem(Image({"/a": b"AAAABBBB"}))


def test_a_write_that_fails_does_nothing(filesystem: ModelFilesystem) -> None:
    """After EIO the file is as it was, and so is the trace."""
    file = filesystem.open("/a")
    filesystem.fail(1, Fault.ERROR)

    with pytest.raises(OSError, match="Input/output error") as raised:
        file.write_at(0, b"aaaa")

    assert raised.value.errno == errno.EIO
    assert filesystem.image.files == {"/a": b"AAAABBBB"}
    assert filesystem.events == []


def test_a_write_may_fail_after_the_fact(filesystem: ModelFilesystem) -> None:
    """EIO does not mean that nothing happened."""
    file = filesystem.open("/a")
    filesystem.fail(1, Fault.ERROR_AFTER)

    with pytest.raises(OSError, match="Input/output error"):
        file.write_at(0, b"aaaa")

    assert filesystem.image.files == {"/a": b"aaaaBBBB"}
    assert filesystem.events == [Write(1, 0, b"aaaa")]


def test_a_short_write_says_so(filesystem: ModelFilesystem) -> None:
    """Half of the bytes are there, and the count is theirs."""
    file = filesystem.open("/a")
    filesystem.fail(1, Fault.SHORT_WRITE)

    written = file.write_at(0, b"aaaabb")

    assert written == 3
    assert filesystem.image.files == {"/a": b"aaaABBBB"}
    assert filesystem.events == [Write(1, 0, b"aaa")]


@pytest.mark.parametrize(
    ("fault", "number"), [(Fault.NO_SPACE, errno.ENOSPC), (Fault.NO_QUOTA, errno.EDQUOT)]
)
def test_space_is_refused_by_its_own_number(
    filesystem: ModelFilesystem, fault: Fault, number: int
) -> None:
    """A full disk and a quota that is used up differ in their error numbers, and write nothing."""
    file = filesystem.open("/a")
    filesystem.fail(1, fault)

    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as raised:
        file.write_at(0, b"aaaa")

    assert raised.value.errno == number
    assert filesystem.image.files == {"/a": b"AAAABBBB"}


def test_a_disk_may_fill_up_in_the_middle(filesystem: ModelFilesystem) -> None:
    """Half of a write fits, and then nothing does."""
    file = filesystem.open("/a")
    filesystem.fail(1, Fault.SHORT_THEN_NO_SPACE)

    written = file.write_at(8, b"CCCC")
    with pytest.raises(OSError, match="No space left") as raised:
        file.write_at(10, b"CC")

    assert written == 2
    assert raised.value.errno == errno.ENOSPC
    assert filesystem.image.files == {"/a": b"AAAABBBBCC"}


@pytest.mark.parametrize(
    "operation",
    [
        lambda disk: disk.open("/a").write_at(0, b"aaaa"),
        lambda disk: disk.open("/a").truncate(4),
        lambda disk: disk.open("/b", create=True),
        lambda disk: disk.make_directory("/d"),
        lambda disk: disk.rename("/a", "/b"),
        lambda disk: disk.unlink("/a"),
    ],
    ids=["write", "truncate", "create", "make directory", "rename", "unlink"],
)
def test_a_full_disk_does_nothing(
    filesystem: ModelFilesystem, operation: Callable[[ModelFilesystem], object]
) -> None:
    """After ENOSPC the tree is as it was."""
    filesystem.fail(1, Fault.NO_SPACE)

    with pytest.raises(OSError, match="No space left"):
        operation(filesystem)

    assert filesystem.image.files == {"/a": b"AAAABBBB"}
    assert filesystem.events == []


@pytest.mark.parametrize("fault", Fault)
def test_a_sync_that_fails_is_recorded(filesystem: ModelFilesystem, fault: Fault) -> None:
    """However a sync fails, it is EIO once, and in the trace; the next one succeeds."""
    file = filesystem.open("/a")
    filesystem.fail(1, fault)

    with pytest.raises(OSError, match="Input/output error"):
        file.sync()
    file.sync()

    assert filesystem.events == [SyncFailed(1), Sync(1, data_only=True)]


def test_a_sync_of_a_directory_can_fail(filesystem: ModelFilesystem) -> None:
    """It is recorded with the inode of the directory."""
    filesystem.make_directory("/d")
    filesystem.fail(1, Fault.ERROR)

    with pytest.raises(OSError, match="Input/output error"):
        filesystem.sync_directory("/d")

    assert filesystem.events[-1] == SyncFailed(2)


def test_a_read_can_fail(filesystem: ModelFilesystem) -> None:
    """A read error is an error, not an empty file."""
    file = filesystem.open("/a")
    filesystem.fail(1, Fault.ERROR)

    with pytest.raises(OSError, match="Input/output error"):
        file.read_at(0, 4)


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_the_nth_operation_fails_and_no_other(filesystem: ModelFilesystem, nth: int) -> None:
    """Operations are counted from the moment the fault is armed; it strikes once."""
    file = filesystem.open("/a")
    file.write_at(0, b"before")
    before = filesystem.operations
    filesystem.fail(nth, Fault.ERROR)

    failed = []
    for number in range(1, 6):
        armed = filesystem.armed
        try:
            file.write_at(0, b"aaaa")
        except OSError:
            failed.append(number)
        assert armed == (number <= nth)
        assert filesystem.struck_since(before) == (number >= nth)

    assert failed == [nth]


def test_a_fault_can_be_forgotten(filesystem: ModelFilesystem) -> None:
    """A fault that was disarmed never strikes."""
    filesystem.fail(1, Fault.ERROR)

    filesystem.disarm()

    filesystem.open("/a").sync()
    assert not filesystem.struck_since(0)


def test_says_what_sort_each_operation_was(filesystem: ModelFilesystem) -> None:
    """So that whoever fails the Nth can choose which N."""
    file = filesystem.open("/b", create=True)
    file.write_at(0, b"BB")
    file.read_at(0, 2)
    file.sync()
    filesystem.sync_directory("/")

    assert filesystem.kinds == [Kind.NAME, Kind.WRITE, Kind.READ, Kind.SYNC, Kind.SYNC]
    assert filesystem.operations == 5
