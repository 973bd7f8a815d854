"""
Programs with consumers: cursors that move, and cleanup behind them.

To the steps of a workload come two.  A consumer reads on and moves its cursor,
and may die while doing so, after any of its disk operations.  The writer cleans
up.  A `ConsumerRun` takes all of these, and notes beside the trace what the
cursors promise, so that an oracle can be asked at every event what is owed.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Protocol, TypeAlias, cast

from attrs import define, field, frozen
from tornproof.errors import TornproofError
from tornproof.filesystem import Filesystem

from tornproof_models.contract.cleanup import Held, judge_cleanup, judge_refusal, known_records
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import Crash, Step
from tornproof_models.crash.run import Run
from tornproof_models.crash.subject import DIRECTORY, JournalUnderTest, Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Event
from tornproof_models.readers.killable import Mortal, ProcessDied
from tornproof_models.readers.truth import HEADER_BYTES


class CursorUnderTest(Protocol):
    """What the judge asks of a cursor."""

    @property
    def position(self) -> int:
        """Offset of the first record that its consumer still needs."""
        ...

    def advance(self, offset: int) -> None:
        """Move forward, durably."""
        ...


class CleaningJournal(JournalUnderTest, Protocol):
    """A journal that can be cleaned up."""

    def cleanup(self) -> int:
        """Remove what no cursor needs, and return the offset of the first record kept."""
        ...


class ConsumerSubject(Subject, Protocol):
    """An implementation of a journal with cursors and cleanup."""

    def open(self, filesystem: ModelFilesystem, options: Options) -> CleaningJournal:
        """Open the journal in `DIRECTORY`, recovering it first."""
        ...

    def open_cursor(self, filesystem: Filesystem, name: str) -> CursorUnderTest:
        """Open a cursor of the journal in `DIRECTORY`, making it if there is none."""
        ...

    def positions(self, filesystem: Filesystem) -> Mapping[str, int]:
        """Return every cursor's position by name."""
        ...


# Steps


@frozen
class Consume:
    """
    A consumer moves its cursor on by so many durable records.

    With `dies_after`, its process dies when it has changed the disk so often.
    """

    records: int
    name: str = "kitchen"
    dies_after: int | None = None

    def __str__(self) -> str:
        dies = "" if self.dies_after is None else f", dies after {self.dies_after} operations"
        return f"consume({self.records} records as {self.name}{dies})"


@frozen
class GoBack:
    """A consumer asks its cursor to go back to the first record there is, in vain."""

    name: str = "kitchen"

    def __str__(self) -> str:
        return f"go_back({self.name})"


@frozen
class Clean:
    """The writer removes what no cursor needs."""

    def __str__(self) -> str:
        return "cleanup()"


ConsumerStep: TypeAlias = Step | Consume | GoBack | Clean


# What is noted beside the trace


@frozen
class Moving:
    """A cursor is on its way."""

    name: str
    offset: int


@frozen
class Moved:
    """A cursor has arrived."""

    name: str
    offset: int


@frozen
class Cleaning:
    """Cleanup has begun."""


Note: TypeAlias = Moving | Moved | Cleaning


def note(held: Held, noted: Note) -> Held:
    """Let a note change what is owed."""
    match noted:
        case Moving(name, offset):
            return held.begin_move(name, offset)
        case Moved(name, offset):
            return held.finish_move(name, offset)
        case Cleaning():
            return held.begin_cleanup()


# Runs


@define
class ConsumerRun(Run):
    """A program with consumers on its way through an implementation."""

    held: Held = field(factory=Held)
    notes: list[tuple[int, Note]] = field(factory=list)
    """What happened, and before which event of the trace."""

    _held_then: Held = field(factory=Held)
    """What was owed to consumers when this disk began."""

    @property
    def consumers(self) -> ConsumerSubject:
        """The subject, which has cursors as well."""
        return cast("ConsumerSubject", self.subject)

    def open(self) -> bool:
        """Open the journal and judge what it shows, and where its cursors are."""
        shown = self.open_unjudged()
        if isinstance(shown, str):
            self.violations.append(judge_refusal(shown))
            return False
        found = self.positions()
        if isinstance(found, str):
            self.violations.append(Violation("CUR-1", found))
            return False
        self.violations += self.held.judge(self.history, shown, found)
        self.history = self.history.observe(shown)
        return True

    def step(self, step: ConsumerStep) -> None:
        """Take one step; errors are part of what is recorded."""
        match step:
            case Consume():
                self.consume(step)
            case GoBack(name):
                self.go_back(name)
            case Clean():
                self.clean()
            case _:
                super().step(step)

    def crash(self, crash: Crash) -> None:
        """Lose power, keep one of the images that this leaves, and open it."""
        self.held = self._held_then
        for position, noted in self.notes:
            if position < crash.point:
                self.held = note(self.held, noted)
        super().crash(crash)
        found = self.positions()
        if not isinstance(found, str):
            self.held = self._held_then = self.held.observe(found)
        self.notes = []

    def consume(self, step: Consume) -> None:
        """Let a consumer's process open its cursor, move it and end, or die."""
        disk: Filesystem = self.filesystem
        if step.dies_after is not None:
            disk = Mortal(self.filesystem, step.dies_after)
        if step.name not in self.held.cursors:
            self._note(Moving(step.name, self._first()))
        try:
            cursor = self.consumers.open_cursor(disk, step.name)
            self._note(Moved(step.name, cursor.position))
            offset = self._after(cursor.position, step.records)
            if offset > cursor.position:
                self._note(Moving(step.name, offset))
                cursor.advance(offset)
                self._note(Moved(step.name, offset))
        except ProcessDied:
            return
        except Exception as error:
            message = f"{step} fails: {type(error).__name__}: {error}"
            self.violations.append(Violation("CUR-1", message))

    def go_back(self, name: str) -> None:
        """Let a consumer try to move its cursor back."""
        cursor = self.consumers.open_cursor(self.filesystem, name)
        position = cursor.position
        self._note(Moved(name, position))
        with suppress(TornproofError):
            cursor.advance(self._first())
        found = self.consumers.positions(self.filesystem)[name]
        if found < position:
            message = f"cursor {name} was at {position} and has gone back to {found}"
            self.violations.append(Violation("CUR-2", message))

    def clean(self) -> None:
        """Let the writer clean up."""
        assert self.journal is not None
        self._note(Cleaning())
        newest = max(segments(self.filesystem), default=None)
        try:
            cast("CleaningJournal", self.journal).cleanup()
            left = tuple(self.journal.scan())
        except Exception as error:
            message = f"cleanup fails: {type(error).__name__}: {error}"
            self.violations.append(Violation("SEG-7", message))
            return
        active = newest in (None, *segments(self.filesystem))
        self.violations += judge_cleanup(self.held, self.history, left, active=active)

    def read_back(self) -> None:
        """Read every record that cleanup may not have removed, alone and in a scan."""
        left = {offset for offset, _ in known_records(self.history) if offset >= self.held.released}
        self.appended = [record for record in self.appended if record[0] in left]
        if self.journal is not None:
            found = list(self.journal.scan())
            if found[len(found) - len(self.appended) :] != self.appended:
                message = "a scan does not end with what was appended"
                self.violations.append(Violation("JRN-15", message))

    def events(self) -> Iterator[Event | Note]:
        """Yield the trace with the notes in their places."""
        noted = iter(self.notes)
        following = next(noted, None)
        for number, event in enumerate((*self.filesystem.events, None)):
            while following is not None and following[0] == number:
                yield following[1]
                following = next(noted, None)
            if event is not None:
                yield event

    def _note(self, noted: Note) -> None:
        self.notes.append((len(self.filesystem.events), noted))
        self.held = note(self.held, noted)

    def positions(self) -> Mapping[str, int] | str:
        try:
            return self.consumers.positions(self.filesystem)
        except Exception as error:
            return f"the cursors cannot be read: {type(error).__name__}: {error}"

    def _first(self) -> int:
        return min(segments(self.filesystem), default=0)

    def _after(self, position: int, count: int) -> int:
        """Return where a consumer is that has dealt with so many more durable records."""
        ends = [offset + HEADER_BYTES + len(payload) for offset, payload in self.history.owed]
        return max([end for end in ends if end > position][:count], default=position)


def segments(filesystem: ModelFilesystem) -> list[int]:
    """Return the bases of the segments in `DIRECTORY`, ascending, read from their names."""
    names = (path.removeprefix(f"{DIRECTORY}/") for path in filesystem.image.files)
    return sorted(int(name[:16], 16) for name in names if name.endswith(".wal"))
