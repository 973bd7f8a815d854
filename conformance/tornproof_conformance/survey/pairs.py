"""
Published bugs in pairs of versions: what is found in the one that has it, and not in the fixed one.

Two sources are compared, each with itself: the kept examinations, in which every entry runs the
same programs, and the kept results of `tornproof check`.
"""

from collections.abc import Iterable, Mapping

from attrs import frozen

from tornproof_conformance.survey.entries import NO_CRASH, Entry, entries, harshness_of
from tornproof_conformance.survey.examinations import examinations
from tornproof_conformance.survey.results import results

SMALL_PROGRAMS, CHECK = "the same programs", "tornproof check"

Harms = Mapping[tuple[str, str], tuple[str, str]]
"""For each time of its life and requirement: the mildest crash model, and the message."""


@frozen
class Gone:
    """Harm that the version with the bug has, and the fixed one not, or in a harsher crash only."""

    time: str
    requirement: str
    crash_model: str
    message: str


@frozen
class Pair:
    """A published bug, and what tells its two versions apart."""

    vulnerable: Entry
    fixed: Entry
    gone: tuple[Gone, ...]
    """The mildest first; none if they look alike."""

    source: str
    """What found it."""


def pairs() -> list[Pair]:
    """
    Compare every entry that has a published bug with the entry that has its fix.

    Entries of which one was not run are left out.
    """
    seen = [(SMALL_PROGRAMS, _of_examinations()), (CHECK, _of_results())]
    listed = entries()
    found = []
    for entry in listed.values():
        if not (entry.bug and entry.fixed_in):
            continue
        compared = [
            Pair(entry, listed[entry.fixed_in], _gone(harms[entry.name], harms[fixed]), source)
            for source, harms in seen
            if entry.name in harms and (fixed := entry.fixed_in) in harms
        ]
        found += [max(compared, key=lambda pair: bool(pair.gone))] if compared else []
    return found


def _gone(vulnerable: Harms, fixed: Harms) -> tuple[Gone, ...]:
    found = [
        Gone(time, requirement, crash_model, message)
        for (time, requirement), (crash_model, message) in vulnerable.items()
        if (time, requirement) not in fixed
        or harshness_of(fixed[time, requirement][0]) > harshness_of(crash_model)
    ]
    return tuple(sorted(found, key=lambda gone: harshness_of(gone.crash_model)))


def _of_examinations() -> dict[str, Harms]:
    return {
        each.entry.name: _mildest(
            (harm["time"], harm["requirement"], harm["crash_model"], harm["message"])
            for harm in each.harms
        )
        for each in examinations()
    }


def _of_results() -> dict[str, Harms]:
    return {
        each.entry.name: _mildest(
            (found.phase, found.requirement, found.crash_model or NO_CRASH, found.message)
            for found in each.findings
        )
        for each in results()
    }


def _mildest(harms: Iterable[tuple[str, str, str, str]]) -> Harms:
    ordered = sorted(harms, key=lambda harm: harshness_of(harm[2]), reverse=True)
    return {(time, requirement): (model, message) for time, requirement, model, message in ordered}
