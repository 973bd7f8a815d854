"""
Known failures: which violations are accepted, why, and until when.

A suite that fails every day is soon not looked at.  A file of known failures lets
it pass, on three conditions that keep the file honest: an entry has a reason and
a link, it has a last day, and it goes as soon as it is no longer true.

    [[known]]
    id = "REC-2"
    reason = "The cut is not synced before the first append."
    link = "https://example.org/issues/17"
    expires = 2027-01-31

What is known is added to the verdicts in the stream of events, so that every
report shows it.  A verdict stays what it is; what changes is whether the run
*passes*:

- a requirement that is violated and listed is excused, to the end of its last day
- one that is listed and violated after that day fails the run
- one that is listed and holds fails the run, until it is taken off the list
- one that is listed and not covered is left alone
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from tornproof.errors import Invalid
from tornproof_models.documents.files import read_file
from tornproof_models.documents.words import printable, shown

from tornproof_conformance.specification import requirements
from tornproof_conformance.specification.schemas import complaint
from tornproof_conformance.stream.run_events import Excuse, RequirementJudged, RunEvent, RunFinished


@frozen
class KnownFailure:
    """An entry of a file of known failures."""

    id: str
    reason: str
    link: str
    expires: date
    """The last day on which it excuses anything."""

    def excuse(self, verdict: str, today: date) -> Excuse | None:
        """Say what becomes of the entry in view of a verdict; nothing if that is none."""
        match verdict:
            case "violated":
                state = "known" if today <= self.expires else "expired"
            case "holds":
                state = "unexpected pass"
            case _:
                return None
        return Excuse(state, self.reason, self.link, self.expires.isoformat())


def read_known(path: Path) -> Mapping[str, KnownFailure]:
    """
    Read a file of known failures, by requirement.

    Raises `Invalid` if it cannot be read or lacks something, `UnknownRequirement` for an id that
    no chapter states, both with the line at which the entry begins.
    """
    try:
        text = read_file(path, "known failures").decode()
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, or 4,301 digits
        raise Invalid(f"{shown(path)} is not TOML: {printable(str(error))}") from None
    if reason := complaint(_with_plain_dates(document), "known-failures.schema.json"):
        entry_of = _ENTRY_OF_PATH.match(reason)
        raise Invalid(
            f"{_place(path, text, int(entry_of[1]) if entry_of else None)}: {printable(reason)}"
        )
    known: dict[str, KnownFailure] = {}
    for number, entry in enumerate(document["known"]):
        place = _place(path, text, number)
        try:
            requirements.requirement(entry["id"])
        except requirements.UnknownRequirement as error:
            raise requirements.UnknownRequirement(f"{place}: {error}") from None
        if entry["id"] in known:
            raise Invalid(f"{place}: {entry['id']} is listed twice; merge the two entries")
        try:
            expires = date.fromisoformat(str(entry["expires"]))
        except ValueError as error:
            raise Invalid(f"{place}: {entry['id']} expires on no day: {error}") from None
        known[entry["id"]] = KnownFailure(entry["id"], entry["reason"], entry["link"], expires)
    return known


_ENTRY_OF_PATH = re.compile(r"\$\.known\[(\d+)\]")
_ENTRY = re.compile(r"^[ \t]*\[\[[ \t]*known[ \t]*\]\]", re.MULTILINE)


def _place(path: Path, text: str, number: int | None) -> str:
    """Name the file and the line at which an entry begins; the file alone if it is not known."""
    begins = [match.start() for match in _ENTRY.finditer(text)]
    if number is None or number >= len(begins):
        return shown(path)
    return f"{shown(path)}:{text.count(chr(10), 0, begins[number]) + 1}"


def _with_plain_dates(value: Any) -> Any:
    """Turn TOML's dates into what JSON has for them."""
    return json.loads(json.dumps(value, default=str))


def excuse(
    stream: Iterable[RunEvent], known: Mapping[str, KnownFailure], today: date
) -> Iterator[RunEvent]:
    """Pass a stream on, with what is known added to its verdicts."""
    passes = True
    for event in stream:
        if isinstance(event, RequirementJudged):
            entry = known.get(event.requirement)
            found = entry.excuse(event.verdict, today) if entry else None
            if found:
                passes = passes and found.state == "known"
            else:
                bad = event.verdict in ("violated", "starved")
                excused = event.excuse is not None and event.excuse.holds
                passes = passes and (excused or not (bad and event.level == "MUST"))
            yield evolve(event, excuse=found or event.excuse)
        elif isinstance(event, RunFinished):
            yield evolve(event, passes=passes)
        else:
            yield event
