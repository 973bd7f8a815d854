"""
Tell a program step by step, with what each step does to the disk.
"""

from collections.abc import Iterator

from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import Run
from tornproof_models.crash.subject import Options, Subject, new_disk
from tornproof_models.disk.trace import Image, Trace

from tornproof_conformance.cases.case import ProgramCase
from tornproof_conformance.story.lanes import moments_of


def narrate(case: ProgramCase, subject: Subject) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Run a program and yield each step with its events, both in words; opening comes first."""
    running = Run(subject, case.options)
    running.open()
    yield "open()", describe_trace(running.filesystem.trace)
    for step in case.program:
        if running.journal is None:
            return
        disk, before = running.filesystem, len(running.filesystem.events)
        running.step(step)
        told = before if running.filesystem is disk else 0
        yield str(step), describe_trace(running.filesystem.trace)[told:]


def describe_trace(recorded: Trace) -> tuple[str, ...]:
    """Say each event of a trace in a few words."""
    return tuple(moment.words for moment in moments_of(recorded))


def describe_recovery(subject: Subject, options: Options, image: Image) -> str:
    """Say in words what a subject makes of an image."""
    outcome = recover(subject, options, new_disk(subject, image))
    if outcome.records is None:
        return f"refuses: {outcome.error}"
    shown = ", ".join(f"{len(payload)} bytes at {offset}" for offset, payload in outcome.records)
    return f"shows {shown or 'nothing'}" + (f"; {outcome.error}" if outcome.error else "")
