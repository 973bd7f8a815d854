"""Cursors, group commits and spools, with an exception from outside at any disk operation."""

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tornproof.drainer.event import Encoded
from tornproof.drainer.spool import Spool
from tornproof.filesystem import Filesystem
from tornproof.journal.committer import Committer
from tornproof.record import frame_size
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.crash.program import Append, Reopen, Rotate, Sync
from tornproof_models.crash.subject import Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines.cursor_machine import NAMES, CursorMachine, ReferenceConsumers
from tornproof_models.machines.drainer_machine import DrainerMachine
from tornproof_models.machines.group_commit_machine import GroupCommitMachine
from tornproof_models.machines.reference_queue import ReferenceQueue
from tornproof_models.machines.violated import Violated
from tornproof_models.miniatures.cleanup_miniatures import CONSUMERS
from tornproof_models.queues.delivery_program import Move, Submit
from tornproof_models.readers.programs import (
    Clean,
    CleaningJournal,
    Consume,
    ConsumerStep,
    ConsumerSubject,
    CursorUnderTest,
    Moving,
)

from tests.models.striking import play, striking

NTH, IS_AFTER = st.integers(1, 10), st.booleans()

FEW_SUFFICE = 5_000
"""Programs that are tried where something must be found: the first that does is the last."""

# Cursors


@frozen
class Living:
    """Consumers of which the latest cursor is kept: its process lives on."""

    consumers: ConsumerSubject
    latest: list[CursorUnderTest] = field(factory=list)

    @property
    def name(self) -> str:
        return self.consumers.name

    def open(self, filesystem: ModelFilesystem, options: Options) -> CleaningJournal:
        return self.consumers.open(filesystem, options)

    def open_cursor(self, filesystem: Filesystem, name: str) -> CursorUnderTest:
        self.latest.clear()
        self.latest.append(self.consumers.open_cursor(filesystem, name))
        return self.latest[0]

    def positions(self, filesystem: Filesystem) -> Mapping[str, int]:
        return self.consumers.positions(filesystem)


class InterruptedCursors(CursorMachine):
    """The machine of cursors, whose steps are also interrupted."""

    @rule(
        step=st.one_of(
            st.builds(Consume, st.integers(0, 4), st.sampled_from(NAMES)),
            st.sampled_from([Append(5), Append(600), Sync(), Rotate(), Clean(), Reopen()]),
        ),
        nth=NTH,
        is_after=IS_AFTER,
    )
    def interrupt(self, step: ConsumerStep, nth: int, is_after: bool) -> None:
        """Let Ctrl-C strike; a consumer then moves its cursor again, and a writer is replaced."""
        try:
            with striking(self.running.filesystem, nth, is_after=is_after):
                self._take(step)
        except KeyboardInterrupt:
            if isinstance(step, Consume):
                self._move_again(step)
            else:
                self._take(Reopen())

    def _move_again(self, step: Consume) -> None:
        assert isinstance(self.subject, Living)
        noted = self.running.notes[-1][1] if self.running.notes else None  # before it had opened
        for cursor in self.subject.latest:
            if isinstance(noted, Moving):
                cursor.advance(noted.offset)
                assert cursor.position == noted.offset
        self._take(Consume(0, step.name))


def interrupted_cursors(consumers: Any, durability: str) -> type[InterruptedCursors]:
    members = {"subject": Living(consumers), "options": Options(durability=durability)}
    return type("Interrupted", (InterruptedCursors,), members)


@requirement("CUR-1", "CUR-2", "CUR-3", "SEG-7", "JRN-12")
@pytest.mark.parametrize("durability", ["immediate", "eventual"])
def test_an_interrupted_cursor_is_at_its_old_position_or_its_new(durability: str) -> None:
    """The consumer that lives on moves it again; cleanup that was interrupted loses nothing."""
    play(interrupted_cursors(ReferenceConsumers(), durability), 25)


@requirement("CUR-1")
def test_a_cursor_that_is_overwritten_is_found_out() -> None:
    """What an interruption leaves of it is no cursor."""
    with pytest.raises(Violated, match="CUR-1"):
        play(interrupted_cursors(CONSUMERS["overwritten-in-place"], "immediate"), FEW_SUFFICE)


# Group commits


class InterruptedGroupCommit(GroupCommitMachine):
    """The machine of group commits, whose thread is also interrupted, and its closing."""

    @precondition(lambda self: not self.group.run.filesystem.armed)
    @rule(nth=NTH, is_after=IS_AFTER, is_closing=st.booleans())
    def interrupt(self, nth: int, is_after: bool, is_closing: bool) -> None:
        """Let an exception strike in a step, which ends the thread as a defect does."""
        group = self.group
        try:
            with striking(group.run.filesystem, nth, is_after=is_after):
                group.reopen() if is_closing else group.work()
        except KeyboardInterrupt as interruption:
            self.end(interruption)
        self._judge()

    def end(self, interruption: BaseException) -> None:
        """Do what the thread does at its end: tell everybody, and let go of the journal."""
        self.group.committer.abandon(interruption)
        told = [future.done() for future in self.group.waiters.values()]
        assert all(told), "somebody waits for a thread that has ended"
        self.group.run.close()
        self.group.run.open()
        self.group._begin()


@requirement("JRN-12", "GRP-1", "GRP-6", "GRP-7")
def test_an_interrupted_group_commit_tells_everybody_and_loses_nothing() -> None:
    """Whoever was told an offset has the record in every crash; the others have an error."""
    play(InterruptedGroupCommit, 40)


def test_a_group_commit_that_promises_what_it_has_not_synced_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Interrupted between writing and syncing, it tells the offsets that it knows."""

    fail_everybody = Committer.abandon

    def abandon(committer: Committer, error: BaseException) -> None:
        for number in list(committer._aboard):
            committer._offsets.setdefault(number, committer.journal.end)
            committer._resolve(number)
        fail_everybody(committer, error)

    monkeypatch.setattr(Committer, "abandon", abandon)
    with pytest.raises(Violated, match="JRN-"):
        play(InterruptedGroupCommit, FEW_SUFFICE)


# Spools


class InterruptedQueue(ReferenceQueue):
    """The reference in its durable mode; whoever is interrupted goes on."""

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        try:
            return super().submit(event)
        except KeyboardInterrupt:
            return Outcome.UNKNOWN

    def move(self) -> bool:
        try:
            return super().move()
        except KeyboardInterrupt:
            return True


class InterruptedSpool(DrainerMachine):
    """The machine of the drainer, whose submits and moves are also interrupted."""

    @rule(step=st.sampled_from([Submit(), Submit(), Move(1), Move(6)]), nth=NTH, is_after=IS_AFTER)
    def interrupt(self, step: Submit | Move, nth: int, is_after: bool) -> None:
        """Let Ctrl-C strike at an operation on the spool's disk."""
        subject = self.running.subject
        assert isinstance(subject, ReferenceQueue)
        if not subject.disk.armed:
            with striking(subject.disk, nth, is_after=is_after):
                self._take(step)


def interrupted_spool() -> type[InterruptedSpool]:
    members = {
        "make_subject": staticmethod(lambda: InterruptedQueue(Mode.DURABLE)),
        "judged_as": Mode.DURABLE,
    }
    return type("Interrupted", (InterruptedSpool,), members)


@requirement("DRN-1", "DRN-3", "JRN-12")
def test_an_interrupted_spool_loses_and_doubles_nothing() -> None:
    """What was admitted lands once; of what was interrupted, at most one comes."""
    play(interrupted_spool(), 30)


def test_a_spool_that_counts_what_was_interrupted_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waits for an event that was never written."""

    def admit(spool: Spool, event: Encoded) -> None:
        try:
            spool._admission.append(event.payload).result()
        finally:
            spool._end += frame_size(len(event.payload))

    monkeypatch.setattr(Spool, "admit", admit)
    with pytest.raises(Violated, match="DRN-"):
        play(interrupted_spool(), FEW_SUFFICE)
