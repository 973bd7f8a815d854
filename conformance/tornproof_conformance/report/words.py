"""
The wording of verdicts that all reports share.
"""

from collections.abc import Iterable

from tornproof_conformance.checks import counted
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.stream.run_events import (
    CheckFinished,
    Diagnosed,
    Fate,
    RequirementJudged,
    ShownRecord,
    ViolationFound,
)

SIGNS = {"holds": "✓", "violated": "✗", "starved": "?", "not covered": "·"}


def named(record: RunRecord) -> str:
    """Name what was judged, with its version."""
    judged = record.started.implementation
    return " ".join(filter(None, (judged.name, judged.version)))


def headline(record: RunRecord) -> str:
    """Say what came out, in a line."""
    words = f"{named(record)} {outcome(record)}"
    if record.finished and record.succeeds != record.finished.conforms:
        words += ", as expected" if record.succeeds else ", but not as expected"
    return words


def outcome(record: RunRecord) -> str:
    """Say what came out, without naming whose."""
    if record.diagnosis is not None:
        return f"is broken: {record.diagnosis.kind}"
    if record.finished is None:
        return "was not judged to the end"
    if any(each.verdict == "violated" and each.level == "MUST" for each in record.verdicts):
        return "does not conform"
    if record.finished.interrupted:
        return "was interrupted"
    if record.finished.starved or record.inconclusive:
        return "is not judged: too little was tried"
    if record.nothing_judged:
        return "is not judged: it claims nothing that was looked at"
    return "conforms"


def numbers(record: RunRecord) -> str:
    """Say how many requirements hold, or why nobody knows."""
    if record.diagnosis is not None:
        return f"the adapter is broken, so there is no verdict: {record.diagnosis.message}"
    if record.finished is None:
        return "the run was cut off, so there is no verdict"
    done = record.finished
    return (
        f"{done.holds} hold, {done.violated} violated, {done.starved} starved, "
        f"{done.not_covered} not covered"
    )


def rests_on(verdict: RequirementJudged) -> str:
    """Say what a verdict rests on, and what a file of known failures makes of it."""
    if not verdict.checks:
        words = verdict.reason or "no check of this run covers it"
    else:
        words = "found by " if verdict.verdict == "violated" else ""
        words += ", ".join(verdict.checks)
        words += f"; {verdict.reason}" if verdict.reason else ""
    return f"{words}; {excuse_words(verdict)}" if verdict.excuse else words


MEASURED = "crash models, as measured (spec/kernels.md)"


def measured_words(measurements: Iterable[str]) -> str:
    """Say what crash models were held against, in some lines; empty if none was measured."""
    lines = "".join(f"\n  {each}" for each in measurements)
    return f"{MEASURED}:{lines}" if lines else ""


def grounds(record: RunRecord) -> dict[str, tuple[str, ...]]:
    """List, below headings, what a verdict rests on and what it leaves out; none that is empty."""
    every = {MEASURED: record.measurements, "seen while recording, not followed": record.notes}
    return {heading: lines for heading, lines in every.items() if lines}


def covered_words(check: CheckFinished) -> str:
    """Say what a check tried, and what a verdict needs besides."""
    if check.missing:
        return f"{check.covered}; a verdict needs {check.missing}"
    return "; ".join(filter(None, (check.covered, done_words(check))))


def done_words(check: CheckFinished) -> str:
    """Say how much of the least that a verdict needs was done; empty if it is not counted."""
    return f"{check.done:,} of {check.planned:,} needed" if check.planned else ""


def stake_words(verdict: RequirementJudged) -> str:
    """Say how often a requirement could have been violated; empty if it was not counted."""
    if verdict.at_stake is None:
        return ""
    return f"at stake {verdict.at_stake:,} time{'s'[: verdict.at_stake != 1]}"


def found_words(found: ViolationFound) -> str:
    """Say when a violation was first found; empty where a file of an earlier version has none."""
    after = f"after {found.seconds:.1f} s" if found.seconds else ""
    images = f"{counted(found.images, 'image')} of its check" if found.images else ""
    return ", ".join(filter(None, (after, images)))


def excuse_words(verdict: RequirementJudged) -> str:
    """Say what excuses a verdict, or does not any more; nothing if nothing does."""
    excuse = verdict.excuse
    if excuse is None:
        return ""
    match excuse.state:
        case "known":
            return f"known until {excuse.expires}: {excuse.reason} {excuse.link}"
        case "beyond":
            return f"no promise: {excuse.reason}"
        case "expired":
            return f"was known until {excuse.expires}, and that has passed: {excuse.reason}"
        case _:
            return "listed as a known failure, but it holds: take it off the list"


def recovered_words(found: ViolationFound) -> str:
    """Say what recovery showed instead of what was expected; empty if there was none."""
    if found.recovered is None:
        return found.error
    return records_words(found.recovered, "nothing")


def records_words(records: tuple[ShownRecord, ...], nothing: str) -> str:
    """List records by size and offset."""
    return ", ".join(f"{each.size} bytes at {each.offset}" for each in records) or nothing


def fate_words(fate: Fate) -> str:
    """Say what became of a write in a crash, and which sync would have kept it."""
    if fate.state == "synced":
        return "safe: synced before the crash"
    kept = f"{fate.sectors.count('k')} of {len(fate.sectors)} sectors kept"
    words = f"torn: {kept}" if fate.state == "torn" else fate.state
    return f"{words}; {fate.keeper}" if fate.keeper else words


def settings_words(record: RunRecord) -> str:
    """List how far the checks were told to go."""
    settings = record.started.settings.items()
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings)


def replay_command(found: ViolationFound) -> str:
    """Return the command that plays a violation again."""
    if found.replay:
        return found.replay
    replay = f"tornproof replay {found.reproducer}"
    return f"{replay} -- {found.command}" if found.command else replay


def diagnosis_lines(found: Diagnosed) -> list[str]:
    """Say what is wrong with an adapter, what was said, and what its log says."""
    lines = [found.message, found.hint]
    told = (("asked", found.request), ("replied", found.reply), ("log", found.log))
    return [*filter(None, lines), *(f"{label}: {text}" for label, text in told if text)]
