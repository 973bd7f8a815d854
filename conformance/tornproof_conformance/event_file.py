"""
Files of events: a run that can be reported on at any later time, anywhere.

A file is newline-delimited JSON, written as the run goes, so that a run which
is killed leaves what it had said so far.  Reading allows for that: a last line
without an end is the torn tail of a file, and is left out.  Any other line that
is not as `spec/schema/events.schema.json` has it is refused, with its number.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TextIO, cast, get_args

import jsonschema_rs
from cattrs import Converter
from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from tornproof.errors import Invalid

from tornproof_conformance.events import FORMAT, RunEvent, RunStarted, encode_event
from tornproof_conformance.specification import specification_directory

KINDS: Mapping[str, type[RunEvent]] = {kind.__name__: kind for kind in get_args(RunEvent)}

LONGEST_REASON = 200
"""Characters of a schema's complaint that are passed on; it may quote a whole event."""


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
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is no file of events: {error}") from None
    lines = text.split("\n")[:-1]  # what follows the last line's end was being written
    events = tuple(_events(path, lines))
    if not events or not isinstance(events[0], RunStarted):
        raise Invalid(
            f"{path} does not begin with RunStarted: it is no file of `tornproof check --events`"
        )
    return events


def _events(path: Path, lines: list[str]) -> Iterator[RunEvent]:
    for number, line in enumerate(lines, start=1):
        place = f"{path}:{number}"
        try:
            document: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"{place} is not JSON: {error}") from None
        found = document.get("format", FORMAT) if isinstance(document, dict) else FORMAT
        if found != FORMAT:
            raise Invalid(f"{place}: the file is of {found!r}; this version reads {FORMAT!r}")
        if not _validator().is_valid(document):
            raise Invalid(f"{place} is no event: {_complaint(document)}")
        if kind := KINDS.get(document["event"]):
            yield decode_event(kind, document)


def decode_event(kind: type[RunEvent], document: Mapping[str, Any]) -> RunEvent:
    """Make an event of a document that keeps to the schema."""
    try:
        return _CONVERTER.structure(document, kind)
    except (BaseValidationError, StructureHandlerNotFoundError) as error:
        raise Invalid(f"{kind.__name__}: {error}") from None


_CONVERTER = Converter()
_CONVERTER.register_structure_hook(float | str, lambda value, _: value)
_CONVERTER.register_structure_hook(bool | None, lambda value, _: value)


def _complaint(document: Any) -> str:
    """Say in a line what keeps a document from being an event."""
    found = best_match(Draft202012Validator(_schema()).iter_errors(document))
    reason = (
        " ".join(f"{found.json_path}: {found.message}".split()) if found else "not as described"
    )
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"


@cache
def _schema() -> Mapping[str, Any]:
    schema = specification_directory() / "schema" / "events.schema.json"
    return cast("Mapping[str, Any]", json.loads(schema.read_text(encoding="utf-8")))


@cache
def _validator() -> jsonschema_rs.Validator:
    """Return the fast one; the other says better what is wrong."""
    return jsonschema_rs.validator_for(dict(_schema()))
