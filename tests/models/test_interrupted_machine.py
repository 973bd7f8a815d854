"""Long random programs, with an exception from outside between any two disk operations."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.crash.program import Append, Reopen, Rotate, Step, Sync
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.machines.journal_machine import JournalMachine, ProgramViolated
from tornproof_models.miniatures.journal_miniatures import MINIATURES, SMALL, MiniatureSubject

from tests.models.striking import play, striking

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
@pytest.mark.parametrize("durability", ["immediate", "eventual"])
@pytest.mark.parametrize("subject", [ReferenceSubject(), SMALL], ids=["reference", "small"])
def test_an_interruption_costs_no_more_than_its_call(subject: Subject, durability: str) -> None:
    """Whatever comes later, what was acknowledged is there, and no watermark is beyond the end."""
    play(interrupted(subject, durability), 40)


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
