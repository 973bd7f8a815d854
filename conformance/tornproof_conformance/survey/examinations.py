"""
The kept examinations of the survey: what the same few programs showed of each entry.

`conformance/survey/examined.ndjson` has a line for each entry that was examined by
`tornproof survey NAME --keep`.  An examination has bounds and no time limit, so that a slow
machine changes nothing, and every entry is asked the same.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from tornproof.errors import Invalid
from tornproof_models.documents.words import to_json

from tornproof_conformance.survey.entries import Entry, directory, entries
from tornproof_conformance.survey.harm import CREATED, FAILED, LATER, Examined, Harm

TIMES = (CREATED, LATER, FAILED)

MOST_LOST = 3
"""Things that a crash has lost, of which so many are kept."""

LONGEST_MESSAGE = 300
"""Letters of a message that are kept: some hold the stack of a virtual machine."""


@frozen(kw_only=True)
class Examination:
    """One kept line."""

    entry: Entry
    version: str
    """As the software calls itself."""

    times: tuple[str, ...]
    """The times of its life in which it was crashed."""

    harms: tuple[Mapping[str, Any], ...]
    """Requirement, message, crash model, program and losses of each, the mildest first."""

    covered: str
    """What was tried, in words; empty if it was not kept."""

    @property
    def mildest(self) -> Mapping[str, Mapping[str, Any]]:
        """The mildest harm of each time in which harm was done."""
        found: dict[str, Mapping[str, Any]] = {}
        for harm in self.harms:
            found.setdefault(harm["time"], harm)
        return found


def as_line(entry: Entry, examined: Examined) -> dict[str, Any]:
    """Put an examination into the form that is kept."""
    return {
        "name": entry.name,
        "found": examined.version,
        "times": list(examined.times),
        "covered": str(examined.coverage),
        "harms": [_harm(harm) for harm in examined.harms],
    }


def _harm(harm: Harm) -> dict[str, Any]:
    return {
        "time": harm.time,
        "requirement": harm.violation.requirement,
        "message": harm.violation.message[:LONGEST_MESSAGE],
        "crash_model": harm.crash_model,
        "program": [str(step) for step in harm.program],
        "last": harm.last,
        "lost": list(harm.lost[:MOST_LOST]),
    }


def keep(lines: Iterable[Mapping[str, Any]], path: Path | None = None) -> None:
    """Add lines to those that are kept, in the place of older ones of the same entries."""
    path = path or kept_file()
    kept = {line["name"]: line for line in _lines(path)} | {line["name"]: line for line in lines}
    order = list(entries())
    ranked = sorted((name for name in kept if name in order), key=order.index)
    path.write_text("".join(f"{to_json(kept[name])}\n" for name in ranked), encoding="utf-8")


def examinations(path: Path | None = None) -> list[Examination]:
    """Read what is kept, in the order of the list of entries."""
    return [
        Examination(
            entry=entries()[line["name"]],
            version=line["found"],
            times=tuple(line["times"]),
            harms=tuple(line["harms"]),
            covered=line.get("covered", ""),
        )
        for line in _lines(path or kept_file())
    ]


def kept_file() -> Path:
    """Return the path of the file.  Raises `Invalid` outside a checkout."""
    return directory() / "examined.ndjson"


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise Invalid(f"{path} is not one JSON object a line: {error}") from None
