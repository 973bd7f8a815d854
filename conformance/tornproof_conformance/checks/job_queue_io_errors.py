"""
Let system calls of a job queue behind an adapter fail.

One worker goes through a few jobs while it is recorded, and one call that writes or syncs a
file fails.  The worker goes on as well as it can, is killed, and starts again; then it drains
the queue, and the contract judges the history.  What a worker has acknowledged counts; a call
that was answered with an error may have had its effect.

The power is not cut after the error.
"""

from collections.abc import Iterator, Sequence

from tornproof_models.contract.job_queue import REQUIREMENTS, Claim, judge
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.faults import Fault

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.job_queue_processes import QueueNotOpened
from tornproof_conformance.adapter.opened_job_queue import EFFECTS, JobQueueRun
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.checks.job_queue_power_loss import STEPS
from tornproof_conformance.checks.job_queues import unclaimed
from tornproof_conformance.checks.recorded import NO_TRACE
from tornproof_conformance.power.injection import faults_of
from tornproof_conformance.power.recorded_session import RecordedDisk
from tornproof_conformance.power.recorded_subject import NEVER, RecordedSubject
from tornproof_conformance.recorder.ptrace.injection import CallMade

NAME = "job-queue-io-errors"

SHARE = 0.2
"""Part of the budget's time."""


def calls_of(adapter: AdapterSubject) -> list[CallMade]:
    """List the calls that a worker makes. Raises `CannotRecord`, `CannotTrace`."""
    with RecordedSubject.of(adapter) as subject:
        run = _run_with(subject, NEVER, Fault.ERROR)
        assert isinstance(run.disk, RecordedDisk)
        return list(run.disk.calls)


def injections(calls: Sequence[CallMade]) -> list[tuple[int, Fault]]:
    """
    Choose which call is to fail, and how: one of each kind and file first.

    The file of effects is the adapter's own.
    """
    first, others = list[tuple[int, Fault]](), list[tuple[int, Fault]]()
    met: set[tuple[str, str]] = set()
    for nth, call in enumerate(calls, start=1):
        if call.path.rpartition("/")[2] != EFFECTS:
            chosen = others if (call.name, call.path) in met else first
            met.add((call.name, call.path))
            chosen += [(nth, fault) for fault in faults_of(call)]
    return [*first, *others]


@exercise(NAME)
def fail_call(adapter: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Let the Nth call fail, in the way that is named."""
    nth, fault = arguments
    with RecordedSubject.of(adapter) as subject:
        try:
            run = _run_with(subject, int(nth), Fault(fault))
        except QueueNotOpened as failed:
            yield Violation(REQUIREMENTS[Claim.AT_LEAST_ONCE], str(failed))
            return
        yield from judge(run.history, run.promise)


def _run_with(subject: RecordedSubject, nth: int, fault: Fault) -> JobQueueRun:
    """Let a worker go through jobs while a call fails, kill it, and let another drain the queue."""
    disk = subject.new_disk()
    assert isinstance(disk, RecordedDisk)
    run = JobQueueRun(subject, disk, is_alone=True)
    try:
        run.play([])
        disk.fail(nth, fault)
        run.play(STEPS)
        if nth != NEVER:
            disk.disarm()
            run.play(["die A"])
            run.drain()
        return run
    finally:
        run.stop()


def _io_errors(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    if subject.server:
        return Covered("nothing: the queue lives in a server", at_stake={})
    clock = Clock.start(budget, SHARE)
    yield clock.progress(NAME, "listing the calls that can fail")
    try:
        planned = injections(calls_of(subject))
    except NO_TRACE as reason:
        return Covered(f"nothing: {reason}", at_stake={})
    done = 0
    for nth, fault in planned:
        if not clock.has_time:
            break
        yield clock.progress(NAME, f"call {nth}: {fault}")
        yield from try_case(ExerciseCase(NAME, (str(nth), fault.value)), subject)
        done += 1
    words = (
        f"{done:,} of {counted(len(planned), 'failing call')} of a worker, which was then killed"
    )
    return Covered(words, {"faults": done}, ("process-kill",), at_stake={})


def _untested(subject: Subject) -> frozenset[str]:
    """Name the sentences that are not claimed, and all of a queue whose files are a server's."""
    assert isinstance(subject, AdapterSubject)
    if subject.server:
        return JOB_QUEUE_IO_ERRORS.requirements
    return unclaimed(subject)


JOB_QUEUE_IO_ERRORS = Check(
    NAME,
    "jobs through a worker whose system calls fail",
    frozenset(REQUIREMENTS.values()) - {REQUIREMENTS[Claim.POWER]},
    _io_errors,
    _untested,
)
