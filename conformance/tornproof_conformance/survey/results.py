"""
The kept results of the survey: one file of events for each entry that was judged.

`conformance/survey/results/` has them, without their progress and without the bytes of images,
so that a table can be made without installing anything.  A run in which the machine was too slow
for an entry to answer says nothing about the entry, and counts as not judged.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from tornproof_conformance.stream.event_file import read_events
from tornproof_conformance.stream.run_events import (
    CheckFinished,
    Progress,
    RequirementJudged,
    RunEvent,
    RunFinished,
    RunStarted,
    ViolationFound,
)
from tornproof_conformance.survey.entries import Entry, directory, entries, harshness_of

PHASES = ("created", "later", "in recovery", "after a failed call")

NO_REPLY = "NoReply:"
"""Names the error of an entry that has not answered in time, as a finding quotes it."""

MEMORY = ("memory",)
"""The program of a finding about memory, which is no loss."""


@frozen
class Result:
    """What a run found of an entry."""

    entry: Entry
    version: str
    """As the software calls itself."""

    at: str
    """When it was judged, in UTC, as ISO 8601."""

    suite: str
    findings: tuple[ViolationFound, ...]
    """The smallest of each requirement and phase, mildest crash model first."""

    tried: str
    """What was tried, in words."""

    starved: Mapping[str, str]
    """For each requirement for which too little was tried: which check, and what it needs."""

    is_judged: bool
    """Whether enough was tried for a verdict on every requirement."""

    @property
    def phases(self) -> Mapping[str, ViolationFound]:
        """For each phase in which something is violated, the finding in the mildest model."""
        found: dict[str, ViolationFound] = {}
        for each in self.findings:
            found.setdefault(each.phase, each)
        return {phase: found[phase] for phase in PHASES if phase in found}

    @property
    def verdict(self) -> str:
        """What came out: `keeps`, `fails`, or `starved` where too little was tried to say."""
        if self.findings:
            return "fails"
        return "keeps" if self.is_judged else "starved"


def mildest_of(found: ViolationFound) -> str:
    """Name the mildest crash that shows a finding: a crash model, SIGKILL, or none."""
    if found.crash_model:
        return found.crash_model
    return "SIGKILL" if any("kill" in step.lower() for step in found.program) else "no crash"


def condensed(stream: Iterable[RunEvent]) -> Iterator[RunEvent]:
    """
    Leave out of a run what no table shows: progress, and the bytes of files.

    Of a requirement in a phase the last finding is kept, which is the smallest.
    """
    events = list(stream)
    last = {
        (each.requirement, each.phase): each for each in events if isinstance(each, ViolationFound)
    }
    for event in events:
        if isinstance(event, ViolationFound):
            if event is not last[event.requirement, event.phase]:
                continue
            crashes = tuple(
                evolve(crash, files=tuple(evolve(each, content="") for each in crash.files))
                for crash in event.crashes
            )
            yield evolve(event, crashes=crashes, reproducer="", command="", replay="")
        elif isinstance(event, RunStarted):
            yield evolve(event, subject=event.implementation.name)
        elif not isinstance(event, Progress):
            yield event


def results() -> list[Result]:
    """Read every kept result, in the order of the list.  Raises `Invalid` outside a checkout."""
    kept = directory() / "results"
    paths = ((entry, kept / f"{name}.ndjson") for name, entry in entries().items())
    return [read_result(entry, path) for entry, path in paths if path.exists()]


def read_result(entry: Entry, path: Path) -> Result:
    """Read one.  Raises `Invalid` if the file is none of events."""
    events = read_events(path)
    started = events[0]
    assert isinstance(started, RunStarted)
    latest = {
        (each.requirement, each.phase): each
        for each in events
        if isinstance(each, ViolationFound)
        and NO_REPLY not in each.message
        and each.program != MEMORY
    }
    checks = [each for each in events if isinstance(each, CheckFinished)]
    finished = next((each for each in events if isinstance(each, RunFinished)), None)
    return Result(
        entry,
        started.implementation.version,
        started.at,
        started.versions.suite,
        tuple(sorted(latest.values(), key=lambda each: harshness_of(each.crash_model or "none"))),
        _tried(checks),
        {
            each.requirement: each.reason
            for each in events
            if isinstance(each, RequirementJudged) and each.verdict == "starved"
        },
        finished is not None and not finished.starved,
    )


def _tried(checks: Iterable[CheckFinished]) -> str:
    """Add up what the checks of a run counted."""
    total: dict[str, int] = {}
    for check in checks:
        for name, count in check.counts.items():
            total[name] = total.get(name, 0) + count
    words = {"images": "images", "recoveries": "recoveries", "faults": "faults"}
    told = [f"{total[key]:,} {word}" for key, word in words.items() if total.get(key)]
    return ", ".join(told) or "little"


def as_document(result: Result) -> dict[str, Any]:
    """Put a result into the form in which others may use it."""
    entry = result.entry
    return {
        "name": entry.name,
        "software": entry.software,
        "version": result.version or entry.version,
        "language": entry.language,
        "setting": entry.setting,
        "promise": entry.promise,
        "source": entry.source,
        "bug": entry.bug,
        "fixed_in": entry.fixed_in,
        "verdict": result.verdict,
        "judged": result.at,
        "suite": result.suite,
        "tried": result.tried,
        "starved": dict(result.starved),
        "phases": {
            phase: {
                "requirement": found.requirement,
                "crash_model": found.crash_model,
                "mildest": mildest_of(found),
                "message": found.message,
                "program": list(found.program),
                "promised": entry.promises(found.crash_model or "none"),
            }
            for phase, found in result.phases.items()
        },
    }


def badge(result: Result) -> dict[str, Any]:
    """Make the badge of an entry, in the endpoint format of shields.io."""
    colours = {"keeps": "brightgreen", "fails": "red", "starved": "lightgrey"}
    message = {
        "keeps": "no harm found",
        "fails": ", ".join(f"{phase}: {mildest_of(f)}" for phase, f in result.phases.items()),
        "starved": "not judged",
    }[result.verdict]
    colour = colours[result.verdict]
    promised = any(
        result.entry.promises(found.crash_model or "none") for found in result.phases.values()
    )
    if result.verdict == "fails" and not promised:
        colour = "yellow"  # its documentation promises nothing for such a crash
    return {"schemaVersion": 1, "label": "tornproof", "message": message, "color": colour}
