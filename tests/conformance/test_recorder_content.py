"""What the recorder knows of a file costs what was written to it."""

import mmap

import pytest
from tornproof_conformance.recorder.content import FileContent
from tornproof_models.disk.sparse import SparseContent

PAGE = mmap.PAGESIZE


def test_bytes_that_were_cut_off_are_zeros_when_the_file_grows_again() -> None:
    """A file that is cut in the middle of a page and grows holds zeros behind the cut."""
    content = FileContent.of(b"abcdef")

    content.resize(2)
    content.resize(2 * PAGE)

    assert content[0 : 2 * PAGE] == b"ab" + bytes(2 * PAGE - 2)


@pytest.mark.parametrize("offset", [3, PAGE - 1, 3 * PAGE + 5])
def test_a_write_behind_the_end_leaves_zeros_before_it(offset: int) -> None:
    """A hole reads as zeros, on whichever page it ends."""
    content = FileContent.of(b"abc")

    content.write(offset, b"xy")

    assert content[0 : offset + 9] == b"abc" + bytes(offset - 3) + b"xy"


def test_a_sparse_file_is_taken_over_without_its_zeros() -> None:
    """A segment of eight gibibytes with one sector is held."""
    size = 1 << 33
    sparse = SparseContent(size, 512, {}, {1 << 20: b"x" * 512})

    content = FileContent.of(sparse)

    assert (len(content), content[(512 << 20) - 1 : (512 << 20) + 1]) == (size, b"\0x")


def test_what_is_known_is_left_out_of_a_change() -> None:
    """Of bytes that are written, those that differ say what has changed."""
    content = FileContent.of(b"abcdef")

    assert content.changed(1, b"bXdYf") == (2, b"XdY")
    assert content.changed(1, b"bcd") == (1, b"")
