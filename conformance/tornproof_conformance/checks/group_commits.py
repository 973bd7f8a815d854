"""
Check group commit: all interleavings of a few records, and random programs.

The half that decides is tried in full, in small situations within the usual budget and in
all of them with `--queue-events 3`.  The two machines go on from there: one with crowds
too large to be listed, one with a journal on a disk that fails and crashes.

An adapter is not asked how it decides.  It is given crowds while it is recorded: its syncs
are counted, made to fail, and followed by a loss of power.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, cast

from attrs import evolve
from tornproof_models.contract import crowd, group_commit
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append, Fail, Kill, Program, Reopen, Submit
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.faults import Fault, Kind
from tornproof_models.disk.trace import SYNCS, Acked, Event, Invoked, Trace
from tornproof_models.machines.batching_situations import SITUATIONS

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import BatchCase, Problem
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.cases.hypothesis_search import Order
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.deferred_queues import ALL_EVENTS
from tornproof_conformance.checks.recorded import crash_models_of, try_recorded
from tornproof_conformance.power.recorded_session import CannotTrace
from tornproof_conformance.recorder.ptrace.injection import CallMade
from tornproof_conformance.search.hunts import MachineHunt
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.subjects.group_commits import explore_batches
from tornproof_conformance.subjects.machines import machines_of

CROWD = Submit((20,) * 16)
"""Records that are handed over together, enough to tell a sync each from a few for all."""

FEW = Submit((20,) * 3)
"""As many as it takes to see one who is told too early, wherever the power is cut."""

OPTIONS = Options(1 << 16)
BOUND = 1 << 8
"""Images of one crash point up to which all are judged: a promise that is not kept shows early."""

TRIES = 3
"""How often a crowd may take a sync each, while threads get in each other's way."""


class Recorded(Protocol):
    """An adapter that is recorded."""

    def calls_of(self, program: Program, options: Options) -> Sequence[CallMade]:
        """Return the calls that change or sync files after the first `Fail` of a program."""
        ...


@exercise("shared-syncs", recorded=True)
def share_syncs(subject: AdapterSubject, arguments: Sequence[str] = ()) -> Iterator[Violation]:
    """Count the syncs of a crowd, and cut the power while it waits."""
    size = len(CROWD.sizes)
    for _attempt in range(TRIES):
        running = run((Append(5), CROWD), subject, OPTIONS)
        yield from running.violations
        acknowledged = _acknowledged(running.filesystem.events, CROWD)
        yield from crowd.judge_answers(size, acknowledged)
        if not acknowledged:
            return
        syncs = _syncs(running.filesystem.trace.events)
        if syncs < size:
            break
    yield from crowd.judge_syncs(size, syncs)
    trace = run((Append(5), FEW), subject, OPTIONS).filesystem.trace
    yield from _cut_power(subject, trace, OPTIONS, "append", crash_models_of(arguments))


@exercise("close-together", recorded=True)
def close_together(subject: AdapterSubject, arguments: Sequence[str] = ()) -> Iterator[Violation]:
    """Close behind a crowd and somebody who did not ask for durability, and cut the power."""
    options = Options(OPTIONS.segment_bytes, "eventual")
    running = run((FEW, Append(5), Reopen()), subject, options)
    yield from running.violations
    if not running.violations:
        trace = running.filesystem.trace
        yield from _cut_power(subject, trace, options, "close", crash_models_of(arguments))


@exercise("fail-together", recorded=True)
def fail_together(subject: AdapterSubject, _: Sequence[str] = ()) -> Iterator[Violation]:
    """
    Let the sync of a crowd fail: nobody may be told otherwise, nor let in afterwards.

    Raises `CannotTrace` if it never strikes.
    """

    def failing(nth: int) -> Program:
        return (Append(5), Fail(nth, Fault.ERROR), CROWD, Append(6), Kill(), Append(7))

    made = cast("Recorded", subject).calls_of(failing(1), OPTIONS)
    syncs = [n for n, each in enumerate(made, 1) if each.kind is Kind.SYNC]
    if not syncs:
        return  # what was told without one is lost with the power
    for _attempt in range(TRIES):
        running = run(failing(syncs[0]), subject, OPTIONS)
        if running.filesystem.struck_since(0):
            break
    else:
        raise CannotTrace("its threads take another way each time, so no chosen sync can fail")
    yield from running.violations
    events, late = running.filesystem.events, 1 + len(CROWD.sizes)
    acknowledged = _acknowledged(events, CROWD)
    later = any(isinstance(event, Acked) and event.call == late for event in events)
    yield from crowd.judge_failure(len(CROWD.sizes), acknowledged, later=later)


def _acknowledged(events: Sequence[Event], together: Submit) -> int:
    """Count those of a crowd, which came second, who were told that their records last."""
    calls = range(1, 1 + len(together.sizes))
    return sum(isinstance(event, Acked) and event.call in calls for event in events)


def _syncs(events: Sequence[Event]) -> int:
    """Count the syncs after the second call began."""
    began = next(n for n, each in enumerate(events) if isinstance(each, Invoked) and each.call > 0)
    return sum(isinstance(event, SYNCS) for event in events[began:])


def _cut_power(
    subject: AdapterSubject,
    trace: Trace,
    options: Options,
    promised_by: str,
    crash_models: Sequence[str],
) -> Iterator[Violation]:
    """Crash a trace in each crash model until a promise is broken, from mild to harsh."""
    for crash_model in crash_models:
        explorer = Explorer(subject, options, CRASH_MODELS[crash_model], depth=1, bound=BOUND)
        for finding in explorer.explore(trace):
            for lost in crowd.judge_loss(finding.violation, promised_by):
                yield evolve(lost, message=f"{crash_model}: {lost.message}")
                return


NAME = "group-commit"

SMALL = ("hasty", "left", "slow", "patient", "heavy")
"""Situations that are tried in a second; the others take a minute."""

MACHINES = ("batcher-machine", "group-commit-machine")

EXAMPLES_EACH = 3
"""One random program of a group commit for so many of a journal."""


def _group_commit(subject: Subject, budget: Budget) -> Findings:
    situations = [*SITUATIONS] if budget.queue_events >= ALL_EVENTS else SMALL
    counts = {"interleavings": 0, "states": 0}
    known: set[str] = set()
    for number, situation in enumerate(situations):
        yield Progress(NAME, number, len(situations), f"every interleaving: {situation}")
        exploration, findings = explore_batches(subject, situation)
        counts["interleavings"] += exploration.coverage.interleavings
        counts["states"] += exploration.coverage.states
        for found in findings:
            if found.violation.requirement not in known:
                known.add(found.violation.requirement)
                yield Problem(found.violation, BatchCase(situation, found.story))
    names = [name for name in MACHINES if name in machines_of(subject.name)]
    examples = budget.examples // EXAMPLES_EACH
    for number, name in enumerate(names):
        yield Progress(NAME, number, len(names), f"{name}: random programs")
        yield from MachineHunt(name, subject.name).play(Order(0, examples)).problems
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
    group_commit.JUDGES,
    _group_commit,
)


# Behind an adapter

CROWDS = ("shared-syncs", "close-together", "fail-together")


def _crowds(subject: Subject, budget: Budget) -> Findings:
    yield Progress(NAME, 0, len(CROWDS), "crowds that share a sync")
    words = f"{len(CROWDS)} crowds: their syncs counted, failing, and with the power cut"
    return (yield from try_recorded(subject, CROWDS, words, budget))


ADAPTER_GROUP_COMMIT = Check(
    NAME,
    "crowds whose syncs are counted and fail, and then the power",
    crowd.JUDGES,
    _crowds,
)
