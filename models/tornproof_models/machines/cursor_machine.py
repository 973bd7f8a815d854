"""
Random programs of consumers and cleanup, with many crashes.

Two consumers move their cursors, and die while they do; the writer appends,
rotates and cleans up, and is killed; the power goes.  After every step the
contract of cursors and cleanup is asked whether all of it still holds together.
"""

from collections.abc import Mapping
from typing import ClassVar

from attrs import evolve, frozen
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tornproof.filesystem import Filesystem
from tornproof.journal import Cursor, Journal
from tornproof.journal.cursor import read_cursors

from tornproof_models.crash.program import Append, Crash, Kill, Reopen, Rotate, Sync
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.disk.crash_models import CLAIMED
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines.violated import Violated
from tornproof_models.readers.programs import (
    Clean,
    Consume,
    ConsumerRun,
    ConsumerStep,
    ConsumerSubject,
    GoBack,
)

NAMES = ("kitchen", "bar")

WRITER_STEPS: st.SearchStrategy[ConsumerStep] = st.sampled_from(
    [Append(5), Append(88), Append(600), Append(601), Sync(), Rotate(), Clean(), Clean()]
)

QUIET = 4
"""Steps that a writer lives at the least: who dies young leaves little behind."""


@frozen
class ReferenceConsumers:
    """The journal, the cursors and the cleanup of this project."""

    name: str = "reference"

    def open(self, filesystem: ModelFilesystem, options: Options) -> Journal:
        """Open the journal."""
        return Journal.open(
            DIRECTORY,
            segment_bytes=options.segment_bytes,
            durability=options.durability,
            filesystem=filesystem,
        )

    def open_cursor(self, filesystem: Filesystem, name: str) -> Cursor:
        """Open a cursor."""
        return Cursor.open(DIRECTORY, name, filesystem=filesystem)

    def positions(self, filesystem: Filesystem) -> Mapping[str, int]:
        """Read every cursor."""
        return read_cursors(filesystem, DIRECTORY)


class CursorMachine(RuleBasedStateMachine):
    """Appends, cursors, cleanups, deaths and crashes, in any order."""

    subject: ClassVar[ConsumerSubject]
    options: ClassVar[Options]

    def __init__(self) -> None:
        super().__init__()
        self.program: list[ConsumerStep] = []
        self.age = 0
        self.running = ConsumerRun(self.subject, self.options)
        self.running.open()
        self._judge()

    @rule(steps=st.lists(WRITER_STEPS, min_size=1, max_size=3))
    def write(self, steps: list[ConsumerStep]) -> None:
        """Append, sync, rotate and clean up."""
        for step in steps:
            self._take(step)

    @rule(
        records=st.integers(0, 4),
        name=st.sampled_from(NAMES),
        dies_after=st.none() | st.integers(0, 8),
    )
    def consume(self, records: int, name: str, dies_after: int | None) -> None:
        """Move a cursor, or die while doing so."""
        self._take(Consume(records, name, dies_after))

    @rule(name=st.sampled_from(NAMES))
    def go_back(self, name: str) -> None:
        """Ask a cursor in vain to go back."""
        if name in self.running.held.cursors:
            self._take(GoBack(name))

    @precondition(lambda self: self.age >= QUIET)
    @rule(
        end=st.one_of(
            st.sampled_from([Reopen(), Kill()]),
            st.builds(Crash, st.sampled_from(CLAIMED), st.integers(0, 30), st.integers(0, 1 << 16)),
        )
    )
    def end(self, end: Reopen | Kill | Crash) -> None:
        """Close, be killed, or lose power a few events ago; then open again."""
        self.age = 0
        if isinstance(end, Crash):
            end = evolve(end, point=max(len(self.running.filesystem.events) - end.point, 0))
        self._take(end)

    @rule()
    def read_back(self) -> None:
        """Read everything: what lives must be what was appended."""
        self.running.read_back()
        self._judge()

    def _take(self, step: ConsumerStep) -> None:
        self.program.append(step)
        self.age += 1
        self.running.step(step)
        self._judge()

    def _judge(self) -> None:
        if self.running.violations:
            raise Violated(self.running.violations, "; ".join(map(str, self.program)))


def cursor_machine(subject: ConsumerSubject, options: Options) -> type[CursorMachine]:
    """Return a machine for a subject, in the form that Hypothesis runs."""
    return type("CursorMachine", (CursorMachine,), {"subject": subject, "options": options})
