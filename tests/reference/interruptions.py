"""
Let an exception strike before the nth instruction of a call, and judge what is left.

What comes from outside, Ctrl-C or a signal handler that raises, can strike
between any two instructions of the interpreter.  CPython looks for it only
behind calls and jumps backwards; here it strikes everywhere, so that what holds
here holds in every version.

    call ── instruction n: Interruption ──► the rest of the program ──► close ──► reopen ──► judge
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import tornproof
from attrs import define, field
from tornproof.errors import Locked, TornproofError
from tornproof.filesystem import OsFile, OsFilesystem
from tornproof.journal import Cursor, Journal, JournalReader
from tornproof.record import encode
from tornproof_models.contract.journal import History

OURS = (str(Path(tornproof.__file__).parent), "contextlib.py")
"""Whose instructions count: the reference's, and those of the contexts that it uses."""


class Interruption(KeyboardInterrupt):
    """What strikes: like Ctrl-C, it is no `Exception`."""


@define
class Striker:
    """Counts the instructions of a call, and raises before one of them."""

    at: int = 0
    """Which one, counted from 1; none for 0."""

    between_calls: bool = False
    """
    Whether it strikes only where a function is entered or left.

    There CPython looks for what has arrived.  A `with` statement that holds a lock
    of `threading` lets go of it in instructions that no signal can come between;
    before those, only this test strikes.
    """

    count: int = 0
    place: str = ""
    """Where it struck: file, line and function."""

    _known: dict[CodeType, bool] = field(factory=dict)

    def run(self, action: Callable[[], object]) -> object:
        """Return what an action returns, or raise what it raises."""
        before, hook = sys.gettrace(), sys.unraisablehook
        sys.unraisablehook = lambda raised: (
            None if isinstance(raised.exc_value, Interruption) else hook(raised)
        )
        sys.settrace(self._enter)
        try:
            return action()
        finally:
            sys.settrace(before)
            sys.unraisablehook = hook

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        code = frame.f_code
        if code not in self._known:
            name = code.co_filename
            ours = name.startswith(OURS[0]) or name.endswith(OURS[1])
            self._known[code] = ours and code.co_name != "__del__"  # whose exceptions go nowhere
        if not self._known[code]:
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = not self.between_calls
        if self.between_calls:
            self._count(frame)
        return self._step

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == ("return" if self.between_calls else "opcode"):
            self._count(frame)
        return self._step

    def _count(self, frame: FrameType) -> None:
        self.count += 1
        if self.count == self.at:
            code = frame.f_code
            self.place = f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}"
            raise Interruption


class Unsynced(OsFilesystem):
    """The real disk without its waits: nobody pulls the plug here."""

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open a file whose sync costs nothing."""
        file = super().open(path, create=create, exclusive=exclusive)
        file.sync = lambda: None  # type: ignore[method-assign]
        return file

    def sync_directory(self, path: str) -> None:
        """Do nothing."""


SEGMENT_BYTES = 512


@define
class World:
    """A journal that is being interrupted, and what it owes."""

    directory: Path
    durability: str = "immediate"
    history: History = field(factory=History)
    calls: int = 0
    wrong: list[str] = field(factory=list)
    journal: Journal = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.journal = self.open()

    def open(self) -> Journal:
        """Open the journal."""
        return Journal.open(
            self.directory,
            segment_bytes=SEGMENT_BYTES,
            durability=self.durability,
            filesystem=Unsynced(),
        )

    # Steps

    def append(self, sizes: Sequence[int], run: Callable[[Callable[[], object]], object]) -> None:
        """Append records of these sizes, and more: each contains a whole frame."""
        first, payloads = self.calls, []
        for size in sizes:
            payloads.append(bytes(size) + encode(b"phantom %d" % self.calls))
            self.history = self.history.invoke(self.calls, payloads[-1])
            self.calls += 1
        try:
            offsets = run(lambda: self.journal.append_many(payloads))
        except TornproofError as error:
            for call in range(first, self.calls):
                self.history = self.history.fail(call, definite=error.definite)
            raise
        assert isinstance(offsets, list)
        durable = self.durability != "eventual"
        for call, offset in enumerate(offsets, start=first):
            self.history = self.history.acknowledge(call, offset, durable=durable)

    def flush(self, action: str, run: Callable[[Callable[[], object]], object]) -> None:
        """Call `sync` or `close`, which promise that what was accepted lasts."""
        run(getattr(self.journal, action))
        self.history = self.history.flush(action)

    def consume(self, run: Callable[[Callable[[], object]], object]) -> None:
        """Open a cursor and move it to the last record."""

        def move() -> None:
            cursor = Cursor.open(self.directory, "c", filesystem=Unsynced())
            before = cursor.position
            records = list(JournalReader(self.directory).scan())
            cursor.advance(records[-1][0] if records else before)
            if cursor.position < before:
                self.wrong.append(f"the cursor went back from {before} to {cursor.position}")

        run(move)

    # Judging

    def judge(self) -> list[str]:
        """Close, open again, and say what is wrong."""
        try:
            self.journal.close()
            self.journal.close()
        except TornproofError:
            with suppress(TornproofError):
                self.journal.close()
        except Exception as error:
            self.wrong.append(f"closing raises {error!r}")
        try:
            with self.open() as journal:
                records = list(journal.scan())
                first = journal.first
                journal.append(b"after")
            with self.open() as journal:
                if [payload for _, payload in journal.scan()][-1] != b"after":
                    self.wrong.append("what was appended afterwards is gone")
            Cursor.open(self.directory, "c", filesystem=Unsynced())
        except Locked:
            return [*self.wrong, "a lock is left"]
        except TornproofError as error:
            return [*self.wrong, f"it does not open: {error}"]
        # cleanup removed what lies below the cursor: that is not owed
        kept = History(
            attempts=tuple(
                each
                for each in self.history.attempts
                if each.offset is None or each.offset >= first
            )
        )
        return self.wrong + [
            f"{violation.requirement}: {violation.message}" for violation in kept.judge(records)
        ]


Step = Callable[[World, Callable[[Callable[[], object]], object]], None]

STEPS: dict[str, Step] = {
    "append": lambda world, run: world.append((5,), run),
    "append large": lambda world, run: world.append((300,), run),
    "append many": lambda world, run: world.append((30, 290, 0), run),
    "sync": lambda world, run: world.flush("sync", run),
    "close": lambda world, run: world.flush("close", run),
    "rotate": lambda world, run: _discard(run(world.journal.rotate)),
    "cleanup": lambda world, run: _discard(run(world.journal.cleanup)),
    "consume": lambda world, run: world.consume(run),
}

PROGRAMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("immediate", ("append", "append large", "append", "append large", "append")),
    ("immediate", ("append large", "append many", "append")),
    ("eventual", ("append", "append", "sync", "append", "rotate", "append", "close")),
    ("immediate", ("append", "append large", "consume", "append large", "cleanup", "append")),
    ("immediate", ("append", "close", "append")),
)
"""Durability and steps; each step is interrupted before each of its instructions."""


def _discard(_: object) -> None:
    return


def points(directory: Path, program: tuple[str, Sequence[str]]) -> list[tuple[int, int]]:
    """Count the instructions of each step of a program: pairs of (step, instructions)."""
    world, found = World(directory, program[0]), []
    for number, step in enumerate(program[1]):
        striker = Striker()
        with suppress(TornproofError):
            STEPS[step](world, striker.run)
        found.append((number, striker.count))
    world.journal.close()
    return found


def interrupt(
    directory: Path, program: tuple[str, Sequence[str]], step: int, at: int
) -> tuple[str, list[str]]:
    """Run a program, interrupt one step before one instruction; return where, and what broke."""
    world, striker = World(directory, program[0]), Striker(at)
    for number, name in enumerate(program[1]):
        run = striker.run if number == step else _plain
        try:
            STEPS[name](world, run)
        except (Interruption, TornproofError):
            pass
        except Exception as error:
            world.wrong.append(f"{name} raises {error!r}")
    return striker.place, world.judge()


def _plain(action: Callable[[], object]) -> object:
    return action()


def everywhere(root: Path, share: int = 1) -> Iterator[tuple[str, str, list[str]]]:
    """
    Interrupt every program before every instruction, or before one in `share`.

    Yields what was interrupted, where, and what broke.
    """
    number = 0
    for index, program in enumerate(PROGRAMS):
        for step, instructions in points(root / f"count-{index}", program):
            for at in range(1 + number % share, instructions + 1, share):
                number += 1
                place, wrong = interrupt(root / str(number), program, step, at)
                yield f"{program[1][step]} in program {index}, instruction {at}", place, wrong
