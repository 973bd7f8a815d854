"""
Cut the power of a drainer behind an adapter.

A few events go through it, recorded.  Wherever a crash could matter, images are built
of what it may have left: nothing lost, everything lost that was not synced, and each
thing alone.  Every image is a directory, in which the adapter opens its drainer and
goes on, and the contract asks two things.  What was seen in the chain is there; and
when everything has come to rest, what was admitted is somewhere, once.

The promise that counts is the answer.  A submit that was under way may have happened.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice

from attrs import define, evolve, field, frozen
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
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.crash_points import is_crash_point
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.crash_models import CRASH_MODELS, CrashModel
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Image, Trace
from tornproof_models.queues.delivery_program import event_id, event_of, payload_of

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.opened_chain import open_queue, submit
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal, Unsupported
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.cases.case import ExerciseCase, Problem
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings
from tornproof_conformance.checks.deliveries import Delivery
from tornproof_conformance.checks.recorded import NO_TRACE, arguments_of, crash_models_of
from tornproof_conformance.power.recorded_session import RecordedDisk
from tornproof_conformance.power.recorded_subject import RecordedSubject

DRAIN_MS = 2000

PASSES = (2, 64)
"""
Images of one crash point, in one pass over them all and in the next.

Those with the fewest deviations come first: nothing lost, and everything.
"""

AGAIN = 60.0
"""Seconds that it may take to do everything again."""

MILDER = 5.0
"""Seconds for each crash model in which what was found may show as well."""

SHOWN = 3
"""Losses that are named."""

SUBMIT, DRAIN = "submit", "drain"
PROGRAM = (SUBMIT, DRAIN, SUBMIT, SUBMIT, DRAIN, SUBMIT)
"""Events wait, land alone, land together, and wait again."""


@frozen
class Mark:
    """What was known from some moment on: so many events of the trace had happened."""

    position: int
    history: tuple[Fact, ...]


@frozen
class DrainerRecording:
    """What a drainer did to its disk, and what it had promised meanwhile."""

    trace: Trace
    marks: tuple[Mark, ...]
    notes: tuple[str, ...]
    """What the recorder saw and does not follow."""

    def owed(self, position: int) -> tuple[Fact, ...]:
        """Return what was known when so many events of the trace had happened."""
        known = [mark.history for mark in self.marks if mark.position <= position]
        return known[-1] if known else ()

    @property
    def began(self) -> int:
        """How many events it took to open the drainer."""
        return self.marks[0].position


def record(adapter: AdapterSubject) -> DrainerRecording:
    """
    Let events go through a drainer, and record it.

    Raises `CannotRecord`, `CannotTrace` and `RecordingDiffers`, where nothing can be said.
    """
    with RecordedSubject.of(adapter) as subject:
        disk = subject.new_disk()
        assert isinstance(disk, RecordedDisk)
        session = subject.session_for(disk)
        open_queue(session, disk, Mode.DURABLE)
        marks = [Mark(len(disk.events), ())]
        history: tuple[Fact, ...] = ()
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
        return DrainerRecording(disk.trace, tuple(marks), tuple(subject.warnings))


@define
class PowerCuts:
    """The crashes of a recording, and what came of them."""

    adapter: AdapterSubject
    recording: DrainerRecording
    until: float
    """When to stop, by the monotonic clock in seconds; the first pass is made in any case."""

    crash_points: set[int] = field(factory=set)
    images: int = 0
    _tried: set[tuple[int, tuple[Fact, ...]]] = field(factory=set)

    def violations(self, crash_model: str, images: int) -> Iterator[Violation]:
        """Crash everywhere in a crash model, up to so many images each; yield violations."""
        chosen = CRASH_MODELS[crash_model]
        trace = self.recording.trace
        registers = Registers.of(trace.initial, chosen.floors)
        positions = {mark.position for mark in self.recording.marks}
        for position, event in enumerate(trace.events):
            matters = position in positions
            if not chosen.floors.everything_at_once:  # else nothing is lost in between
                matters = matters or is_crash_point(event, chosen)
            if matters and position >= self.recording.began:
                yield from self._crash(registers, chosen, position, images)
            registers.advance(event)
        yield from self._crash(registers, chosen, len(trace.events), images)

    def _crash(
        self, registers: Registers, crash_model: CrashModel, position: int, images: int
    ) -> Iterator[Violation]:
        self.crash_points.add(position)
        space = ImageSpace(registers, crash_model)
        owed = self.recording.owed(position)
        for choice in islice(space.within(1), images):
            if images > PASSES[0] and time.monotonic() > self.until:
                return
            image = space.builder.build(choice)
            if (image.digest, owed) in self._tried:
                continue
            self._tried.add((image.digest, owed))
            self.images += 1
            for found in recovered(self.adapter, image, owed):
                where = f"power lost {_words(owed)} ({crash_model.name}: {_lost(space, choice)})"
                yield evolve(found, message=f"{where}: {found.message}")


def recovered(adapter: AdapterSubject, image: Image, owed: Sequence[Fact]) -> list[Violation]:
    """Let a drainer go on from an image, and return what is violated by what comes of it."""
    try:
        delivery = Delivery(adapter, Mode.DURABLE, history=list(owed), disk=adapter.new_disk(image))
    except (Refusal, ProcessFailed) as failed:
        return [judge_reopening(str(failed))]
    try:
        delivery.judge_now()
        delivery.note_death()
        if not delivery.violations:
            delivery.settle()
        delivery.close()
    except (Refusal, ProcessFailed) as failed:
        delivery.violations.append(judge_reopening(str(failed)))
    return [named for each in delivery.violations if (named := after_power_loss(each))]


def _lost(space: ImageSpace, choice: Choice) -> str:
    """Say what an image has lost, as far as a line goes."""
    lost = space.describe_losses(choice) or ("nothing lost",)
    return "; ".join(lost[:SHOWN]) + (f"; {len(lost) - SHOWN} more" if len(lost) > SHOWN else "")


def _words(owed: Sequence[Fact]) -> str:
    admitted = [
        fact.event_id
        for fact in owed
        if isinstance(fact, Submitted) and fact.outcome is Outcome.ADMITTED
    ]
    return f"when {', '.join(admitted)} had been admitted" if admitted else "before any admission"


@exercise("queue-power-loss")
def lose_power(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Do it again, as an exercise."""
    until = time.monotonic() + AGAIN
    found, _tried = cut_power(subject, until, crash_models_of(arguments))
    yield from found


def cut_power(
    adapter: AdapterSubject, until: float, crash_models: Sequence[str]
) -> tuple[list[Violation], PowerCuts]:
    """
    Record a drainer, and crash it in the last of some crash models, which is the harshest.

    Returns a violation for each requirement, in the mildest crash model that shows any, and
    what was tried.
    """
    cuts = PowerCuts(adapter, record(adapter), until)
    for images in PASSES:
        first: dict[str, Violation] = {}
        try:
            for found in cuts.violations(crash_models[-1], images):
                first.setdefault(found.requirement, found)
            if first:
                return list((first | _milder(cuts, images, crash_models[:-1])).values()), cuts
        except OutOfPatience:
            if first:
                return list(first.values()), cuts
            raise
    return [], cuts


def _milder(cuts: PowerCuts, images: int, crash_models: Sequence[str]) -> dict[str, Violation]:
    """Find the mildest crash model in which anything is violated, and the first that is."""
    for crash_model in crash_models:
        mild = PowerCuts(cuts.adapter, cuts.recording, time.monotonic() + MILDER)
        if found := next(mild.violations(crash_model, images), None):
            return {found.requirement: found}
    return {}


NAME = "queue-power-loss"

SHARE = 0.05
"""Part of the budget's time."""


def _power_loss(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    clock = Clock.start(budget, SHARE)
    yield clock.progress(NAME, "recording a drainer")
    try:
        found, tried = cut_power(subject, clock.until, budget.crash_models)
    except (*NO_TRACE, Refusal, Unsupported, ProcessFailed) as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)
    for violation in found:
        yield Problem(violation, ExerciseCase(NAME, arguments_of(budget.crash_models)))
    words = (
        f"{tried.images:,} distinct images of {len(tried.crash_points):,} crashes of a drainer, "
        f"in the crash model {budget.crash_models[-1]}"
    )
    counts = {"crash_points": len(tried.crash_points), "images": tried.images}
    return Covered(words, counts, budget.crash_models, notes=tried.recording.notes)


QUEUE_POWER_LOSS = Check(
    NAME,
    "events through the drainer, recorded, and the power cut everywhere",
    JUDGES_AFTER_POWER_LOSS,
    _power_loss,
)
