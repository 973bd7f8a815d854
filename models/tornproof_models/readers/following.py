"""
Follow a writer, one disk operation at a time.

A writer runs a program on a simulated disk.  Its trace goes by on another one,
in the smallest steps there are: a write in pieces, with everything in between.
A reader looks at that disk, at any of these moments; it may look for longer than
a moment, so that the writer gets on between two of the reader's operations.  The
writer may be killed at any of them, and the power may go.  The contract of
readers judges each look, and what each recovery makes of what was shown.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol, TypeAlias

from attrs import define, evolve, field
from tornproof.errors import Trimmed
from tornproof.filesystem import Filesystem

from tornproof_models.contract.cleanup import Held
from tornproof_models.contract.journal import History, Record, Violation
from tornproof_models.contract.reader import (
    Ended,
    Look,
    Moment,
    judge,
    judge_recovery,
    judge_writes,
)
from tornproof_models.crash.debt import advance
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.shared_disk import Replay, split
from tornproof_models.disk.trace import Acked, Event
from tornproof_models.readers.programs import (
    Cleaning,
    ConsumerRun,
    ConsumerStep,
    ConsumerSubject,
    Moved,
    Moving,
    Note,
    note,
    segments,
)
from tornproof_models.readers.truth import HEADER_BYTES, Facts

Jumps: TypeAlias = Mapping[int, int]
"""Before the reader's Nth operation of a look, from 1, so many events go by."""

PATIENCE = 2_000
"""Operations after which a look that has not ended never will."""


class ReaderUnderTest(Protocol):
    """What the judge asks of a reader."""

    def scan(self, start: int) -> Iterator[Record]:
        """
        Yield records from an offset on, up to the tail as it is now.

        Raises `Trimmed` where cleanup has been.
        """
        ...


class ReaderSubject(Protocol):
    """An implementation of a reader."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def open(self, filesystem: Filesystem, *, durable_only: bool) -> ReaderUnderTest:
        """Open a reader of the journal in `DIRECTORY`."""
        ...


class NeverEndsError(Exception):
    """A look went on for longer than anybody waits."""


@define
class Following:
    """A writer ahead, its trace going by, and a reader that looks at it."""

    run: ConsumerRun
    readers: ReaderSubject
    durable_only: bool
    view: Replay = field(factory=Replay)
    facts: Facts = field(factory=Facts)
    violations: list[Violation] = field(factory=list)
    position: int = 0
    """Offset of the first record that the reader has yet to show."""

    shown: list[Record] = field(factory=list)
    pending: deque[Event | Note] = field(factory=deque)
    """What the writer has done and the reader cannot see yet."""

    pieces: bool = True
    """Whether a write becomes visible piece by piece."""

    _reader: ReaderUnderTest | None = None
    _offsets: dict[int, int] = field(factory=dict)
    _taken: int = 0
    _history: History = field(factory=History)
    _held: Held = field(factory=Held)

    @classmethod
    def begin(
        cls,
        writer: ConsumerSubject,
        readers: ReaderSubject,
        options: Options,
        *,
        durable_only: bool,
        pieces: bool = True,
    ) -> "Following":
        """Begin on an empty disk, with a writer that has opened its journal."""
        following = cls(ConsumerRun(writer, options), readers, durable_only, pieces=pieces)
        following.run.open()
        following._take()
        return following

    def fork(self) -> "Following":
        """Return another one, with a reader of its own, of which nothing has gone by yet."""
        return evolve(
            self,
            view=Replay(),
            facts=Facts(),
            pending=deque(self.pending),
            shown=[],
            violations=list(self.violations),
            reader=None,
        )

    # The writer

    def step(self, step: ConsumerStep) -> None:
        """Let the writer, ahead of what can be seen, take a step."""
        self.run.step(step)
        self._take()

    def pass_by(self, events: int) -> None:
        """Let so many of the writer's smallest steps become visible."""
        for _ in range(min(events, len(self.pending))):
            match event := self.pending.popleft():
                case Moving() | Moved() | Cleaning():
                    self._held = note(self._held, event)
                case _:
                    self.view.apply(event)
                    self.facts.advance(event, self._offsets)
                    self._history = advance(self._history, event)

    def kill(self) -> None:
        """Kill the writer at this moment, and let another one recover what it left."""
        disk = Replay(self.view.initial)
        for event in self.view.events:
            disk.apply(event)
        self._take_over(disk, self._held)

    def crash(self, crash_model: str, number: int) -> None:
        """Lose power at this moment, keep one of the images, and recover it."""
        space = ImageSpace.after(self.view.initial, self.view.events, CRASH_MODELS[crash_model])
        image = space.image(number)
        self.view = Replay(image)
        self.facts = Facts.of(image, self.facts.records)
        self._reader = None
        if not self.durable_only:
            self.position, self.shown = self.facts.first, []
        self._take_over(ModelFilesystem(image), self._held)

    def _take_over(self, disk: ModelFilesystem, held: Held) -> None:
        self.pending.clear()
        self._taken = len(disk.events)
        self.run = ConsumerRun(
            self.run.consumers,
            self.run.options,
            disk,
            self._history,
            held=held,
            calls=self.run.calls,
        )
        self.run.open()
        first = min(segments(disk), default=0)
        self.violations += judge_recovery(self.shown, self.run.appended, first)
        self._take()

    def _take(self) -> None:
        """Queue what the writer has done since the last time."""
        self.violations += self.run.violations
        done = list(self.run.events())
        for event in done[self._taken :]:
            match event:
                case Moving() | Moved() | Cleaning():
                    self.pending.append(event)
                case _:
                    self.pending.extend(split(event) if self.pieces else (event,))
                    if isinstance(event, Acked):
                        self._offsets[event.call] = event.offset
        self._taken = len(done)

    # The reader

    def open_reader(self) -> None:
        """Open the reader, which then knows what can be seen now, if there is a journal yet."""
        if self._reader is None and DIRECTORY in self.view.image.directories:
            self._reader = self.readers.open(self.view, durable_only=self.durable_only)

    def look(self, jumps: Jumps | None = None) -> int:
        """
        Let the reader look, and the writer get on meanwhile; judge what it shows.

        Returns how many disk operations the look took.
        """
        operations = 0

        def between() -> None:
            nonlocal operations
            operations += 1
            self.pass_by((jumps or {}).get(operations, 0))
            if operations > PATIENCE:
                raise NeverEndsError(f"it goes on after {PATIENCE} operations")

        if DIRECTORY not in self.view.image.directories:
            return 0
        self.view.between = between
        before = self._moment()
        records, ended = self._scan(len(before.records) + len(self.pending) + 1)
        self.view.between = lambda: None
        look = Look(self.position, records, ended)
        self.violations += judge(look, before, self._moment())
        self.violations += judge_writes(self.view.changed)
        for offset, payload in records:
            self.shown.append((offset, payload))
            self.position = offset + HEADER_BYTES + len(payload)
        if ended == Ended.TRIMMED:
            self.position, self.shown = self.facts.first, []
        return operations

    def _scan(self, most: int) -> tuple[tuple[Record, ...], str]:
        records: list[Record] = []
        try:
            if self._reader is None:
                self._reader = self.readers.open(self.view, durable_only=self.durable_only)
            for record in islice(self._reader.scan(self.position), most):
                records.append(record)
        except Trimmed:
            return tuple(records), Ended.TRIMMED
        except Exception as error:
            return tuple(records), f"{type(error).__name__}: {error}"
        return tuple(records), Ended.TAIL

    def _moment(self) -> Moment:
        return self.facts.moment(durable_only=self.durable_only)


# Everything small


def follow(following: Following, program: Sequence[ConsumerStep]) -> list[Violation]:
    """Look after each of the writer's smallest steps; stop at the first bad look."""
    for step in program:
        following.step(step)
    while following.pending and not following.violations:
        following.pass_by(1)
        following.look()
    return following.violations


def race(
    following: Following, program: Sequence[ConsumerStep], *, since: int = 0
) -> list[Violation]:
    """
    Let the writer get on during a look, in every way that has one interruption.

    For every moment of the steps from the one with number `since` on, every
    operation of a look and every later moment: a reader begins at the one moment,
    looks, and before that operation the writer gets on to the other.  Then it
    looks once more, when all is done.
    """
    first = 0
    for number, step in enumerate(program):
        first = len(following.pending) if number == since > 0 else first
        following.step(step)
    for begin in range(first, len(following.pending)):
        remaining = len(following.pending) - begin
        nth = used = 1
        while nth <= used:
            for events in range(1, remaining + 1):
                racing = following.fork()
                racing.pass_by(begin)
                racing.open_reader()
                used = racing.look({nth: events})
                racing.pass_by(remaining)
                racing.look()
                if racing.violations:
                    return racing.violations
            nth += 1
    return []


def kill(
    following: Following, program: Sequence[ConsumerStep], after: Sequence[ConsumerStep]
) -> list[Violation]:
    """Kill the writer at each of its smallest steps, and let another one go on."""
    for step in program:
        following.step(step)
    for moment in range(len(following.pending) + 1):
        killed = following.fork()
        killed.pass_by(moment)
        killed.look()
        killed.kill()
        follow(killed, after)
        if killed.violations:
            return killed.violations
    return []
