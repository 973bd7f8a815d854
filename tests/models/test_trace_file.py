"""A trace survives being a file, and a file that is no trace is refused with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornproof.errors import Invalid
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.crash.program import Append, Kill, Reopen, Rotate, Sync
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Trace
from tornproof_models.disk.trace_file import (
    decode_trace,
    encode_trace,
    hash_trace,
    load_trace,
    save_trace,
)

from tests.models.traces import IMAGES, KINDS
from tests.models.traces import run as run_steps

NUMBERS = st.integers(0, 13)
STEPS = st.lists(st.tuples(st.sampled_from(list(KINDS)), NUMBERS, NUMBERS, NUMBERS), max_size=12)
STORY = (Append(5), Sync(), Rotate(), Append(600), Kill(), Append(7), Reopen())


def journal_trace() -> Trace:
    """Return a trace with every kind of mark but a failure."""
    return run(STORY, find_subject("reference"), Options(durability="eventual")).filesystem.trace


@given(st.sampled_from(IMAGES), STEPS)
def test_a_trace_reads_as_it_was_written(image: Any, steps: Any) -> None:
    """Any trace of a program comes back equal, and writing it again gives the same bytes."""
    trace = run_steps(image, steps).trace
    written = encode_trace(trace)
    assert decode_trace(written) == trace
    assert encode_trace(decode_trace(written)) == written


def test_marks_read_as_they_were_written(tmp_path: Path) -> None:
    """Calls, promises and what was shown come back as well, through a file."""
    trace = journal_trace()
    save_trace(trace, tmp_path / "trace.json")
    assert load_trace(tmp_path / "trace.json") == trace


def test_the_bytes_are_those_of_the_second_version() -> None:
    """The format is frozen: this document, byte for byte, is what version 2 writes."""
    assert encode_trace(Trace(IMAGES[3], ())).decode() == (
        '{\n "events": [],\n "format": "tornproof-trace/2",\n "initial": {\n'
        '  "directories": [\n   "/d"\n  ],\n  "files": {\n   "/b": "",\n   "/d/a": "aW5zaWRl"\n'
        "  }\n }\n}\n"
    )


def test_the_hash_changes_with_every_event() -> None:
    """Leaving out any one event gives another hash."""
    trace = journal_trace()
    shorter = [
        Trace(trace.initial, trace.events[:n] + trace.events[n + 1 :])
        for n in range(len(trace.events))
    ]
    # of equal neighbours it makes no difference which is left out
    distinct = {each.events for each in shorter}
    assert len({hash_trace(each) for each in [trace, *shorter]}) == 1 + len(distinct)


def test_every_truncation_is_refused() -> None:
    """Wherever a file is cut short, reading it is an `Invalid`, never anything else."""
    written = encode_trace(run((Append(5),), find_subject("reference"), Options()).filesystem.trace)
    for length in range(len(written) - 2):
        with pytest.raises(Invalid):
            decode_trace(written[:length])


BASE: dict[str, Any] = {
    "format": "tornproof-trace/2",
    "initial": {"directories": ["/d"], "files": {"/d/a": "YQ=="}},  # /d is 1, /d/a is 2
    "events": [{"event": "sync", "inode": 2, "data_only": False}],
}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Write an event."""
    return {"event": kind, **fields}


INVOKED = event("invoked", call=0, operation="append", payload="")
MOVE = {"source_directory": 1, "source": "a", "target_directory": 1, "target": "b"}

IMPOSSIBLE = {
    "unknown inode": [event("write", inode=9, offset=0, data="")],
    "write to a directory": [event("write", inode=1, offset=0, data="")],
    "write before the file": [event("write", inode=2, offset=-1, data="")],
    "write beyond reason": [event("write", inode=2, offset=1 << 60, data="")],
    "truncate below zero": [event("truncate", inode=2, size=-1)],
    "truncate of a directory": [event("truncate", inode=1, size=0)],
    "sync of nothing": [event("sync", data_only=False, inode=9)],
    "sync of a directory as a file": [event("sync", data_only=False, inode=1)],
    "sync of a file as a directory": [event("sync_directory", inode=2)],
    "failed sync of nothing": [event("sync_failed", inode=9)],
    "create in a file": [event("create", directory=2, name="b", inode=3)],
    "create over a name": [event("create", directory=1, name="a", inode=3)],
    "create an old inode": [event("create", directory=1, name="b", inode=2)],
    "create the root": [event("create", directory=1, name="b", inode=0)],
    "create a path": [event("create", directory=1, name="b/c", inode=3)],
    "create a negative inode": [event("create", directory=1, name="b", inode=-3)],
    "make a directory twice": [event("make_directory", directory=0, name="d", inode=3)],
    "remove what is not there": [event("unlink", directory=1, name="b")],
    "remove a directory": [event("unlink", directory=0, name="d")],
    "rename what is not there": [event("rename", **{**MOVE, "source": "c"})],
    "rename over a directory": [
        event("rename", **{**MOVE, "target_directory": 0, "target": "d"}),
    ],
    "rename a directory": [event("rename", **{**MOVE, "source_directory": 0, "source": "d"})],
    "rename to no name": [event("rename", **{**MOVE, "target": ".."})],
    "answer to no call": [event("acked", call=0, offset=0, durable=True)],
    "second answer": [
        INVOKED,
        event("failed", call=0, definite=False),
        event("acked", call=0, offset=0, durable=True),
    ],
    "second call": [INVOKED, INVOKED],
    "promise by another operation": [event("flushed", operation="rotate")],
    "no kind": [{}],
    "unknown kind": [event("fly")],
    "kind that is a list": [event("sync", data_only=False, inode=2) | {"event": []}],
    "no event": [7],
    "missing field": [event("sync")],
    "field too many": [event("sync", data_only=False, inode=2, fast=True)],
    "boolean as inode": [event("sync", data_only=False, inode=True)],
    "float as inode": [event("sync", data_only=False, inode=2.0)],
    "text as boolean": [INVOKED, event("failed", call=0, definite="yes")],
    "not base64": [event("write", inode=2, offset=0, data="?")],
    "record without payload": [event("observed", records=[[1]])],
    "records that are none": [event("observed", records=7)],
}


@pytest.mark.parametrize("events", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_event_that_cannot_have_happened_is_named(events: list[Any]) -> None:
    """The message counts the event from 0, behind those that can have happened."""
    possible = [event("sync", data_only=False, inode=2)] * 3
    document = BASE | {"events": [*possible, *events]}
    number = 3 + len(events) - 1
    with pytest.raises(Invalid, match=rf"^the trace: (event {number} \(|\$\.events\[{number}\])"):
        decode_trace(json.dumps(document).encode())


SURROGATE = event("create", directory=1, name="\udc80", inode=3)
NO_TRACES = {
    "surrogate in a name": json.dumps(BASE | {"events": [SURROGATE]}).encode(),
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"format": "\xff"}',
    "list": b"[]",
    "nested without end": b"[" * 100_000,
    "no version": b"{}",
    "another version": json.dumps(BASE | {"format": "tornproof-trace/1"}).encode(),
    "field too many": json.dumps(BASE | {"comment": ""}).encode(),
    "no events": json.dumps({k: v for k, v in BASE.items() if k != "events"}).encode(),
    "events as mapping": json.dumps(BASE | {"events": {}}).encode(),
}
NO_TREES: dict[str, Any] = {
    "no directories": {"files": {}},
    "relative path": {"directories": [], "files": {"a": ""}},
    "trailing slash": {"directories": ["/d/"], "files": {}},
    "no parent": {"directories": [], "files": {"/d/a": ""}},
    "parent is a file": {"directories": [], "files": {"/d": "", "/d/a": ""}},
    "both": {"directories": ["/a"], "files": {"/a": ""}},
    "files as list": {"directories": [], "files": []},
    "climbs": {"directories": ["/.."], "files": {}},
}


@pytest.mark.parametrize("data", NO_TRACES.values(), ids=NO_TRACES.keys())
def test_a_file_of_another_kind_is_refused(data: bytes, tmp_path: Path) -> None:
    """The file is named, and a version that is not ours is quoted."""
    path = tmp_path / "trace.json"
    path.write_bytes(data)
    with pytest.raises(Invalid, match=r"/trace\.json"):
        load_trace(path)


@pytest.mark.parametrize("tree", NO_TREES.values(), ids=NO_TREES.keys())
def test_a_tree_that_cannot_be_is_refused(tree: Any) -> None:
    """The initial image is checked like the events."""
    with pytest.raises(Invalid, match=r"^the trace: \$\.initial"):
        decode_trace(json.dumps(BASE | {"initial": tree, "events": []}).encode())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No traceback for a path that does not exist."""
    with pytest.raises(Invalid, match=r"none\.json"):
        load_trace(tmp_path / "none.json")
