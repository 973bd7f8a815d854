"""What comes from outside is read in one place, within limits, and refused in one line."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tornproof.errors import Invalid
from tornproof_models.documents.files import parse_json, read_file, read_json
from tornproof_models.documents.limits import FILES, FileLimit
from tornproof_models.documents.values import Value, require_path
from tornproof_models.documents.words import printable, shown


def refusal(path: Path) -> str:
    """Return why a file is not read, which must be one printable line that names it."""
    with pytest.raises(Invalid) as caught:
        read_json(path, "trace")
    words = str(caught.value)
    assert words.isprintable()
    assert shown(path) in words
    return words


# Files


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """Opening it for reading would block until somebody writes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert "it is a pipe" in refusal(path)


def test_a_device_is_refused_and_not_read(tmp_path: Path) -> None:
    """A link to it is the user's word, and what it leads to has no end."""
    (tmp_path / "zero").symlink_to("/dev/zero")
    assert "it is a device" in refusal(tmp_path / "zero")


def test_a_socket_and_a_directory_are_refused(tmp_path: Path) -> None:
    """Neither holds a document."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert "it is a socket" in refusal(tmp_path / "socket")
    assert "it is a directory" in refusal(tmp_path)


def test_a_sparse_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A tebibyte costs its writer nothing, and would cost its reader all memory."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert "more than 536,870,912 bytes" in refusal(path)


def test_a_name_that_is_not_utf_8_can_be_named(tmp_path: Path) -> None:
    """Its bytes are shown as escapes."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m"))
    assert "\\udcff\\x1b[31m" in refusal(path)


def test_a_regular_file_is_read_through_a_link(tmp_path: Path) -> None:
    """The user has named it."""
    (tmp_path / "file").write_bytes(b"[]")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link", "trace") == b"[]"


# JSON

NOT_TAKEN = {
    "half a surrogate pair": rb'["\ud800"]',
    "half of one in a name": rb'{"\udc00": 1}',
    "a name twice": b'{"a": 1, "b": 2, "a": 3}',
    "not a number": b"[NaN]",
    "no end": b"[-Infinity]",
    "too many digits": b"[" + b"9" * 5000 + b"]",
    "too deep": b"[" * 100_000,
    "not UTF-8": b'["\xff"]',
    "two documents": b"{} {}",
    "nothing": b"",
    "cut short": b'{"a": [1, 2',
}


@pytest.mark.parametrize("data", NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_json_with_no_one_meaning_is_refused(data: bytes) -> None:
    """What one reader takes and another does not, or takes otherwise, is taken by none."""
    with pytest.raises(Invalid, match=r"^here ") as caught:
        parse_json(data, "trace", "here")
    assert len(str(caught.value)) < 300


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=25)
@given(JSON, st.booleans())
def test_any_other_json_is_read_as_it_was_written(document: Any, ascii_only: bool) -> None:
    """Escaped or not, surrogate pairs included."""
    written = json.dumps(document, ensure_ascii=ascii_only).encode()
    assert parse_json(written, "trace", "here") == document


def test_values_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of brackets is 50 megabytes of lists."""
    monkeypatch.setitem(
        cast("dict[str, FileLimit]", FILES), "few", FileLimit(1 << 20, 10, "a test")
    )
    assert parse_json(b"[1,2,3,4,5,6,7,8,9]", "few", "here") == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    with pytest.raises(Invalid, match="more than 10 values"):
        parse_json(b"[1,2,3,4,5,6,7,8,9,10,[]]", "few", "here")


READ = """
import resource, sys
from tornproof.errors import Invalid
from tornproof_models.documents.files import parse_json
try:
    parse_json(sys.argv[1].encode() * 3_000_000, sys.argv[2], "here")
except Invalid:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@pytest.mark.parametrize("unit", ['{"a":1},', "["])
def test_a_small_file_cannot_take_much_memory(unit: str) -> None:
    """Whatever a few megabytes of it hold, a reproducer is refused within 512 MiB."""
    run = subprocess.run(
        [sys.executable, "-c", READ, unit, "reproducer"], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 512


# Values


def complaint(document: Any, *steps: str, **kinds: str) -> str:
    """Return what is said of a member that is asked for as something that it is not."""
    value = Value(document, "file.json")
    for step in steps:
        value = value.member(step)
    (method, argument), *_ = kinds.items()
    with pytest.raises(Invalid) as caught:
        getattr(value, method)(*([argument] if argument else []))
    return str(caught.value)


def test_a_complaint_says_which_file_where_what_and_what_was_expected() -> None:
    """All four, in one line."""
    assert complaint({"case": {"size": "many"}}, "case", "size", number="size") == (
        "file.json: $.case.size is 'many'; a whole number from 0 to 16,777,217 (the largest "
        "payload of the specification, and one more) was expected"
    )


@pytest.mark.parametrize("value", [True, 5.0, "5", None, -1, (16 << 20) + 2, 10**400])
def test_types_and_limits_are_exact(value: Any) -> None:
    """Python takes some of them for equal; here none is a size."""
    assert complaint({"size": value}, "size", number="size").startswith("file.json: $.size is ")


@pytest.mark.parametrize("text", ["AAA", "AA=A", "A A=", "ÄAAA", "AAAA\n", 7])
def test_bytes_are_base64(text: Any) -> None:
    """The standard alphabet, padded, and nothing between."""
    assert "bytes in base64 was expected" in complaint(text, content="")


@pytest.mark.parametrize(
    "path",
    ["", "/", "a", "../a", "/..", "/a/../b", "/.", "/a//b", "/a/", "/a\0b", "/" + "x" * 256],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    """Whoever joins it to a directory stays below that."""
    value = Value(path, "file.json", "$.files")
    with pytest.raises(Invalid, match="an absolute path of plain names"):
        require_path(path, {"/a", "/a/..", "/a/", "/."}, value)


# Words


@given(st.text(st.characters(codec=None)))
def test_what_is_shown_is_printable(text: str) -> None:
    """Control characters, marks of direction and halves of pairs; what is printable stays."""
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()


@settings(max_examples=25)
@given(JSON)
def test_what_is_quoted_is_short(document: Any) -> None:
    """A value may be a whole file; its quotation is part of a line."""
    assert shown(document).isprintable()
    assert len(shown(document)) < 200


@pytest.mark.parametrize(
    ("value", "quoted"),
    [(1, "1"), (True, "true"), (0, "0"), (False, "false"), (1.0, "1.0"), (None, "null")],
)
def test_a_number_is_not_quoted_as_a_truth_value(value: Any, quoted: str) -> None:
    """Python takes 1 and True for equal, and JSON does not."""
    assert shown(value) == quoted
