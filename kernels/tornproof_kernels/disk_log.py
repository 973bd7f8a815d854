"""
The log of a guest's disk as a file, so that it can be looked at again without a guest.

Lines of JSON, compressed: what was written by offset, and where each run's partition lies.
"""

import json
import lzma
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import frozen

from tornproof_kernels.disk_server import (
    Answered,
    Blocks,
    FlushArrived,
    LogEvent,
    Marked,
    Wrote,
)


@frozen
class DiskLog:
    """What one guest asked of its disk."""

    empty: Blocks
    """The filesystem as mkfs left it."""

    places: Mapping[str, tuple[int, int]]
    """Offset and size of each run's partition, by the run's name."""

    events: list[LogEvent]


def save_log(log: DiskLog, path: Path) -> None:
    """Write a log."""
    lines: list[object] = [{"places": log.places}]
    lines += [["block", number, _encode(block)] for number, block in log.empty.items()]
    for event in log.events:
        match event:
            case Wrote(number, offset, data):
                lines.append(["wrote", number, offset, _encode(data)])
            case Answered(number):
                lines.append(["answered", number])
            case FlushArrived():
                lines.append(["flush"])
            case Marked(text):
                lines.append(["marked", text])
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_bytes(lzma.compress(text.encode()))


def load_log(path: Path) -> DiskLog:
    """Read a log."""
    head, *lines = map(json.loads, lzma.decompress(path.read_bytes()).decode().splitlines())
    places = {name: (offset, size) for name, (offset, size) in head["places"].items()}
    empty: dict[int, bytes] = {}
    events: list[LogEvent] = []
    for kind, *rest in lines:
        match kind:
            case "block":
                empty[rest[0]] = _decode(rest[1])
            case "wrote":
                events.append(Wrote(rest[0], rest[1], _decode(rest[2])))
            case "answered":
                events.append(Answered(rest[0]))
            case "flush":
                events.append(FlushArrived())
            case _:
                events.append(Marked(rest[0]))
    return DiskLog(empty, places, events)


def within(events: Iterable[LogEvent], places: Mapping[str, tuple[int, int]]) -> list[LogEvent]:
    """Keep what concerns some partitions, with all that was answered and marked."""
    ends = [(offset, offset + size) for offset, size in places.values()]
    return [
        event
        for event in events
        if not isinstance(event, Wrote) or any(one <= event.offset < end for one, end in ends)
    ]


def _encode(data: bytes) -> str:
    """Encode bytes, with the zeros at their end as a number: most blocks are nearly empty."""
    full = data.rstrip(b"\0")
    return f"{len(data) - len(full)} {b64encode(full).decode()}"


def _decode(text: str) -> bytes:
    zeros, _, encoded = text.partition(" ")
    return b64decode(encoded) + bytes(int(zeros))
