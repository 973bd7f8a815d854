"""
Run a program on a deferred queue and judge it.

A `Run` takes the steps one by one, notes what was asked and answered, and asks the
contract after each step, and once more when everything has come to rest.

A `Subject` is an implementation that moves only when told to.  What survives a
death is its own business; what died is not asked.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from attrs import define, evolve, field, frozen

from tornproof_models.contract.delivery import (
    Appended,
    Died,
    Drain,
    Fact,
    Fault,
    Mode,
    Outcome,
    Replayed,
    Seen,
    State,
    Struck,
    Submitted,
    judge,
    judge_close,
    judge_drain,
)
from tornproof_models.contract.journal import Violation
from tornproof_models.contract.violations import refuses
from tornproof_models.database_faults import Kind, Panic, ProcessDied, Strike
from tornproof_models.disk.faults import Fault as DiskFault
from tornproof_models.faulty_database import MemoryDatabase
from tornproof_models.queues.delivery_program import (
    Arm,
    AskDrain,
    Close,
    FailDisk,
    Hold,
    Kill,
    Move,
    Replay,
    Sibling,
    Step,
    Submit,
    Watch,
    event_id,
    event_of,
    payload_of,
)

MAX_MOVES = 200
"""Moves after which a drainer that nothing disturbs any more should have come to rest."""

JUDGES = frozenset({"DRN-2", "DRN-8"})
"""What a run names beside the contract: a submit that raises, panics, and a lock that stays."""

FAULTS: Mapping[Kind, Fault] = {
    Kind.BUSY: Fault.TRANSIENT,
    Kind.LOCKED: Fault.TRANSIENT,
    Kind.FULL: Fault.TRANSIENT,
    Kind.READ_ONLY: Fault.TRANSIENT,
    Kind.IO_ERROR: Fault.TRANSIENT,
    Kind.UNIQUE: Fault.RACE,
    Kind.RACE: Fault.RACE,
    Kind.NO_SUCH_COLUMN: Fault.PERMANENT,
    Kind.PANIC: Fault.PANIC,
}
"""What the contract calls them."""


@frozen
class Look:
    """What one sees of a subject."""

    state: State
    hopeless: bool = False
    """Whether its drainer has given up."""

    defect: str = ""
    """A panic that nobody injected."""


class Subject(Protocol):
    """An implementation under judgement, with all that outlives its processes."""

    name: str
    mode: Mode
    database: MemoryDatabase

    def open(self) -> None:
        """Begin a process."""
        ...

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Submit an event; one with a lone surrogate has no canonical bytes."""
        ...

    def move(self) -> bool:
        """Let the drainer make one move; false if it has none to make."""
        ...

    def drain(self) -> Drain | None:
        """Wait, for a bounded time, until nothing is pending; none after a typed error."""
        ...

    def close(self) -> bool:
        """Close and flush; false if that would never return."""
        ...

    def hold(self) -> None:
        """Let a producer keep a handle of its own."""
        ...

    def replay(self) -> None:
        """Replay the dead letters, as an operator would."""
        ...

    def append_as_sibling(self, event_id: str) -> None:
        """Append a row to the same chain, from another process."""
        ...

    def fail_disk(self, nth: int, fault: DiskFault) -> None:
        """Let the Nth operation on the spool's disk fail."""
        ...

    def disarm(self) -> None:
        """Let nothing go wrong any more."""
        ...

    def kill(self, power: int | None) -> None:
        """End the process; with `power`, cut the power and keep the image of that number."""
        ...

    def look(self) -> Look:
        """Look at what is there."""
        ...


class LockedOut(Exception):
    """A subject rests with its database locked, so that no new sink can go on (DRN-8)."""

    def __init__(self, error: sqlite3.OperationalError) -> None:
        super().__init__(f"a transaction stays open, and nobody else reads the database: {error}")
        self.cause = refuses(error)


@define
class Run:
    """A program on its way through a subject."""

    subject: Subject
    judged_as: Mode
    history: list[Fact] = field(factory=list)
    violations: list[Violation] = field(factory=list)
    submitted: int = 0
    siblings: int = 0
    _moment: int = 0
    _replaying: bool = False
    _closed_early: bool = False
    """Whether it was closed while the database failed, perhaps for longer than a close waits."""

    _is_locked_out: bool = False

    def open(self) -> None:
        """Begin the first process."""
        plan = self.subject.database.plan
        plan.on_strike = self._note_strike
        plan.sibling = self._append_as_sibling
        self.subject.open()

    def take(self, step: Step) -> None:
        """Take one step, and judge what is there afterwards."""
        if self._is_locked_out:
            return
        with self._noting_a_lock():
            try:
                self._take(step)
            except ProcessDied:
                self._die(None)
            if not isinstance(step, Submit | Arm | FailDisk | Hold):
                self._judge(quiescent=False)

    def settle(self) -> None:
        """Let nothing go wrong any more, come to rest, and judge that."""
        if self._is_locked_out:
            return
        with self._noting_a_lock():
            self.subject.disarm()
            for _ in range(2):
                self._move(MAX_MOVES)
                has_ended = self._closed_early or self._look().hopeless
                if has_ended and self.judged_as is Mode.DURABLE:
                    self._die(None)  # what is left is for the next process
            if self.subject.move():
                message = f"the drainer is still busy after {MAX_MOVES} undisturbed moves"
                self.violations.append(Violation("DRN-1", message))
            self._judge(quiescent=True)

    @contextmanager
    def _noting_a_lock(self) -> Iterator[None]:
        """End the run if nothing more can be seen, since the database stays locked."""
        try:
            yield
        except LockedOut as error:
            self._is_locked_out = True
            self.violations.append(Violation("DRN-8", str(error), error.cause))

    # Steps

    def _take(self, step: Step) -> None:
        match step:
            case Submit(encodable):
                self._submit(encodable)
            case Move(moves):
                self._move(moves)
            case Arm(strike):
                self.subject.database.plan.strikes.append(strike)
            case FailDisk(nth, fault):
                self.subject.fail_disk(nth, fault)
            case Sibling():
                self._append_as_sibling()
            case Kill(power):
                self._die(power)
            case Watch():
                self.history.append(Seen(*ids_of(self._look().state)))
            case AskDrain():
                self._drain()
            case Close():
                self._close()
            case Hold():
                self.subject.hold()
            case Replay():
                self._replay()

    def _submit(self, encodable: bool) -> None:
        self.submitted += 1
        event = dict(event_of(self.submitted))
        if not encodable:
            event["agent_id"] = "\ud800"
        invoked = self._tick()
        try:
            outcome = self.subject.submit(event)
        except Exception as error:
            self.violations.append(Violation("DRN-2", f"submit raises {type(error).__name__}"))
            return
        name, payload = event_id(self.submitted), payload_of(self.submitted)
        self.history.append(Submitted(name, payload, outcome, invoked, self._tick()))

    def _move(self, moves: int) -> None:
        for _ in range(moves):
            if not self.subject.move():
                return

    def _append_as_sibling(self) -> None:
        self.siblings += 1
        name = f"s{self.siblings}"
        self.history.append(Appended(name))
        self.subject.append_as_sibling(name)

    def _die(self, power: int | None) -> None:
        self._closed_early = False
        self.subject.kill(power)
        self.subject.open()
        state = self._look().state
        spooled = state.spool[state.position :] if state.spool else ()
        self.history.append(Died(*ids_of(state), spooled))

    def _drain(self) -> None:
        if (drain := self.subject.drain()) is None:
            return
        state = self._look().state
        self.violations += judge_drain(self.history, state, drain, mode=self.judged_as)
        self._judge(quiescent=drain.drained)

    def _close(self) -> None:
        returned = self.subject.close()
        self.violations += judge_close(returned=returned)
        self._closed_early = bool(self.subject.database.plan.strikes)
        self._judge(quiescent=returned and not self._closed_early and not self._look().hopeless)

    def _replay(self) -> None:
        before = set(ids_of(self._look().state)[1])
        self._replaying = True
        try:
            self.subject.replay()
        except Panic:
            pass  # the operator sees it, and asks again
        finally:
            self._replaying = False
            chain = set(ids_of(self._look().state)[0])
            self.history.append(Replayed(tuple(sorted(before & chain))))

    # Noting and judging

    def _look(self) -> Look:
        """Look at what is there.  Raises `LockedOut` if the subject lets nobody."""
        try:
            return self.subject.look()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            raise LockedOut(error) from error

    def _judge(self, *, quiescent: bool) -> None:
        look = self._look()
        state = evolve(look.state, quiescent=quiescent)
        self.violations += judge(self.history, state, mode=self.judged_as)
        if look.defect:
            self.violations.append(Violation("DRN-8", f"a panic of its own: {look.defect}"))

    def _note_strike(self, strike: Strike, event_id: str | None) -> None:
        """
        Note what strikes the drainer; an operator's failed replay is nobody's retry.

        A rollback that fails leaves a connection that nothing can be done with,
        which no sink declares: a panic.
        """
        if strike.kind is Kind.DEATH or self._replaying:
            return
        fault = Fault.PANIC if strike.point == "rollback" else FAULTS[strike.kind]
        self.history.append(Struck(fault, event_id))

    def _tick(self) -> int:
        self._moment += 1
        return self._moment


def ids_of(state: State) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the rows of the chain, and the dead letters."""
    chain = tuple(row.event_id for row in state.chain)
    return chain, tuple(letter.event_id for letter in state.dead_letters)


def run(program: Sequence[Step], subject: Subject, judged_as: Mode | None = None) -> Run:
    """Run a program from nothing to rest, and return the run with what it violated."""
    running = Run(subject, judged_as or subject.mode)
    running.open()
    for step in program:
        running.take(step)
    running.settle()
    return running
