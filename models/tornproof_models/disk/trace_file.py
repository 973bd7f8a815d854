"""
Traces as files.

A trace outlives the process that left it: it is explored again after a fix, sent
along with a report, and kept inside a certificate.  So it has a form of its own,
one JSON document:

    {"format": "tornproof-trace/2",
     "initial": {"directories": ["/journal"], "files": {"/journal/a": "base64"}},
     "events": [{"event": "create", "directory": 1, "name": "b", "inode": 3}, …]}

The same trace gives the same bytes everywhere: keys are sorted, and nothing is
left to a clock or a hash seed.

Reading takes nothing on trust.  An explorer that is handed a trace that never
happened, such as a write to a file nobody made, would judge fiction or fall over,
so a document is read event by event, and the first that cannot have happened is
named.  Events are counted from 0, as crash points are.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import evolve, fields
from tornproof.errors import Invalid

from tornproof_models.disk import trace as t
from tornproof_models.disk.legality import Impossible, PossibleDisk
from tornproof_models.disk.marks import Batched, Truncating
from tornproof_models.disk.trace import Event, Image, Trace
from tornproof_models.documents.files import parse_json, read_file
from tornproof_models.documents.values import Value, require_path
from tornproof_models.documents.words import shown

FORMAT = "tornproof-trace/2"

KINDS: Mapping[str, type[Event]] = {
    "create": t.Create,
    "make_directory": t.MakeDirectory,
    "link": t.Link,
    "rename": t.Rename,
    "exchange": t.Exchange,
    "unlink": t.Unlink,
    "write": t.Write,
    "stored": t.Stored,
    "truncate": t.Truncate,
    "sync": t.Sync,
    "sync_directory": t.SyncDirectory,
    "sync_filesystem": t.SyncFilesystem,
    "settled": t.Settled,
    "partial_sync": t.PartialSync,
    "writeback_started": t.WritebackStarted,
    "sync_failed": t.SyncFailed,
    "invoked": t.Invoked,
    "batched": Batched,
    "truncating": Truncating,
    "acked": t.Acked,
    "failed": t.Failed,
    "flushed": t.Flushed,
    "observed": t.Observed,
    "printed": t.Printed,
}
"""What each kind of event is called in a document; its fields keep their names."""

_NAMES = {kind: name for name, kind in KINDS.items()}


def encode_trace(trace: Trace) -> bytes:
    """Write a trace as a document; the same trace gives the same bytes."""
    return (json.dumps(trace_document(trace), sort_keys=True, indent=1) + "\n").encode()


def decode_trace(data: bytes, file: str = "the trace") -> Trace:
    """
    Read a trace from a document; `file` says in messages where it comes from.

    Raises `Invalid` if it is cut short, of another version, or tells of something
    that cannot have happened; the message says what, and at which event.
    """
    return trace_of(Value(parse_json(data, "trace", file), file))


def save_trace(trace: Trace, path: Path) -> None:
    """Write a trace to a file."""
    path.write_bytes(encode_trace(trace))


def load_trace(path: Path) -> Trace:
    """Read a trace from a file.  Raises `Invalid`, naming the file."""
    return decode_trace(read_file(path, "trace"), shown(path))


def hash_trace(trace: Trace) -> str:
    """Return the SHA-256 of a trace's document, in hexadecimal."""
    return sha256(encode_trace(trace)).hexdigest()


def trace_document(trace: Trace) -> dict[str, Any]:
    """Turn a trace into JSON's types; `trace_of` turns it back."""
    files = {path: _encode(content) for path, content in trace.initial.files.items()}
    return {
        "format": FORMAT,
        "initial": {"directories": sorted(trace.initial.directories), "files": files},
        "events": [_event_document(event) for event in trace.events],
    }


def trace_of(document: Value) -> Trace:
    """Read a trace from JSON's types.  Raises `Invalid`."""
    found = document.data.get("format") if isinstance(document.data, dict) else None
    if found != FORMAT:
        document.refuse(f"a trace, of the format {FORMAT!r} and not {shown(found)},")
    members = document.members(("events", "format", "initial"))
    initial = read_image(members["initial"])
    disk = PossibleDisk.of(initial)
    events: list[Event] = []
    for number, each in enumerate(members["events"].items()):
        event = _event(each)
        try:
            disk.require(event)
        except Impossible as error:
            kind = _NAMES[type(event)]
            raise Invalid(f"{document.file}: event {number} ({kind}) {error}") from None
        events.append(event)
    return Trace(initial, tuple(events))


# Fields


def _encode(content: bytes) -> str:
    return b64encode(content).decode()


def _records(value: Value) -> tuple[tuple[int, bytes], ...]:
    pairs = [record.pair() for record in value.items()]
    return tuple((offset.integer(), payload.content()) for offset, payload in pairs)


_READERS: Mapping[Any, Callable[[Value], Any]] = {
    int: Value.integer,
    str: Value.text,
    bool: Value.boolean,
    bytes: Value.content,
    tuple[tuple[int, bytes], ...]: _records,
}


def _event_document(event: Event) -> dict[str, Any]:
    document: dict[str, Any] = {"event": _NAMES[type(event)]}
    for attribute in fields(type(event)):
        value = getattr(event, attribute.name)
        match value:
            case bytes():
                document[attribute.name] = _encode(value)
            case tuple():
                document[attribute.name] = [[n, _encode(payload)] for n, payload in value]
            case _:
                document[attribute.name] = value
    return document


def _event(value: Value) -> Event:
    kind = KINDS[value.member("event").choice(KINDS)]
    attributes = fields(kind)
    members = value.members(["event", *(attribute.name for attribute in attributes)])
    return kind(**{each.name: _READERS[each.type](members[each.name]) for each in attributes})


def read_image(value: Value) -> Image:
    """
    Read a directory tree from JSON's types.

    Raises `Invalid` for a path that leads out of the tree, one whose directory is not listed, and
    one that is both a file and a directory: whoever lays the tree out joins nothing else.
    """
    members = value.members(("directories", "files"))
    listed = members["directories"].items()
    directories = frozenset(path.text() for path in listed)
    for each in listed:
        require_path(each.text(), directories, each)
    files = {}
    for path, content in members["files"].entries():
        require_path(path, directories, evolve(content, data=path))
        if path in directories:
            evolve(content, data=path).refuse("either a file or a directory of this path")
        files[path] = content.file_content()
    return Image(files, directories)
