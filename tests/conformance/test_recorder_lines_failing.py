"""What lines of strace mean that tell of failures, of other directories, and of several."""

import pytest
from tornproof_conformance.recorder.recording import Recording
from tornproof_conformance.recorder.strace import HANDLERS
from tornproof_conformance.recorder.tree import Tree
from tornproof_models.disk.trace import ROOT, Create, Image, SyncFailed, Write

from tests.conformance.strace_lines import (
    A,
    hexadecimal,
    items,
    opened,
    recording_of,
    synced,
    written,
)

# Failures


def test_a_failed_sync_is_one() -> None:
    """What was dirty is given up by the kernel; an interrupted sync gives up nothing."""
    found = items(
        opened(3, "a"),
        f"7 {synced(3, 'a')}) = -1 EIO (Input/output error) (INJECTED)",
        f"7 {synced(3, 'a')}) = -1 EINTR (Interrupted system call)",
    )

    assert found == [A, SyncFailed(1)]


def test_a_failed_write_changes_nothing() -> None:
    """And a short one changes as much as it says."""
    found = items(
        opened(3, "a"),
        f"7 {written(3, 'a', 'full')}) = -1 ENOSPC (No space left on device)",
        f"7 {written(3, 'a', 'short')}) = 2",
        f"7 {written(3, 'a', 'x')}) = 1",
    )

    assert found == [A, Write(1, 0, b"sh"), Write(1, 2, b"x")]


def test_a_write_that_was_killed_is_untraceable() -> None:
    """Nobody knows whether it happened; a read does not matter."""
    recording = recording_of(
        opened(3, "a"),
        f"7 {written(3, 'a', 'x')} <unfinished ...>",
        "7 +++ killed by SIGKILL +++",
    )
    reading = recording_of(opened(3, "a"), "7 read(0, <unfinished ...>", "7 +++ exited with 0 +++")

    assert [each.call for each in recording.untraceable] == ["write"]
    assert reading.untraceable == []


@pytest.mark.parametrize("name", ["io_uring_setup", "io_submit"])
def test_asynchronous_writing_is_untraceable(name: str) -> None:
    """Its orders pass through memory."""
    recording = recording_of(f"7 {name}(8, 0x7f) = 4")

    assert [each.call for each in recording.untraceable] == [name]


def test_bytes_from_outside_are_untraceable() -> None:
    """copy_file_range does not show them; from a file of the directory they are known."""
    copied = "7 copy_file_range({}, [0], {}, NULL, 2, 0) = 2"
    a, b = f"3<{hexadecimal('/d/a')}>", f"4<{hexadecimal('/d/b')}>"
    image = Image({"/a": b"xyz"})

    within = recording_of(opened(3, "a"), opened(4, "b"), copied.format(a, b), image=image)
    outside = recording_of(opened(4, "b"), copied.format(f"9<{hexadecimal('/elsewhere')}>", b))

    assert within.items == [Create(ROOT, "b", 2), Write(2, 0, b"xy")]
    assert [each.call for each in outside.untraceable] == ["copy_file_range"]


CLONES = [
    ("BTRFS_IOC_CLONE or FICLONE, 3", Write(2, 0, b"0123456789")),
    ("FICLONE, 3<{a}>", Write(2, 0, b"0123456789")),
    (
        "BTRFS_IOC_CLONE_RANGE or FICLONERANGE, "
        "{{src_fd=3<{a}>, src_offset=2, src_length=4, dest_offset=8}}",
        Write(2, 8, b"2345"),
    ),
    (
        "FICLONERANGE, {{src_fd=3<{a}>, src_offset=6, src_length=0, dest_offset=0}}",
        Write(2, 0, b"6789"),
    ),
]


@pytest.mark.parametrize(("asked", "expected"), CLONES)
def test_a_clone_of_extents_is_a_copy(asked: str, expected: Write) -> None:
    """Where the source is known; a later write goes where it would have gone without it."""
    a, b = hexadecimal("/d/a"), hexadecimal("/d/b")
    clone = f"7 ioctl(4<{b}>, {asked.format(a=a)}) = 0"
    image = Image({"/a": b"0123456789"})
    lines = (opened(3, "a"), opened(4, "b"), clone, f"7 {written(4, 'b', '!')}) = 1")

    within = recording_of(*lines, image=image)
    outside = recording_of(opened(4, "b"), clone)

    assert within.items == [Create(ROOT, "b", 2), expected, Write(2, 0, b"!")]
    assert [each.call for each in outside.untraceable] == ["ioctl"]


def test_a_request_that_is_not_known_is_untraceable() -> None:
    """It may change the file that it is asked of; one that only looks does not."""
    b = hexadecimal("/d/b")
    unknown = f"7 ioctl(4<{b}>, _IOC(_IOC_WRITE, 0xf5, 0x1, 0x4), 0x3) = 0"
    looking = f"7 ioctl(4<{b}>, FS_IOC_GETFLAGS, [FS_EXTENT_FL]) = 0"
    failing = f"7 ioctl(4<{b}>, BTRFS_IOC_CLONE or FICLONE, 9) = -1 EOPNOTSUPP (Not supported)"

    recording = recording_of(opened(4, "b"), unknown)
    harmless = recording_of(opened(4, "b"), looking, failing)

    assert "asked of b" in recording.untraceable[0].reason
    assert harmless.untraceable == []
    assert harmless.items == [Create(ROOT, "b", 1)]


def test_a_request_may_close_a_descriptor_on_exec() -> None:
    """What the next program writes to the number is not the file's."""
    path = hexadecimal("/d/b")
    closing = (f"7 ioctl(4<{path}>, FIOCLEX) = 0", '7 execve("\\x61", [], 0x1) = 0')
    found = recording_of(opened(4, "b"), *closing, f"7 {written(4, 'b', '!')}) = 1")
    assert found.items == [Create(ROOT, "b", 1)]


# Outside the directory


@pytest.mark.parametrize(
    ("path", "noted"),
    [
        ("/tmp/state", True),
        ("/directory/state", True),
        ("/d/x", False),
        ("/proc/self/oom_score_adj", False),
        ("/lib/__pycache__/x.pyc", False),
    ],
)
def test_a_write_outside_is_noted(path: str, noted: bool) -> None:
    """By the path that the descriptor has; what an interpreter compiles is no state."""
    hexed = hexadecimal(path)
    recording = recording_of(
        f'7 write(9<{hexed}>, "\\x61", 1) = 1', f'7 pwrite64(9<{hexed}>, "\\x61", 1, 0) = 1'
    )
    assert list(recording.outside) == [path] * noted


def test_what_was_written_outside_is_known_by_its_last_name() -> None:
    """A rename outside gives it another; a file without a name is nobody's."""
    write = f'7 write(9<{hexadecimal("/tmp/new")}>, "\\x61", 1) = 1'
    nameless = f'7 write(8<{hexadecimal("/tmp/gone")}>(deleted), "\\x61", 1) = 1'
    rename = f'7 rename("{hexadecimal("/tmp/new")}", "{hexadecimal("/tmp/state")}") = 0'
    recording = recording_of(write, nameless, rename)
    assert list(recording.outside) == ["/tmp/state"]


def test_a_write_to_the_directory_before_is_none_outside() -> None:
    """A thread may still be at work there."""
    recording = recording_of(opened(3, "a"))
    recording.turn_to(Tree.of("/e", Image()))
    recording.feed(f"7 {written(3, 'a', 'late')}) = 4\n")
    assert list(recording.outside) == []


# One directory after the other


def test_a_process_may_turn_to_another_directory() -> None:
    """What it has open of the one before is of no interest any more."""
    recording = recording_of(opened(3, "a"))
    recording.turn_to(Tree.of("/e", Image()))

    path = hexadecimal("/e/b")
    recording.feed(f"7 {written(3, 'a', 'late')}) = 4\n")
    recording.feed(f'7 openat(AT_FDCWD, "{path}", O_WRONLY|O_CREAT, 0644) = 4<{path}>\n')

    assert recording.items == [Create(ROOT, "b", 1)]


def test_a_new_process_goes_on_where_the_last_one_was_killed() -> None:
    """The files stay, and the numbers of descriptors begin anew."""
    first = recording_of(opened(3, "a"), f"7 {written(3, 'a', 'one')}) = 3")
    second = Recording.begin(first.tree, HANDLERS, "/d")

    second.feed(f"{opened(3, 'a', process=9, flags='O_WRONLY|O_APPEND')}\n")
    second.feed(f"9 {written(3, 'a', 'two')}) = 3\n")

    assert first.items == [A, Write(1, 0, b"one")]
    assert second.items == [Write(1, 3, b"two")]
