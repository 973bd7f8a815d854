"""
The events of a run.

The runner emits events and prints nothing.  The terminal, the file of events and
every other report are derived from the same stream, so that they cannot
disagree.  `encode_event` gives the form in which it is written: one JSON object
a line, with the name of the event under `event`; `event_file` reads it back, and
`spec/schema/events.schema.json` describes it.

A stream begins with `RunStarted`.  One that does not end with `RunFinished` is of
a run that was cut off, and says nothing about whether anything conforms.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import AttrsInstance, asdict, field, frozen
from tornproof_models.documents.words import to_json

from tornproof_conformance.stream.versions import Versions

FORMAT = "tornproof-events/2"
"""Name and version of the form.  What a later version adds, a reader passes over."""


@frozen
class Implementation:
    """What was judged, in its own words."""

    name: str
    version: str = ""
    language: str = ""
    url: str = ""
    claims: tuple[str, ...] = ()
    """The claims of the protocol that it claims, such as `journal/core`; none if built in."""


@frozen
class RunStarted:
    """A run began."""

    subject: str
    """What was asked for: the name of a subject, or the command of an adapter."""

    implementation: Implementation
    versions: Versions
    checks: tuple[str, ...]
    settings: Mapping[str, float | str] = field(factory=dict)
    """How far the checks were told to go."""

    at: str = ""
    """When, in UTC, as ISO 8601."""

    format: str = FORMAT


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
    images: int | None = None
    """How many crash images it has judged so far, if it counts them."""


@frozen
class Fate:
    """What became of a write, or of a new name, in the crash that follows."""

    state: str
    """`kept`, `lost`, `torn` (some of its sectors), or `synced`: it could not be lost."""

    sectors: str = ""
    """A letter for each sector of a write that has several: `k` kept, `l` lost."""

    keeper: str = ""
    """The sync that would have kept what is lost, in words."""


@frozen
class Moment:
    """One thing that happened, and in whose lane."""

    lane: str
    """`calls` of the program, `writes` to the page cache, `syncs` to the disk."""

    words: str
    mark: str = ""
    """`promise` for what must last from now on, `failure` for what went wrong, else empty."""

    fate: Fate | None = None
    """What became of it in the crash; none if it changes nothing on the disk."""


@frozen
class FileStory:
    """A file of a crash image, as frames and bytes."""

    name: str
    size: int
    frames: tuple[tuple[int, int, str], ...]
    """Position, bytes and verdict of each frame; none if the format is not known."""

    content: str
    """The first bytes, in base64."""

    differs: tuple[tuple[int, int], ...] = ()
    """Where they are not what had been written: beginning and end, the end exclusive."""


@frozen
class CrashStory:
    """One crash: where it struck, what it lost, what it left."""

    after: tuple[Moment, ...]
    """What happened before it, the last so many."""

    lost: tuple[str, ...]
    files: tuple[FileStory, ...]


@frozen
class ShownRecord:
    """A record, short enough to be told."""

    offset: int
    size: int
    digest: str
    """The first eight hexadecimal digits of BLAKE2b over its payload."""


@frozen
class ViolationFound:
    """A requirement was violated for the first time in this run, at its smallest so far."""

    requirement: str
    message: str
    sentence: str
    program: tuple[str, ...]
    """The steps of the smallest program that shows it, or what was done instead."""

    crash_model: str | None
    """The mildest crash model in which it happens; none if it takes no crash."""

    crashes: tuple[CrashStory, ...]
    afterwards: tuple[Moment, ...]
    """What happened after the last crash: recovery, or all there was if nothing crashed."""

    expected: tuple[ShownRecord, ...]
    recovered: tuple[ShownRecord, ...] | None
    error: str
    reproducer: str
    """Path of the file that `tornproof replay` takes."""

    command: str = ""
    """That of the adapter, which a file is not asked for; empty for a subject of the suite."""

    phase: str = "later"
    """`created` while a store is made, `later`, `in recovery`, or `after a failed call`."""

    also: tuple[str, ...] = ()
    """Other requirements that the same cause violates."""

    symptom: str = ""
    """What tells it from other findings of the requirement in this phase; empty if nothing does."""

    cause: str = ""
    """The smallest loss that shows it, without numbers: findings with the same are one."""

    also_said: tuple[str, ...] = ()
    """What the findings with the same cause say, one message each."""

    replay: str = ""
    """The command that plays it again, if that is not `tornproof replay`."""

    shrunk: bool = True
    """Whether it is as small as it gets; the same violation is told again when it is."""

    seconds: float = 0
    """How long the run had gone on when it was first found."""

    images: int = 0
    """How many crash images its check had told of by then; 0 where it counts none."""


@frozen
class CheckFinished:
    """A check ended."""

    check: str
    covered: str
    seconds: float
    counts: Mapping[str, int] = field(factory=dict)
    """The figures in `covered`, by name: `programs`, `images`, `recoveries`, …"""

    crash_models: tuple[str, ...] = ()
    """The crash models in which it crashed anything."""

    conclusive: bool = True
    """Whether anything can be said; if not, `covered` is the reason."""

    done: int = 0
    planned: int = 0
    """How much of the least that a verdict needs was done, in units of the check's own."""

    missing: str = ""
    """What would be needed for a verdict, if less than the least was done; else empty."""

    measurements: tuple[str, ...] = ()
    """What its crash models were held against, in the order of `crash_models`; none for ideals."""

    notes: tuple[str, ...] = ()
    """What the recorder saw and does not follow, such as modes of files."""


@frozen
class Excuse:
    """What excuses a violation: a file of known failures, or the limits of a promise."""

    state: str
    """
    `known` while it is violated and excused, `expired`, or `unexpected pass`; `beyond` where it is
    violated only in crash models that the implementation does not promise to survive.
    """

    reason: str
    link: str = ""
    expires: str = ""
    """The last day on which it excuses anything, as ISO 8601; empty if it always does."""

    @property
    def holds(self) -> bool:
        """Whether the violation fails nothing."""
        return self.state in ("known", "beyond")


@frozen
class RequirementJudged:
    """The verdict on one requirement."""

    requirement: str
    level: str
    verdict: str
    """`holds`, `violated`, `starved` (too little was tried) or `not covered`."""

    sentence: str
    checks: tuple[str, ...]
    """What the verdict rests on: those that found it violated, or those that tried in vain."""

    excuse: Excuse | None = None
    reason: str = ""
    """Why no check looks at it, or what would be needed for a verdict."""

    at_stake: int | None = None
    """How often it could have been violated; none if no check counts that."""


@frozen
class Diagnosed:
    """The adapter is broken, and the run ends here: there is no verdict."""

    kind: str
    """Which mistake it is, in two words."""

    message: str
    hint: str
    """What usually causes it."""

    request: str = ""
    reply: str = ""
    """What was asked, and what came, cut short."""

    log: str = ""
    """The end of what the adapter wrote on standard error."""


@frozen
class RunFinished:
    """The run ended."""

    conforms: bool
    """Whether no MUST is violated, and none is starved."""

    holds: int
    violated: int
    not_covered: int
    seconds: float
    passes: bool | None = None
    """Whether everything is as the known failures say; as `conforms` if there are none."""

    starved: int = 0
    """Requirements of which too little was tried for a verdict."""

    interrupted: bool = False
    """Whether the run was ended before all checks had run."""

    @property
    def succeeds(self) -> bool:
        """Whether the run calls for no attention: what its exit code says."""
        return self.conforms if self.passes is None else self.passes


RunEvent: TypeAlias = (
    RunStarted
    | CheckStarted
    | Progress
    | ViolationFound
    | CheckFinished
    | RequirementJudged
    | Diagnosed
    | RunFinished
)


def encode_event(event: AttrsInstance) -> str:
    """Write an event as one line of JSON."""
    fields: dict[str, Any] = {"event": type(event).__name__, **asdict(event)}
    return to_json(fields)
