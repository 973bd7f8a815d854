"""
Group commit: everything that can happen to a few records, and random crowds of them.

The half that decides is tried in full, in small situations within the usual budget and in
all of them with `--queue-events 3`.  The two machines go on from there: one with crowds
too large to be listed, one with a journal on a disk that fails and crashes.

An adapter is not asked how it decides.  It is given crowds while it is recorded: its syncs
are counted, made to fail, and followed by a loss of power.
"""

from collections.abc import Mapping

from tornproof_models.crash.subject import Target
from tornproof_models.disk.crash_models import CLAIMED
from tornproof_models.machines.batching_situations import SITUATIONS

from tornproof_conformance.cases.case import BatchCase, Problem
from tornproof_conformance.cases.hypothesis_search import Order
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.deferred_queues import ALL_EVENTS
from tornproof_conformance.checks.recorded import try_recorded
from tornproof_conformance.search.hunts import MachineHunt
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.subjects.group_commits import explore_batches
from tornproof_conformance.subjects.machines import machines_of

NAME = "group-commit"

SMALL = ("hasty", "left", "slow", "patient", "heavy")
"""Situations that are tried in a second; the others take a minute."""

MACHINES = ("batcher-machine", "group-commit-machine")

EXAMPLES_EACH = 10
"""One random program of a group commit for so many of a journal."""


def _group_commit(target: Target, budget: Budget) -> Findings:
    situations = [*SITUATIONS] if budget.queue_events >= ALL_EVENTS else SMALL
    counts = {"interleavings": 0, "states": 0}
    known: set[str] = set()
    for number, situation in enumerate(situations):
        yield Progress(NAME, number, len(situations), f"every interleaving: {situation}")
        exploration, findings = explore_batches(target, situation)
        counts["interleavings"] += exploration.coverage.interleavings
        counts["states"] += exploration.coverage.states
        for found in findings:
            if found.violation.requirement not in known:
                known.add(found.violation.requirement)
                yield Problem(found.violation, BatchCase(situation, found.story))
    names = [name for name in MACHINES if name in machines_of(target.name)]
    examples = budget.examples // EXAMPLES_EACH
    for number, name in enumerate(names):
        yield Progress(NAME, number, len(names), f"{name}: random programs")
        yield from MachineHunt(name, target.name).play(Order(0, examples)).problems
    return _covered(counts, len(situations), examples * len(names))


def _covered(counts: Mapping[str, int], situations: int, programs: int) -> Covered:
    words = (
        f"all {counts['interleavings']:,} interleavings of {situations} situations, with a "
        f"crash in each of {counts['states']:,} states, and {programs} random programs"
    )
    counts = {**counts, "random_programs": programs}
    return Covered(words, counts, ("process-kill", "adversarial") if programs else ())


GROUP_COMMIT = Check(
    NAME,
    "everything that can happen to a few records that share their syncs",
    frozenset(f"GRP-{number}" for number in range(1, 8)),
    _group_commit,
)


# Behind an adapter

CROWDS = ("shared-syncs", "close-together", "fail-together")


def _crowds(target: Target, _: Budget) -> Findings:
    yield Progress(NAME, 0, len(CROWDS), "crowds that share a sync")
    words = f"{len(CROWDS)} crowds: their syncs counted, failing, and with the power cut"
    return (yield from try_recorded(target, CROWDS, Covered(words, profiles=CLAIMED)))


ADAPTER_GROUP_COMMIT = Check(
    NAME,
    "crowds whose syncs are counted and fail, and then the power",
    frozenset({"GRP-1", "GRP-2", "GRP-3", "GRP-7"}),
    _crowds,
)
