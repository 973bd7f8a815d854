"""
Recorded runs for the tests of reports.

`runs/passing.ndjson` is of the reference, `runs/failing.ndjson` of a journal that
appends behind a torn tail; both are of small checks, without their progress.
"""

from pathlib import Path

from attrs import evolve
from tornproof_conformance.report.run_record import RunRecord, record_run
from tornproof_conformance.stream.event_file import read_events
from tornproof_conformance.stream.run_events import (
    Diagnosed,
    Excuse,
    Implementation,
    RunEvent,
    RunFinished,
)

RUNS = Path(__file__).parent / "runs"
PASSING, FAILING = RUNS / "passing.ndjson", RUNS / "failing.ndjson"

HOSTILE = "<script>alert('1')</script>\" onload=\"x ]]> `a` | {{ 7 * 7 }} **b** \x00\x1b[31m \ud83d"
"""Markup of every kind that a report is made of, and characters that none may hold."""


def events_of(path: Path) -> tuple[RunEvent, ...]:
    """Read a recorded run."""
    return read_events(path)


def record_of(path: Path) -> RunRecord:
    """Take a recorded run together."""
    return record_run(read_events(path))


def cut_off(record: RunRecord) -> RunRecord:
    """The same run, killed before its end."""
    return evolve(record, finished=None)


def excused(record: RunRecord, state: str, requirement: str = "REC-2") -> RunRecord:
    """The same run, with what a file of known failures says about one requirement."""
    excuse = Excuse(state, "The cut is not synced.", "https://example.org/1", "2026-12-31")
    verdicts = tuple(
        evolve(each, excuse=excuse) if each.requirement == requirement else each
        for each in record.verdicts
    )
    assert isinstance(record.finished, RunFinished)
    finished = evolve(record.finished, passes=state == "known")
    return evolve(record, verdicts=verdicts, finished=finished)


def hostile(record: RunRecord) -> RunRecord:
    """The same run, of something that names and describes itself to do harm."""
    bad = HOSTILE.encode("utf-8", "replace").decode()
    crash = record.violations[0].crashes[0]
    files = tuple(evolve(file, name=bad) for file in crash.files)
    violation = evolve(
        record.violations[0],
        message=bad,
        program=(bad,),
        crash_model=bad,
        crashes=(evolve(crash, lost=(bad,), files=files),),
        error=bad,
        reproducer=bad,
    )
    implementation = Implementation(bad, bad, bad, "javascript:alert(1)")
    return evolve(
        record,
        started=evolve(record.started, subject=bad, implementation=implementation),
        violations=(violation,),
    )


def diagnosed(record: RunRecord) -> RunRecord:
    """The same run, of an adapter that broke the protocol."""
    diagnosis = Diagnosed("no reply", "It said nothing for 5 s.", "Is its output flushed?", "{}")
    return evolve(record, finished=None, diagnosis=diagnosis, verdicts=(), violations=())


def inconclusive(record: RunRecord) -> RunRecord:
    """The same run, with a last check that could not say anything."""
    *rest, last = record.checks
    nothing = evolve(
        last, conclusive=False, covered="strace is missing", counts={}, crash_models=()
    )
    return evolve(record, checks=(*rest, nothing))
