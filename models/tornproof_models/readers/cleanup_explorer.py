"""
Crash consumers and cleanup at every point.

Every image of every moment is opened: its cursors are read, a record is
appended, cleanup runs once more, and the contract of cursors and cleanup judges
what is left.  Images of equal content share one recovery.
"""

from collections.abc import Iterator, Mapping
from itertools import product

from attrs import define, field, frozen

from tornproof_models.contract.cleanup import Held, Position, judge_refusal
from tornproof_models.contract.journal import History, Record, Violation
from tornproof_models.crash.debt import advance
from tornproof_models.crash.program import Append, Kill, Rotate
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import (
    Acked,
    Flushed,
    Image,
    Observed,
    Sync,
    SyncDirectory,
)
from tornproof_models.readers.programs import (
    Clean,
    Cleaning,
    Consume,
    ConsumerRun,
    ConsumerStep,
    ConsumerSubject,
    GoBack,
    Moved,
    Moving,
    note,
)

PROBE_BYTES = 24

_TURNING_POINTS = (Sync, SyncDirectory, Acked, Flushed, Observed, Moving, Moved, Cleaning)
"""Just before these a crash could matter: in between, images only become more."""


@frozen
class AfterCleanup:
    """What became of an image."""

    records: tuple[Record, ...]
    positions: Mapping[str, int]
    probe: int
    """Offset of the record that was appended after the recovery."""

    violations: tuple[Violation, ...]
    """What was wrong afterwards, while nothing crashed."""


@define
class CleanupExplorer:
    """Crashes runs of one implementation under one crash model, remembering recoveries."""

    subject: ConsumerSubject
    options: Options
    crash_model: CrashModel
    images: int = 0
    """Images judged."""

    _outcomes: dict[int, AfterCleanup | Violation] = field(factory=dict)
    _crashed: set[int] = field(factory=set)
    """Beginnings of runs, as hashes, that were crashed at their ends."""

    @property
    def recovered(self) -> int:
        """How many distinct images were really recovered."""
        return len(self._outcomes)

    def explore(self, running: ConsumerRun) -> list[Violation]:
        """
        Judge every image of a run that began on an empty disk; stop at the first bad one.

        Until the first consumer comes, crashes are the journal's own business.
        """
        registers = Registers.of(running.filesystem.initial, self.crash_model.floors)
        history, held = History(), Held()
        everywhere = self.crash_model.floors.everything_at_once
        beginning = 0
        for event in (*running.events(), None):
            turns = event is None or everywhere or isinstance(event, _TURNING_POINTS)
            if turns and held != Held() and beginning not in self._crashed:
                self._crashed.add(beginning)
                for violations in self._crash(registers, history, held):
                    if violations:
                        return violations
            beginning = hash((beginning, event))
            match event:
                case Moving() | Moved() | Cleaning():
                    held = note(held, event)
                case None:
                    break
                case _:
                    registers.advance(event)
                    history = advance(history, event)
        return []

    def _crash(
        self, registers: Registers, history: History, held: Held
    ) -> Iterator[list[Violation]]:
        space = ImageSpace(registers, self.crash_model)
        for choice in space.choices():
            self.images += 1
            yield judge(history, held, self._recover(space.builder.build(choice)))

    def _recover(self, image: Image) -> AfterCleanup | Violation:
        key = image.digest
        if key not in self._outcomes:
            self._outcomes[key] = recover(self.subject, self.options, image)
        return self._outcomes[key]


def judge(history: History, held: Held, outcome: AfterCleanup | Violation) -> list[Violation]:
    """Judge one recovery against what was owed when the crash struck."""
    if isinstance(outcome, Violation):
        return [outcome]
    violations = held.judge(history, outcome.records, outcome.positions)
    taken = max((offset + 1 for offset, _ in history.owed), default=0)
    taken = max(taken, *outcome.positions.values(), 0)
    if outcome.probe < taken:
        message = f"a record gets offset {outcome.probe}; others were given up to {taken}"
        violations.append(Violation("SEG-9", message))
    return [*violations, *outcome.violations]


def recover(subject: ConsumerSubject, options: Options, image: Image) -> AfterCleanup | Violation:
    """Open an image, append a record and clean up, or tell what is wrong with it in any case."""
    running = ConsumerRun(subject, options, ModelFilesystem(image))
    records = running.open_unjudged()
    if isinstance(records, str):
        return judge_refusal(records)
    positions = running.positions()
    if isinstance(positions, str):
        return Violation("CUR-1", positions)
    running.history = History(settled=records)
    running.held = Held({name: Position(offset) for name, offset in positions.items()})
    running.append(PROBE_BYTES)
    if len(running.appended) == len(records):
        return Violation("REC-4", "an append after the recovery fails")
    probe = running.appended[-1][0]
    running.step(Clean())
    return AfterCleanup(records, positions, probe, tuple(running.violations))


# Everything small

FILLED: tuple[ConsumerStep, ...] = (Append(600), Append(600), Append(5), Rotate(), Append(5))
"""Four segments: two of one large record each, and two of a small one; the last is active."""

ALPHABET: tuple[ConsumerStep, ...] = (
    Consume(2),
    Consume(9),
    Consume(1, "bar"),
    GoBack(),
    Clean(),
    Append(5),
    Kill(),
)

AFTER_A_DEATH: tuple[tuple[ConsumerStep, ...], ...] = (
    (Clean(),),
    (Kill(), Clean()),
    (Consume(0), Consume(1), Clean()),
)
"""What may follow: a cleanup, a restart and a cleanup, another consumer in the same place."""

MOST_CHANGES = 8
"""Changes of the disk with which a cursor is opened and moved, and one more."""


@frozen
class Explored:
    """What came of exploring many programs."""

    programs: int
    images: int
    violations: tuple[Violation, ...]
    """What was found first, if anything."""

    program: tuple[ConsumerStep, ...] = ()
    """The program that shows it, a shortest one."""


def programs(steps: int) -> Iterator[tuple[ConsumerStep, ...]]:
    """
    Yield programs on a filled journal: all of up to so many steps, and all deaths of a consumer.
    """
    for length in range(1, steps + 1):
        for tail in product(ALPHABET, repeat=length):
            if any(isinstance(step, Consume | Clean) for step in tail):
                yield (*FILLED, *tail)
    for after in range(MOST_CHANGES + 1):
        for tail in AFTER_A_DEATH:
            yield (*FILLED, Consume(0), Consume(2, dies_after=after), *tail)


def explore_programs(subject: ConsumerSubject, crash_model: CrashModel, steps: int) -> Explored:
    """Explore them all under one crash model, or up to the first that shows a violation."""
    explorer = CleanupExplorer(subject, Options(), crash_model)
    number = 0
    for number, program in enumerate(programs(steps), start=1):
        running = ConsumerRun(subject, Options())
        running.open()
        for step in program:
            running.step(step)
        if violations := running.violations or explorer.explore(running):
            return Explored(number, explorer.images, tuple(violations), program)
    return Explored(number, explorer.images, ())
