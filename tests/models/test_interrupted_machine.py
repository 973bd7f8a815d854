"""Long random programs, with an exception from outside between any two disk operations."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule
from tornproof.journal import states
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.crash.program import Append, Reopen, Rotate, Step, Sync
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.machines.journal_machine import JournalMachine, ProgramViolated
from tornproof_models.miniatures.journal_miniatures import MINIATURES, SMALL, MiniatureSubject

from tests.models.rows import watched
from tests.models.striking import play, striking

LEFT = {"open, a change begins", "changing, the change ends", "changing, rollback failed"}
"""
Rows that no program takes here.

A change begins and ends without a look at the table; a rollback that fails as well takes two
faults in one call, which some of the 300 programs of `tornproof check machine` have.
"""

STRUCK: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())


class InterruptedMachine(JournalMachine):
    """The machine of `tornproof check`, whose steps are also interrupted."""

    @rule(step=st.sampled_from(STRUCK), nth=st.integers(1, 10), is_after=st.booleans())
    def interrupt(self, step: Step, nth: int, is_after: bool) -> None:
        """Let Ctrl-C strike in a step; a journal whose opening it has ended is opened again."""
        disk = self.running.filesystem
        if disk.armed:
            return
        try:
            with striking(disk, nth, is_after=is_after):
                self._take(step)
        except KeyboardInterrupt:
            if isinstance(step, Reopen):
                self._take(step)


def interrupted(subject: Subject, durability: str) -> type[InterruptedMachine]:
    """Return the machine of a subject."""
    members = {"subject": subject, "options": Options(durability=durability)}
    return type("Interrupted", (InterruptedMachine,), members)


@requirement("JRN-12", "JRN-14", "JRN-3", "JRN-5", "REC-12")
def test_an_interruption_costs_no_more_than_its_call() -> None:
    """What was acknowledged is there, and no watermark beyond the end; each row is taken."""
    with watched(states) as rows:
        for durability in ("immediate", "eventual"):
            play(interrupted(ReferenceSubject(), durability), 40)
        for steps in (30, 40, 50):  # which programs these are depends on what else is imported
            if not set(rows.left) <= LEFT:
                play(interrupted(ReferenceSubject(), "eventual"), 40, steps)

    assert set(rows.left) <= LEFT


@requirement("JRN-12", "JRN-14", "JRN-3", "JRN-5", "REC-12")
@pytest.mark.parametrize("durability", ["immediate", "eventual"])
def test_the_twin_passes(durability: str) -> None:
    """What the miniatures were made of loses no more than the call that was interrupted."""
    play(interrupted(SMALL, durability), 40)


@requirement("JRN-12")
def test_who_forgets_an_interruption_is_found_out() -> None:
    """It writes over the record that was interrupted, or behind what nobody knows of."""
    subject = MiniatureSubject("forgetful", MINIATURES["interruption-forgotten"])
    running = interrupted(subject, "eventual")()
    running.append(5)
    running.interrupt(Append(5), 1, is_after=True)  # written, and not counted
    running.append(600)  # begins a segment where the other is thought to end
    with pytest.raises(ProgramViolated, match="Corrupt"):
        running.kill()
