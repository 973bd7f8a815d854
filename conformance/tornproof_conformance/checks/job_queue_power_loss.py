"""
Cut the power of a job queue behind an adapter (QUE-17).

One worker goes through a few jobs, recorded: they are handed in, taken, completed and
failed.  Every image of what a crash may have left is a directory, in which workers open the
queue and go on until it is quiet, and the contract judges the whole history, the loss of
power included.

What a job did outside of the queue, its effect, is not undone by a loss of power.  So where
effects stand in a file, each image holds those of all calls that had been answered.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeAlias

from tornproof_models.contract.job_queue import (
    REQUIREMENTS,
    Claim,
    Fact,
    PowerLost,
    Took,
    judge,
)
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import DIRECTORY, Subject
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.job_queue_processes import QueueNotOpened
from tornproof_conformance.adapter.opened_job_queue import EFFECTS, JobQueueRun
from tornproof_conformance.adapter.waiting import Waiting
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.checks.job_queues import unclaimed
from tornproof_conformance.checks.power_cuts import Mark, PowerCuts, Recording, cut_again, tell_cuts
from tornproof_conformance.power.recorded_session import RecordedDisk
from tornproof_conformance.power.recorded_subject import RecordedSubject

NAME = "job-queue-power-loss"

SHARE = 0.3
"""Part of the budget's time."""

STEPS = (
    *("enqueue j1 A", "enqueue j2 A", "take A", "ok A"),
    *("enqueue j3 A", "take A", "fail A", "take A"),
)
"""One job is done, one has failed and one waits when a worker has a job."""

SIDE_BY_SIDE = 8
"""Images from which workers go on at once: a queue is quiet when nothing has come for a while."""

Known: TypeAlias = tuple[tuple[Fact, ...], bytes]
"""What had been asked and answered, and the effects of it where they stand in a file."""


def record(adapter: AdapterSubject) -> Recording[Known]:
    """
    Let a worker go through jobs, and record it.

    Raises `CannotRecord`, `CannotTrace` and `RecordingDiffers`, where nothing can be said.
    """
    with RecordedSubject.of(adapter) as subject:
        disk = subject.new_disk()
        assert isinstance(disk, RecordedDisk)
        run = JobQueueRun(subject, disk, is_alone=True)
        run.play([])
        effects = run.effects_file
        nothing: Known = (), effects
        marks = [Mark(len(disk.events), nothing)]
        for step in STEPS:
            before = tuple(run.history)
            at = len(disk.events)
            run.play([step])
            if len(run.history) > len(before):
                asked = (*before, run.history[len(before)])
                marks.append(Mark(at, (asked, effects)))
            effects = run.effects_file
            marks.append(Mark(len(disk.events), (tuple(run.history), effects)))
        return Recording(disk.trace, tuple(marks), tuple(subject.warnings))


def recovered(adapter: AdapterSubject, image: Image, known: Known) -> Waiting[list[Violation]]:
    """Let workers go on from an image until the queue is quiet; return what is violated."""
    history, effects = known
    files = {**image.files, **({f"{DIRECTORY}/{EFFECTS}": effects} if effects else {})}
    disk = adapter.new_disk(Image(files, image.directories))
    run = JobQueueRun(adapter, disk, [*history, PowerLost()])
    try:
        yield from run.playing([])
        yield from run.draining()
    except QueueNotOpened as failed:
        return [Violation(REQUIREMENTS[Claim.POWER], str(failed))]
    finally:
        run.stop()
    return list(judge(run.history, run.promise))


def power_cuts(adapter: AdapterSubject, until: float) -> PowerCuts[Known]:
    """Record a queue, and return its crashes; none is made yet."""
    recover = partial(recovered, adapter)
    return PowerCuts(record(adapter), recover, _words, until, at_least=0, side_by_side=SIDE_BY_SIDE)


def _words(known: Known) -> str:
    """Say how far a worker had come."""
    history, _effects = known
    started = [fact.job for fact in history if isinstance(fact, Took) and fact.job]
    return f"after {counted(len(history), 'fact')}, {counted(len(started), 'start')} among them"


@exercise(NAME)
def lose_power(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Do it again, as an exercise."""
    yield from cut_again(subject, power_cuts, arguments)


def _power_loss(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    if Claim.POWER.value not in subject.claims:
        reason = "nothing: the queue claims nothing for a loss of power (queue/power)"
        return Covered(reason, is_conclusive=False)
    if subject.server:
        reason = "nothing: the queue lives in a server, which is not recorded"
        return Covered(reason, is_conclusive=False)
    clock = Clock.start(budget, SHARE)
    return (yield from tell_cuts(NAME, "worker", subject, power_cuts, clock, budget))


def _untested(subject: Subject) -> frozenset[str]:
    """Leave everything out where no promise was made for a loss of power."""
    return unclaimed(subject) & {REQUIREMENTS[Claim.POWER]}


JOB_QUEUE_POWER_LOSS = Check(
    NAME,
    "jobs through a worker, recorded, and the power cut everywhere",
    frozenset({REQUIREMENTS[Claim.POWER]}),
    _power_loss,
    _untested,
)
