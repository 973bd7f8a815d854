"""
What lines of strace mean, line by line.

The lines are frozen: they were written by strace 6.1, and shortened by hand.  `/d` is
the directory that is recorded.
"""

import pytest
from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.lines import Call, Cut, Ended, Unreadable, assemble
from tornproof_conformance.recorder.observations import Item, Said
from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.recording import Recording
from tornproof_conformance.recorder.strace import HANDLERS
from tornproof_conformance.recorder.tree import Tree
from tornproof_models.disk.legality import LARGEST_FILE_BYTES
from tornproof_models.disk.trace import (
    ROOT,
    Create,
    Image,
    PartialSync,
    Sync,
    SyncFailed,
    Write,
)


def hexadecimal(text: str) -> str:
    """Write a string as `strace -xx` does."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def opened(number: int, name: str, *, process: int = 7, flags: str = "O_RDWR|O_CREAT") -> str:
    """The line in which a file of the directory is opened."""
    working, path = hexadecimal("/d"), hexadecimal(f"/d/{name}")
    asked = hexadecimal(name)
    return f'{process} openat(AT_FDCWD<{working}>, "{asked}", {flags}, 0644) = {number}<{path}>'


def written(number: int, name: str, text: str) -> str:
    """The call in which a string is written, without a process and a result."""
    return f'write({number}<{hexadecimal(f"/d/{name}")}>, "{hexadecimal(text)}", {len(text)}'


def synced(number: int, name: str) -> str:
    """The call in which a file is synced, without a process and a result."""
    return f"fsync({number}<{hexadecimal(f'/d/{name}')}>"


def recording_of(*lines: str, image: Image | None = None) -> Recording:
    """Feed lines to a recording of `/d`."""
    recording = Recording.begin(Tree.of("/d", image or Image()), HANDLERS, "/d")
    recording.feed("\n".join(lines) + "\n")
    return recording


def items(*lines: str, image: Image | None = None) -> list[Item]:
    """Return what lines come to."""
    return recording_of(*lines, image=image).items


A = Create(ROOT, "a", 1)


# Lines


def test_a_call_in_two_pieces_is_one() -> None:
    """It keeps both places, because what it did happened between them."""
    [first, second] = assemble(
        "7 fsync(3 <unfinished ...>\n8 close(4) = 0\n7 <... fsync resumed>) = 0"
    )

    assert first == Call(8, "close", ("4",), "0", "", 1, 1)
    assert second == Call(7, "fsync", ("3",), "0", "", 0, 2)


def test_arguments_may_follow_after_the_interruption() -> None:
    """What a call returns through memory is written down when it returns."""
    begun = "7 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>"
    text = f"{begun}\n7 <... clone resumed>, child_tidptr=0x7f) = 9"

    [call] = assemble(text)

    assert isinstance(call, Call)
    assert call.arguments == ("child_stack=NULL", "flags=SIGCHLD", "child_tidptr=0x7f")
    assert call.result == "9"


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", ()),
        ("3, [0], 4", ("3", "[0]", "4")),
        ("[{iov_base=1, iov_len=2}, {iov_base=3, iov_len=4}], 2", None),
        ("3</d/a>(deleted), F_SETFL, 0", ("3</d/a>(deleted)", "F_SETFL", "0")),
    ],
)
def test_arguments_end_at_commas_outside_brackets(
    text: str, arguments: tuple[str, ...] | None
) -> None:
    """Structures, arrays and the mark of a deleted file stay whole."""
    [call] = assemble(f"7 name({text}) = 0")

    assert isinstance(call, Call)
    expected = arguments or (() if arguments == () else (text[:-3], "2"))
    assert call.arguments == expected


def test_errors_are_named() -> None:
    """An injected error is one like any other."""
    [call] = assemble("7 fsync(3) = -1 EIO (Input/output error) (INJECTED)")

    assert isinstance(call, Call)
    assert (call.result, call.error) == ("-1", "EIO")


def test_a_call_that_never_returned_is_cut() -> None:
    """A killed process leaves its last call open, and nobody knows what it did."""
    text = "7 write(3, 4, 5 <unfinished ...>\n7 +++ killed by SIGKILL +++\n8 exit_group(0) = ?"

    assert list(assemble(text)) == [
        Cut(7, "write", ("3", "4", "5"), 0, 1),
        Ended(7, 1),
        Cut(8, "exit_group", ("0",), 2, 2),
    ]


def test_a_call_that_will_be_made_again_is_none() -> None:
    """The kernel restarts it, and strace writes it down once more."""
    again = "7 read(0, 0x7f, 5) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)"

    assert list(assemble(again)) == []


@pytest.mark.parametrize(
    "text", ["no process here", "7 gibberish", "7 <... read resumed>) = 0", "7 = 0"]
)
def test_what_strace_does_not_write_is_refused(text: str) -> None:
    """A log that is damaged gives no trace."""
    with pytest.raises(Unreadable, match="line 1"):
        list(assemble(text))


# Arguments


def test_strings_may_hold_any_byte() -> None:
    """Zeros, quotes and commas are hexadecimal, like the rest."""
    assert arguments.string(r'"\x00\x22\x2c\xff"') == b'\0",\xff'


def test_a_string_cut_off_is_refused() -> None:
    """Half of what was written is no write."""
    with pytest.raises(Unreadable, match="cut off"):
        arguments.string(r'"\x61"...')


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("/d", "a", "/d/a"),
        ("/d/e", "../a", "/d/a"),
        ("/d", "/x//y/./z", "/x/y/z"),
        ("/d", "//x", "/x"),
    ],
)
def test_relative_paths_start_at_a_directory(base: str, path: str, expected: str) -> None:
    """Dots and doubled slashes are nothing."""
    assert arguments.resolve(base, path) == expected


# Several at a time


def test_a_sync_misses_what_came_while_it_ran() -> None:
    """It covers what had been written when it began, and nobody knows of the rest."""
    found = items(
        opened(3, "a"),
        f"7 {written(3, 'a', 'one')}) = 3",
        f"7 {synced(3, 'a')} <unfinished ...>",
        f"8 {written(3, 'a', 'two')}) = 3",
        "7 <... fsync resumed>) = 0",
        f"7 {synced(3, 'a')}) = 0",
        "7 clone(flags=CLONE_FILES|CLONE_FS) = 8",
    )

    assert found == [
        A,
        Write(1, 0, b"one"),
        Write(1, 3, b"two"),
        PartialSync(1, 0, LARGEST_FILE_BYTES, 1),
        Sync(1),
    ]


def test_a_write_that_began_before_a_sync_and_ended_in_it_is_missed() -> None:
    """When it took effect cannot be told, so the sync is not credited with it."""
    found = items(
        opened(3, "a"),
        "7 clone(flags=CLONE_FILES|CLONE_FS) = 8",
        f"8 {written(3, 'a', 'one')} <unfinished ...>",
        f"7 {synced(3, 'a')} <unfinished ...>",
        "8 <... write resumed>) = 3",
        "7 <... fsync resumed>) = 0",
    )

    assert found == [A, Write(1, 0, b"one"), PartialSync(1, 0, LARGEST_FILE_BYTES, 1)]


def test_a_reply_counts_from_its_beginning() -> None:
    """Whoever reads it may act on it before the write of it returns."""
    found = items(
        opened(3, "a"),
        "7 clone(flags=CLONE_FILES|CLONE_FS) = 8",
        f"7 {synced(3, 'a')} <unfinished ...>",
        f'8 write(1, "{hexadecimal("done")}", 4 <unfinished ...>',
        "7 <... fsync resumed>) = 0",
        "8 <... write resumed>) = 4",
    )

    assert found == [A, Said(Stream.REPLIES, b"done"), Sync(1)]


def test_a_child_may_be_seen_before_its_parents_call_returns() -> None:
    """It has what its parent had, from its first call on."""
    found = items(
        opened(3, "a"),
        "7 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
        f"8 {written(3, 'a', 'child')}) = 5",
        "7 <... clone resumed>, child_tidptr=0x7f) = 8",
    )

    assert found == [A, Write(1, 0, b"child")]


def test_a_child_of_vfork_may_be_heard_of_before_its_number() -> None:
    """The parent stands still until the child has exec'ed, and the log may be read before."""
    recording = recording_of(opened(3, "a"), "7 vfork( <unfinished ...>")
    recording.feed(f"8 {written(3, 'a', 'child')}) = 5\n")

    assert recording.items == [A, Write(1, 0, b"child")]


def test_a_process_without_a_parent_is_refused() -> None:
    """What it has open is not known, so what it writes cannot be told."""
    with pytest.raises(Unreadable, match="process 8 has no parent"):
        items(opened(3, "a"), f"8 {written(3, 'a', 'x')}) = 1")


def test_threads_close_for_each_other() -> None:
    """They share the numbers; a number that was closed stands for nothing."""
    found = items(
        opened(3, "a"),
        "7 clone(flags=CLONE_FILES|CLONE_FS) = 8",
        "8 close(3) = 0",
        f"7 {written(3, 'a', 'x')}) = 1",
    )

    assert found == [A]


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
