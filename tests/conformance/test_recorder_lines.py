"""
What lines of strace mean, line by line.

The lines are frozen: they were written by strace 6.1, and shortened by hand.

"""

import pytest
from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.lines import Call, Cut, Ended, Unreadable, assemble
from tornproof_conformance.recorder.observations import Said
from tornproof_conformance.recorder.processes import Stream
from tornproof_models.disk.legality import LARGEST_FILE_BYTES
from tornproof_models.disk.trace import (
    PartialSync,
    Sync,
    Write,
)

from tests.conformance.strace_lines import (
    A,
    hexadecimal,
    items,
    opened,
    recording_of,
    synced,
    written,
)

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
