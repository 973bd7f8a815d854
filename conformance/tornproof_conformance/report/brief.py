"""
Say in a few lines what a run found: a line a family, the findings, and what to do next.
"""

import math
import re
from collections.abc import Iterator
from itertools import groupby

from attrs import frozen

from tornproof_conformance.adapter.speaking.messages import describe_operation
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import SIGNS, replay_command
from tornproof_conformance.specification.requirements import FAMILIES
from tornproof_conformance.stream.run_events import RequirementJudged, ViolationFound

WORST = ("violated", "starved", "not covered", "holds")
"""Verdicts, the worst first; the worst gives a family its sign."""

LONGEST_LOSSES = 2
"""How many of the things that a crash has lost a finding names; `-v` and the page name all."""


@frozen
class FamilyLine:
    """What came out for the requirements of one family."""

    name: str
    verdict: str
    """The worst of its verdicts."""

    words: str

    @property
    def sign(self) -> str:
        """That of the verdict."""
        return SIGNS[self.verdict]


def family_lines(record: RunRecord) -> Iterator[FamilyLine]:
    """Sum up each family in a line."""
    for family, members in groupby(
        record.verdicts, lambda each: each.requirement.partition("-")[0]
    ):
        judged = list(members)
        verdicts = {each.verdict for each in judged}
        worst = next(verdict for verdict in WORST if verdict in verdicts)
        words = "; ".join(
            _part(verdict, judged) for verdict in reversed(WORST) if verdict in verdicts
        )
        yield FamilyLine(FAMILIES.get(family, family), worst, words)


def _part(verdict: str, judged: list[RequirementJudged]) -> str:
    """Say how many have a verdict, and which, unless all do or they hold."""
    having = [each.requirement for each in judged if each.verdict == verdict]
    words = {"holds": "hold" if len(having) != 1 else "holds"}.get(verdict, verdict)
    if verdict == "holds" or len(having) == len(judged) > 1:
        return f"{len(having)} {words}"
    return f"{len(having)} {words}: {', '.join(having)}"


def finding_lines(found: ViolationFound) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line of a finding, the sentence first."""
    yield found.requirement, found.sentence
    yield "what", found.message
    if found.also:
        yield "also", ", ".join(found.also)
    yield from (("same", said) for said in found.also_said[:1])
    if found.program:
        yield "program", "; ".join(found.program)
    lost = [loss for crash in found.crashes for loss in crash.lost]
    if found.crashes and (found.symptom or not lost):
        yield "crash", f"{_moments(found)} ({found.crash_model})"
    if lost:
        more = len(lost) - LONGEST_LOSSES
        told = "; ".join(lost[:LONGEST_LOSSES]) + (f"; and {more} more" if more > 0 else "")
        yield "lost", f"{told} ({found.crash_model}, {found.phase})"
    if found.symptom:
        last = (each.words for each in found.afterwards[-1:])
        yield from (("then", words) for words in last if words not in found.message)
    yield "replay", replay_command(found)


def _moments(found: ViolationFound) -> str:
    """Say after what each crash came."""
    last = ("".join(each.words for each in crash.after[-1:]) for crash in found.crashes)
    said = (f"after `{each.strip().lstrip('◂ ')}`" if each else "at the beginning" for each in last)
    return ", and again ".join(said)


UNTRIED = "nothing: "
"""What the words of a check begin with that had no way to try anything."""


def next_step(record: RunRecord) -> str:
    """Say what somebody who writes an adapter does next; empty where nothing is to be said."""
    if not record.started.implementation.claims or record.finished is None:
        return ""
    for found in record.violations:
        missing = re.search(r"answers (\S+) with unsupported", found.message)
        if found.requirement == "ADP-2" and missing:
            op = missing[1]
            return f"fill in {op}: {describe_operation(op)}"
    worst = [v for v in record.verdicts if v.verdict == "violated" and not v.excuse]
    if worst:
        return f"`tornproof explain {worst[0].requirement}` has the reason; `-v` tells each step"
    if record.finished.interrupted:
        return "it was interrupted, which a longer --budget does not mend: let it end"
    untried = [each.check for each in record.inconclusive if each.covered.startswith(UNTRIED)]
    if untried:
        return f"{untried[0]} could not be tried, and its line says why; --budget changes nothing"
    if any(each.verdict == "starved" for each in record.verdicts):
        return f"too little was tried: {_enough(record)}"
    if "kills" not in record.started.checks:
        return ""  # only a part was asked for
    return "run it for every change (spec/guide-ci.md); `tornproof list claims` shows more claims"


HOUR = 3600


def _enough(record: RunRecord) -> str:
    """
    Say about how much time a verdict needs, from what was done of what is needed.

    Each search has its share of the budget, so the one that came least far decides.
    """
    budget = float(record.started.settings.get("seconds", 60))
    behind = (each.planned / max(each.done, 1) for each in record.checks if each.missing)
    needed = budget * max(behind, default=2)
    if needed <= 2 * budget:
        return f"give it more time with --budget {2 * budget:.0f}"
    if needed <= HOUR:
        return f"a verdict needs about --budget {math.ceil(needed / 10) * 10}"
    more = f"--budget {10 * budget:.0f} tries ten times as much"
    return f"a verdict needs some {math.ceil(needed / HOUR)} hours; {more}"


THOROUGH = (
    ("exploration", "operations", 4, "programs of four operations"),
    ("faults", "thorough", 1, "crashes in the other crash models after a fault"),
    ("group-commit", "queue_events", 3, "larger crowds"),
    ("drainer", "queue_events", 3, "three in four of a drainer's programs"),
    ("schedules", "queue_events", 3, "schedules of three events"),
)
"""What a check leaves out where a setting is below a number."""


def left_out(record: RunRecord) -> str:
    """Say what a run in this process has left out to end in a minute; empty if nothing."""
    settings = record.started.settings
    if record.started.implementation.claims or "thorough" not in settings:
        return ""
    parts = [
        words
        for check, setting, enough, words in THOROUGH
        if check in record.started.checks and float(settings[setting]) < enough
    ]
    return f"{', '.join(parts)}: --thorough has them" if parts else ""
