"""
The events of a fuzzing run.

Written as those of a check are (`events.encode_event`), and described by
`spec/schema/fuzz-events.schema.json`.  A stream begins with `FuzzStarted` and ends with
`FuzzFinished`, also if Ctrl-C or a broken adapter ends the run.
"""

from collections.abc import Mapping
from typing import TypeAlias

from attrs import field, frozen

from tornproof_conformance.stream.run_events import Diagnosed, ViolationFound

FORMAT = "tornproof-fuzz-events/2"


@frozen
class FuzzStarted:
    """A run began."""

    suite: str
    subject: str
    seed: int
    shard: str
    hunts: tuple[str, ...]
    format: str = FORMAT


@frozen
class FuzzProgress:
    """A run is on its way."""

    seconds: float
    limit: float
    """After how many seconds it will end."""

    rounds: int
    """How many rounds have been played to their end."""

    programs: int
    images: int
    outcomes: int
    """How many different things recoveries were seen to do."""

    new_outcomes: int
    """How many of them since the last such event."""

    violations: int


@frozen
class FuzzFinished:
    """The run ended."""

    seconds: float
    rounds: int
    programs: int
    images: int
    outcomes: int
    reproducers: tuple[str, ...]
    interrupted: bool
    """Whether it was Ctrl-C, and not the time, that ended it."""

    gave_up: Mapping[str, str] = field(factory=dict)
    """The hunts that could not be played, and why."""


FuzzEvent: TypeAlias = FuzzStarted | FuzzProgress | ViolationFound | Diagnosed | FuzzFinished
