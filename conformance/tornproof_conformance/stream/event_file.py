"""
Read and write files of events.

A file is newline-delimited JSON, written as the run goes, so that a run which
is killed leaves what it had said so far.  Reading allows for that: a last line
without an end is the torn tail of a file, and is left out.  Any other line that
is not as `spec/schema/events.schema.json` has it is refused, with its number.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, get_args

from cattrs import Converter
from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError
from tornproof.errors import Invalid
from tornproof_models.documents.files import parse_json, read_file
from tornproof_models.documents.words import printable, shown

from tornproof_conformance.specification.schemas import complaint
from tornproof_conformance.stream.run_events import (
    FORMAT,
    CheckFinished,
    CheckStarted,
    Progress,
    RunEvent,
    RunStarted,
    encode_event,
)

KINDS: Mapping[str, type[RunEvent]] = {kind.__name__: kind for kind in get_args(RunEvent)}


def write_events(stream: Iterable[RunEvent], file: TextIO) -> Iterator[RunEvent]:
    """Write each event that goes by, at once, and pass it on."""
    for event in stream:
        file.write(f"{encode_event(event)}\n")
        file.flush()
        yield event


def read_events(path: Path) -> tuple[RunEvent, ...]:
    """
    Read a file of events.

    Raises `Invalid` with the file and line, if the file cannot be read, is of
    another format or has a line that is no event.  Events that this version does
    not know are passed over.
    """
    lines = read_file(path, "events").split(b"\n")[:-1]  # the last was being written
    place = shown(path)
    events = tuple(_events(place, lines))
    if not events or not isinstance(events[0], RunStarted):
        raise Invalid(
            f"{place} does not begin with RunStarted: it is no file of `tornproof check --events`"
        )
    _require_order(events, place)
    return events


def _events(file: str, lines: list[bytes]) -> Iterator[RunEvent]:
    for number, line in enumerate(lines, start=1):
        place = f"{file}:{number}"
        document = parse_json(line, "event", place)
        found = document.get("format", FORMAT) if isinstance(document, dict) else FORMAT
        if found != FORMAT:
            raise Invalid(f"{place}: the file is of {shown(found)}; this version reads {FORMAT!r}")
        if reason := complaint(document, "events.schema.json"):
            raise Invalid(f"{place} is no event: {printable(reason)}")
        if kind := KINDS.get(document["event"]):
            yield decode_event(kind, document)


def _require_order(events: tuple[RunEvent, ...], place: str) -> None:
    """Raise `Invalid` for a check that goes on or ends, and has not begun."""
    begun: set[str] = set()
    for event in events:
        if isinstance(event, CheckStarted):
            begun.add(event.check)
        elif isinstance(event, CheckFinished | Progress) and event.check not in begun:
            kind = type(event).__name__
            raise Invalid(f"{place} has a {kind} of {shown(event.check)}, which has not begun")


def decode_event(kind: type[RunEvent], document: Mapping[str, Any]) -> RunEvent:
    """Make an event of a document that keeps to the schema."""
    try:
        return _CONVERTER.structure(document, kind)
    except (BaseValidationError, StructureHandlerNotFoundError) as error:
        raise Invalid(f"{kind.__name__}: {error}") from None


_CONVERTER = Converter()
_CONVERTER.register_structure_hook(float | str, lambda value, _: value)
_CONVERTER.register_structure_hook(bool | None, lambda value, _: value)
