"""
What happened in a run, as a stream.

The runner emits events and prints nothing.  The terminal, the NDJSON file and
every other report are derived from the same stream, so that they cannot
disagree.  `encode_event` gives the form in which it is written: one JSON object
a line, with the name of the event under `event`.
"""

import json
from typing import Any, TypeAlias

from attrs import AttrsInstance, asdict, frozen


@frozen
class RunStarted:
    """A run began."""

    suite: str
    """Version of the suite."""

    target: str
    checks: tuple[str, ...]


@frozen
class CheckStarted:
    """A check began."""

    check: str
    title: str


@frozen
class Progress:
    """A check is on its way."""

    check: str
    done: int
    total: int
    detail: str


@frozen
class ViolationFound:
    """A requirement was violated for the first time in this run, at its smallest so far."""

    requirement: str
    message: str
    sentence: str
    program: tuple[str, ...]
    """The steps of the smallest program that shows it, or what was done instead."""

    profile: str | None
    """The weakest sufficient profile; none if it takes no crash."""

    crashes: tuple["CrashStory", ...]
    expected: tuple[tuple[int, int], ...]
    """Offset and payload size of each record owed."""

    recovered: tuple[tuple[int, int], ...] | None
    error: str
    reproducer: str
    """Path of the file that `tornproof replay` takes."""


@frozen
class CrashStory:
    """One crash: where it struck, what it lost, what it left."""

    after: tuple[str, ...]
    """The last operations before it, in words."""

    lost: tuple[str, ...]
    files: tuple["FileStory", ...]


@frozen
class FileStory:
    """A file of a crash image, as frames and bytes."""

    name: str
    size: int
    frames: tuple[tuple[int, int, str], ...]
    """Position, bytes and verdict of each frame."""

    beginning: str
    """The first bytes, in hexadecimal."""


@frozen
class CheckFinished:
    """A check ended."""

    check: str
    covered: str
    seconds: float


@frozen
class RequirementJudged:
    """The verdict on one requirement."""

    requirement: str
    level: str
    verdict: str
    """`holds`, `violated` or `not covered`."""

    covered: str
    """What the verdict rests on."""


@frozen
class RunFinished:
    """The run ended."""

    conforms: bool
    holds: int
    violated: int
    not_covered: int
    seconds: float


RunEvent: TypeAlias = (
    RunStarted
    | CheckStarted
    | Progress
    | ViolationFound
    | CheckFinished
    | RequirementJudged
    | RunFinished
)


def encode_event(event: AttrsInstance) -> str:
    """Write an event as one line of JSON."""
    fields: dict[str, Any] = {"event": type(event).__name__, **asdict(event)}
    return json.dumps(fields, ensure_ascii=False)
