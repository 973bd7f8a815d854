"""
Cut the power of a recorded process wherever it could matter, and let another go on.

A recording is a trace, and what was known at moments of it: what had been asked for, and
what had been answered.  At each crash point images are built of what a crash may have left:
nothing lost, everything lost that was not synced, and each thing alone.  Whoever records
says how to go on from an image, and what is then violated.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar

from attrs import define, evolve, field, frozen
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.crash_points import is_crash_point
from tornproof_models.disk.crash_models import CRASH_MODELS, CrashModel
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Image, Trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.job_queue_processes import QueueNotOpened
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal, Unsupported
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.adapter.waiting import Waiting, side_by_side
from tornproof_conformance.cases.case import ExerciseCase, Problem
from tornproof_conformance.checks import Budget, Clock, Covered, Findings
from tornproof_conformance.checks.recorded import NO_TRACE, arguments_of, crash_models_of
from tornproof_conformance.power.restarted_subject import RestartedSubject

PASSES = (2, 64)
"""
Images of one crash point, in one pass over them all and in the next.

Those with the fewest deviations come first: nothing lost, and everything.
"""

MILDER = 5.0
"""Seconds for each crash model in which what was found may show as well."""

AGAIN = 60.0
"""Seconds that an exercise may take to do everything again."""

SHOWN = 3
"""Losses that are named."""

Known = TypeVar("Known", bound=Hashable)


@frozen
class Mark(Generic[Known]):
    """What was known from some moment on: so many events of the trace had happened."""

    position: int
    known: Known


@frozen
class Recording(Generic[Known]):
    """What a process did to its disk, and what it had promised meanwhile."""

    trace: Trace
    marks: tuple[Mark[Known], ...]
    """In the order of their positions; the first stands at the end of what opened it."""

    notes: tuple[str, ...]
    """What the recorder saw and does not follow."""

    def known_at(self, position: int) -> Known:
        """Return what was known when so many events of the trace had happened."""
        known = [mark.known for mark in self.marks if mark.position <= position]
        return known[-1] if known else self.marks[0].known

    @property
    def began(self) -> int:
        """How many events it took to open it."""
        return self.marks[0].position


@define
class PowerCuts(Generic[Known]):
    """The crashes of a recording, and what came of them."""

    recording: Recording[Known]
    recover: Callable[[Image, Known], Waiting[list[Violation]]]
    """Goes on from an image, given what was known, and returns what is violated."""

    words: Callable[[Known], str]
    """Says what was known, behind "power lost"."""

    until: float
    """When to stop, by the monotonic clock in seconds."""

    at_least: int = PASSES[0]
    """Images of each crash point that are tried whatever the time."""

    side_by_side: int = 1
    """Images from which to go on at once, where that is mostly waiting."""

    is_cut_short: bool = False
    """Whether the first pass was not finished in time."""

    crash_points: set[int] = field(factory=set)
    images: int = 0
    _tried: set[tuple[int, Known]] = field(factory=set)

    def violations(self, crash_model: str, images: int) -> Iterator[Violation]:
        """Crash everywhere in a crash model, up to so many images each; yield violations."""
        for found in side_by_side(self._recoveries(crash_model, images), self.side_by_side):
            yield from found

    def _recoveries(self, crash_model: str, images: int) -> Iterator[Waiting[list[Violation]]]:
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
    ) -> Iterator[Waiting[list[Violation]]]:
        self.crash_points.add(position)
        space = ImageSpace(registers, crash_model)
        known = self.recording.known_at(position)
        for choice in islice(space.within(1), images):
            if images > self.at_least and time.monotonic() > self.until:
                self.is_cut_short |= images == PASSES[0]
                return
            image = space.builder.build(choice)
            if (image.digest, known) in self._tried:
                continue
            self._tried.add((image.digest, known))
            self.images += 1
            lost = _lost(space, choice)
            where = f"power lost {self.words(known)} ({crash_model.name}: {lost})"
            yield self._go_on(image, known, where)

    def _go_on(self, image: Image, known: Known, where: str) -> Waiting[list[Violation]]:
        found = yield from self.recover(image, known)
        return [evolve(each, message=f"{where}: {each.message}") for each in found]

    def find(self, crash_models: Sequence[str]) -> list[Violation]:
        """
        Crash in the last of some crash models, which is the harshest, in each pass.

        Returns a violation for each requirement, in the mildest crash model that shows any.
        """
        for images in PASSES:
            first: dict[str, Violation] = {}
            try:
                for found in self.violations(crash_models[-1], images):
                    first.setdefault(found.requirement, found)
                if first:
                    return list((first | self._milder(images, crash_models[:-1])).values())
            except OutOfPatience:
                if first:
                    return list(first.values())
                raise
        return []

    def _milder(self, images: int, crash_models: Sequence[str]) -> dict[str, Violation]:
        """Find the mildest crash model in which anything is violated, and the first that is."""
        for crash_model in crash_models:
            until = time.monotonic() + MILDER
            mild = PowerCuts(
                self.recording, self.recover, self.words, until, self.at_least, self.side_by_side
            )
            if found := next(mild.violations(crash_model, images), None):
                return {found.requirement: found}
        return {}


def tell_cuts(
    name: str,
    recorded: str,
    adapter: AdapterSubject,
    power_cuts: Callable[[AdapterSubject, float], PowerCuts[Known]],
    clock: Clock,
    budget: Budget,
) -> Findings:
    """
    Record something ("drainer"), crash it, and tell what was found, as the exercise `name`.

    What goes on from an image does so on a machine that has started again.
    """
    yield clock.progress(name, f"recording a {recorded}")
    try:
        with RestartedSubject.of(adapter) as restarted:
            cuts = power_cuts(restarted, clock.until)
            found = cuts.find(budget.crash_models)
            notes = (*cuts.recording.notes, *restarted.notes)
    except (*NO_TRACE, QueueNotOpened, Refusal, Unsupported, ProcessFailed) as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)
    for violation in found:
        yield Problem(violation, ExerciseCase(name, arguments_of(budget.crash_models)))
    return Covered(
        f"{cuts.images:,} distinct images of {len(cuts.crash_points):,} crashes of a {recorded}, "
        f"in the crash model {budget.crash_models[-1]}",
        {"crash_points": len(cuts.crash_points), "images": cuts.images},
        budget.crash_models,
        missing=f"two images of every crash of the {recorded}" if cuts.is_cut_short else "",
        notes=notes,
    )


def cut_again(
    adapter: AdapterSubject,
    power_cuts: Callable[[AdapterSubject, float], PowerCuts[Known]],
    arguments: Sequence[str],
) -> Iterator[Violation]:
    """Do it again, as an exercise with its arguments; yield what is violated."""
    with RestartedSubject.of(adapter) as restarted:
        cuts = power_cuts(restarted, time.monotonic() + AGAIN)
        yield from cuts.find(crash_models_of(arguments))


def _lost(space: ImageSpace, choice: Choice) -> str:
    """Say what an image has lost, as far as a line goes."""
    lost = space.describe_losses(choice) or ("nothing lost",)
    return "; ".join(lost[:SHOWN]) + (f"; {len(lost) - SHOWN} more" if len(lost) > SHOWN else "")
