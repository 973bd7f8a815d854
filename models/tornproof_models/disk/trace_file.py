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
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import fields
from tornproof.errors import Invalid

from tornproof_models.disk import trace as t
from tornproof_models.disk.legality import Impossible, PossibleDisk, is_name
from tornproof_models.disk.trace import Event, Image, Trace

FORMAT = "tornproof-trace/2"

KINDS: Mapping[str, type[Event]] = {
    "create": t.Create,
    "make_directory": t.MakeDirectory,
    "link": t.Link,
    "rename": t.Rename,
    "unlink": t.Unlink,
    "write": t.Write,
    "stored": t.Stored,
    "truncate": t.Truncate,
    "sync": t.Sync,
    "sync_directory": t.SyncDirectory,
    "sync_filesystem": t.SyncFilesystem,
    "partial_sync": t.PartialSync,
    "writeback_started": t.WritebackStarted,
    "sync_failed": t.SyncFailed,
    "invoked": t.Invoked,
    "acked": t.Acked,
    "failed": t.Failed,
    "flushed": t.Flushed,
    "observed": t.Observed,
}
"""What each kind of event is called in a document; its fields keep their names."""

_NAMES = {kind: name for name, kind in KINDS.items()}


def encode_trace(trace: Trace) -> bytes:
    """Write a trace as a document; the same trace gives the same bytes."""
    return (json.dumps(trace_document(trace), sort_keys=True, indent=1) + "\n").encode()


def decode_trace(data: bytes) -> Trace:
    """
    Read a trace from a document.

    Raises `Invalid` if it is cut short, of another version, or tells of something
    that cannot have happened; the message says what, and at which event.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not a trace, or cut short: {error}") from None
    return trace_of(document)


def save_trace(trace: Trace, path: Path) -> None:
    """Write a trace to a file."""
    path.write_bytes(encode_trace(trace))


def load_trace(path: Path) -> Trace:
    """Read a trace from a file.  Raises `Invalid`, naming the file."""
    try:
        return decode_trace(path.read_bytes())
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror}") from None
    except Invalid as error:
        raise Invalid(f"{path}: {error}") from None


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


def trace_of(document: Any) -> Trace:
    """Read a trace from JSON's types.  Raises `Invalid`."""
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise Invalid(f"the format is {found!r}; this version reads {FORMAT!r}")
    try:
        _require_keys(document, ("events", "format", "initial"))
        initial = _image(document["initial"])
        listed = _list(document["events"])
    except _Unreadable as error:
        raise Invalid(f"the trace cannot be read: {error}") from None
    disk = PossibleDisk.of(initial)
    events: list[Event] = []
    for number, each in enumerate(listed):
        kind = each.get("event") if isinstance(each, dict) else None
        try:
            event = _event(each)
            disk.require(event)
        except (_Unreadable, Impossible) as error:
            raise Invalid(f"event {number} ({kind}) {error}") from None
        events.append(event)
    return Trace(initial, tuple(events))


class _Unreadable(Exception):
    """Why a part of a document cannot be read; whoever knows where turns it into `Invalid`."""


# Fields


def _encode(content: bytes) -> str:
    return b64encode(content).decode()


def _bytes(value: Any) -> bytes:
    try:
        return b64decode(_text(value), validate=True)
    except NotBase64:
        raise _Unreadable("holds bytes that are not base64") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unreadable(f"holds {value!r} where a string belongs")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _Unreadable(f"holds {value!r}, which is not Unicode")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise _Unreadable(f"holds {value!r} where an integer belongs")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unreadable(f"holds {value!r} where true or false belongs")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Unreadable("holds no list where one belongs")
    return value


def _records(value: Any) -> tuple[tuple[int, bytes], ...]:
    pairs = [_list(pair) for pair in _list(value)]
    if any(len(pair) != 2 for pair in pairs):
        raise _Unreadable("holds a record that is not a pair of offset and payload")
    return tuple((_integer(offset), _bytes(payload)) for offset, payload in pairs)


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    int: _integer,
    str: _text,
    bool: _boolean,
    bytes: _bytes,
    tuple[tuple[int, bytes], ...]: _records,
}


def _require_keys(document: Any, keys: Iterable[str]) -> None:
    if not isinstance(document, dict) or set(document) != set(keys):
        raise _Unreadable(f"does not have exactly the fields {', '.join(sorted(keys))}")


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


def _event(document: Any) -> Event:
    name = document.get("event") if isinstance(document, dict) else None
    if not isinstance(name, str) or name not in KINDS:
        raise _Unreadable(f"is of no known kind; there are {', '.join(KINDS)}")
    attributes = fields(KINDS[name])
    _require_keys(document, ("event", *(attribute.name for attribute in attributes)))
    values = {each.name: _READERS[each.type](document[each.name]) for each in attributes}
    return KINDS[name](**values)


def _image(document: Any) -> Image:
    _require_keys(document, ("directories", "files"))
    if not isinstance(document["files"], dict):
        raise _Unreadable("the initial files are not a mapping from path to bytes")
    directories = frozenset(_text(path) for path in _list(document["directories"]))
    files = {_text(path): _bytes(content) for path, content in document["files"].items()}
    for path in [*directories, *files]:
        parent, slash, name = path.rpartition("/")
        if not slash or not is_name(name) or (parent and parent not in directories):
            raise _Unreadable(f"{path!r} is not an absolute path below a directory of the tree")
        if path in directories and path in files:
            raise _Unreadable(f"{path!r} is both a file and a directory")
    return Image(files, directories)
