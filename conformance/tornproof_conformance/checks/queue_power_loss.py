"""
Cut the power of a drainer behind an adapter.

A few events go through it, recorded.  Every image of what a crash may have left is a
directory, in which the adapter opens its drainer and goes on, and the contract asks two
things.  What was seen in the chain is there; and
when everything has come to rest, what was admitted is somewhere, once.

The promise that counts is the answer.  A submit that was under way may have happened.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeAlias

from attrs import evolve
from tornproof_models.contract.delivery import (
    JUDGES_AFTER_POWER_LOSS,
    Fact,
    Mode,
    Outcome,
    Seen,
    Submitted,
    after_power_loss,
    judge_reopening,
)
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.trace import Image
from tornproof_models.queues.delivery_program import event_id, event_of, payload_of

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.opened_chain import open_queue, submit
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.adapter.waiting import without_waiting
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Clock, Findings
from tornproof_conformance.checks.delivering import Delivery
from tornproof_conformance.checks.power_cuts import Mark, PowerCuts, Recording, cut_again, tell_cuts
from tornproof_conformance.power.recorded_session import RecordedDisk
from tornproof_conformance.power.recorded_subject import RecordedSubject

NAME = "queue-power-loss"

SHARE = 0.05
"""Part of the budget's time."""

DRAIN_MS = 2000

SUBMIT, DRAIN = "submit", "drain"
PROGRAM = (SUBMIT, DRAIN, SUBMIT, SUBMIT, DRAIN, SUBMIT)
"""Events wait, land alone, land together, and wait again."""


Known: TypeAlias = tuple[Fact, ...]
"""What had been submitted, answered and seen."""


def record(adapter: AdapterSubject) -> Recording[Known]:
    """
    Let events go through a drainer, and record it.

    Raises `CannotRecord`, `CannotTrace` and `RecordingDiffers`, where nothing can be said.
    """
    with RecordedSubject.of(adapter) as subject:
        disk = subject.new_disk()
        assert isinstance(disk, RecordedDisk)
        session = subject.session_for(disk)
        open_queue(session, disk, Mode.DURABLE)
        history: Known = ()
        marks = [Mark(len(disk.events), history)]
        number = 0
        for step in PROGRAM:
            if step == SUBMIT:
                number += 1
                moments = 2 * number, 2 * number + 1
                name, payload = event_id(number), payload_of(number)
                fact = Submitted(name, payload, Outcome.UNKNOWN, *moments)
                marks.append(Mark(len(disk.events), (*history, fact)))
                history = (*history, evolve(fact, outcome=submit(session, event_of(number))))
            else:
                session.call("drainer.drain", timeout_ms=DRAIN_MS)
                rows = session.call("drainer.chain")["rows"]
                letters = session.call("drainer.dlq")["rows"]
                chain = tuple(row["event_id"] for row in rows)
                dead = tuple(row["event_id"] for row in letters)
                history = (*history, Seen(chain, dead))
            marks.append(Mark(len(disk.events), history))
        return Recording(disk.trace, tuple(marks), tuple(subject.warnings))


def recovered(adapter: AdapterSubject, image: Image, owed: Sequence[Fact]) -> list[Violation]:
    """Let a drainer go on from an image, and return what is violated by what comes of it."""
    try:
        delivery = Delivery(adapter, Mode.DURABLE, history=list(owed), disk=adapter.new_disk(image))
    except (Refusal, ProcessFailed) as failed:
        return [judge_reopening(f"{type(failed).__name__}: {failed}")]
    try:
        delivery.judge_now()
        delivery.note_death()
        if not delivery.violations:
            delivery.settle()
        delivery.close()
    except (Refusal, ProcessFailed) as failed:
        delivery.violations.append(judge_reopening(f"{type(failed).__name__}: {failed}"))
    return [named for each in delivery.violations if (named := after_power_loss(each))]


def _words(owed: Sequence[Fact]) -> str:
    admitted = [
        fact.event_id
        for fact in owed
        if isinstance(fact, Submitted) and fact.outcome is Outcome.ADMITTED
    ]
    return f"when {', '.join(admitted)} had been admitted" if admitted else "before any admission"


@exercise(NAME)
def lose_power(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Do it again, as an exercise."""
    yield from cut_again(subject, power_cuts, arguments)


def power_cuts(adapter: AdapterSubject, until: float) -> PowerCuts[Known]:
    """Record a drainer, and return its crashes; none is made yet."""
    return PowerCuts(record(adapter), without_waiting(partial(recovered, adapter)), _words, until)


def _power_loss(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    clock = Clock.start(budget, SHARE)
    return (yield from tell_cuts(NAME, "drainer", subject, power_cuts, clock, budget))


QUEUE_POWER_LOSS = Check(
    NAME,
    "events through the drainer, recorded, and the power cut everywhere",
    JUDGES_AFTER_POWER_LOSS,
    _power_loss,
)
