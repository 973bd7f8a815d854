"""
Random programs of a journal, with many crashes.

Each rule takes one step of a `Run`, which does the judging: whatever the journal
shows must follow from what it was asked and what it answered.  A crash names a
point in the trace and an image by plain integers, which Hypothesis shrinks to
the earliest point and the first image that still fail.
"""

from collections.abc import Sequence
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import (
    Append,
    Crash,
    Fail,
    Interrupt,
    Kill,
    KillAt,
    Program,
    Reopen,
    Rotate,
    Step,
    Sync,
)
from tornproof_models.crash.run import Run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED
from tornproof_models.disk.faults import Fault
from tornproof_models.machines.violated import Violated


class ProgramViolated(Violated):
    """The machine found a program that violates requirements."""

    def __init__(self, program: Program, violations: Sequence[Violation]) -> None:
        super().__init__(violations, "; ".join(map(str, program)))
        self.program = program
        self.violations: Sequence[Violation] = violations


SIZES = st.one_of(st.sampled_from([4, 5, 24, 88, 472, 600, 1200]), st.integers(4, 1500))
"""
Payload sizes in bytes.

The named ones make frames that end just below, at and beyond a sector or a
segment; below four bytes two payloads could be equal.
"""


class JournalMachine(RuleBasedStateMachine):
    """Appends, syncs, rotations, reopenings, faults, kills and crashes, in any order."""

    subject: ClassVar[Subject]
    options: ClassVar[Options]
    steps: ClassVar[frozenset[type[Step]]] = frozenset(
        {Append, Sync, Rotate, Reopen, Kill, Fail, Crash}
    )

    def __init__(self) -> None:
        super().__init__()
        self.program: list[Step] = []
        self.running = Run(self.subject, self.options)
        self.running.open()
        self._judge()

    @rule(size=SIZES)
    def append(self, size: int) -> None:
        """Append a record."""
        self._take(Append(size))

    @rule()
    def sync(self) -> None:
        """Sync."""
        self._take(Sync())

    @precondition(lambda self: Rotate in self.steps)
    @rule()
    def rotate(self) -> None:
        """Start a new segment."""
        self._take(Rotate())

    @rule()
    def reopen(self) -> None:
        """Close and open again."""
        self._take(Reopen())

    @rule()
    def kill(self) -> None:
        """Kill the process; the kernel lives."""
        self._take(Kill())

    @precondition(lambda self: Fail in self.steps)
    @rule(nth=st.integers(1, 12), fault=st.sampled_from(Fault))
    def fail(self, nth: int, fault: Fault) -> None:
        """Let a disk operation fail soon."""
        self._take(Fail(nth, fault))

    @precondition(lambda self: Crash in self.steps)
    @rule(
        crash_model=st.sampled_from(CLAIMED),
        before=st.integers(0, 30),
        image=st.integers(0, 1 << 16),
    )
    def crash(self, crash_model: str, before: int, image: int) -> None:
        """Lose power a few events ago, and recover."""
        point = max(len(self.running.filesystem.events) - before, 0)
        self._take(Crash(crash_model, point, image))

    @precondition(lambda self: not self.running.filesystem.armed)
    @rule()
    def read_back(self) -> None:
        """Read everything: what lives must be what was appended."""
        self.running.revive()
        self.running.read_back()
        self._judge()

    def _take(self, step: Step) -> None:
        self.program.append(step)
        self.running.step(step)
        self._judge()

    def _judge(self) -> None:
        if self.running.violations:
            raise ProgramViolated(tuple(self.program), self.running.violations)


class MortalJournalMachine(JournalMachine):
    """
    The same for a journal in a process of its own, which can be killed at any moment.

    A moment does not come again: `seen` keeps the programs that violated something,
    whether or not they do so a second time.
    """

    seen: ClassVar[list[ProgramViolated]]

    @precondition(lambda self: Interrupt in self.steps)
    @rule(
        sizes=st.lists(SIZES, min_size=1, max_size=12).map(tuple),
        answers=st.integers(0, 12),
        microseconds=st.integers(0, 2000),
    )
    def interrupt(self, sizes: tuple[int, ...], answers: int, microseconds: int) -> None:
        """Kill the process in the middle of its appends, with one at least under way."""
        microseconds = 0 if KillAt in self.steps else microseconds  # nothing hangs on a clock
        self._take(Interrupt(sizes, answers % len(sizes), microseconds))

    @precondition(lambda self: KillAt in self.steps)
    @rule(nth=st.integers(1, 40), is_after=st.booleans())
    def kill_at(self, nth: int, is_after: bool) -> None:
        """Kill the process soon, before or after a call that changes or syncs a file."""
        self._take(KillAt(nth, is_after))

    def _judge(self) -> None:
        try:
            super()._judge()
        except ProgramViolated as violated:
            self.seen.append(violated)
            raise


def mortal_journal_machine(
    subject: Subject, options: Options, steps: frozenset[type[Step]]
) -> type[MortalJournalMachine]:
    """Return a machine for a subject in another process, of which only these steps are asked."""
    members = {"subject": subject, "options": options, "steps": steps, "seen": []}
    return type("MortalJournalMachine", (MortalJournalMachine,), members)


def journal_machine(subject: Subject, options: Options) -> type[JournalMachine]:
    """Return a machine for a subject, in the form that Hypothesis runs."""
    return type("JournalMachine", (JournalMachine,), {"subject": subject, "options": options})
