"""Long random programs, with an exception from outside between any two disk operations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.crash.program import Append, Reopen, Rotate, Step, Sync
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines.journal_machine import JournalMachine, ProgramViolated
from tornproof_models.miniatures.journal_miniatures import MINIATURES, SMALL, MiniatureSubject

OPERATIONS = (
    *("open", "open_for_reading", "make_directory", "rename", "unlink", "sync_directory"),
    *("read_inode", "write_inode", "truncate_inode", "sync_inode"),
)
STRUCK: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())


@contextmanager
def striking(disk: ModelFilesystem, nth: int, *, is_after: bool) -> Iterator[None]:
    """Raise `KeyboardInterrupt` before or after the nth operation on a disk."""
    done = 0

    def wrapped(operation: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == nth and not is_after:
                raise KeyboardInterrupt
            result = operation(*arguments, **options)
            if done == nth:
                raise KeyboardInterrupt
            return result

        return count

    for name in OPERATIONS:
        setattr(disk, name, wrapped(getattr(disk, name)))
    try:
        yield
    finally:
        for name in OPERATIONS:
            delattr(disk, name)


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


def run(subject: Subject, durability: str, examples: int) -> None:
    """Run the machine of a subject."""
    members = {"subject": subject, "options": Options(durability=durability)}
    run_state_machine_as_test(
        type("Interrupted", (InterruptedMachine,), members),
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            phases=(Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@requirement("JRN-12", "JRN-14", "JRN-3", "JRN-5")
@pytest.mark.parametrize("durability", ["immediate", "eventual"])
@pytest.mark.parametrize("subject", [ReferenceSubject(), SMALL], ids=["reference", "small"])
def test_an_interruption_costs_no_more_than_its_call(subject: Subject, durability: str) -> None:
    """Whatever comes later, also a power loss, what was acknowledged is there, and nothing else."""
    run(subject, durability, 40)


@requirement("JRN-12")
def test_who_forgets_an_interruption_is_found_out() -> None:
    """It writes over the record that was interrupted, or behind what nobody knows of."""
    subject = MiniatureSubject("forgetful", MINIATURES["interruption-forgotten"])
    with pytest.raises(ProgramViolated):
        run(subject, "eventual", 5_000)  # it ends at the first; how many that takes is chance
