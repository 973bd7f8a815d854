"""
`tornproof replay`: run a reproducer again.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import click
from attrs import asdict
from rich.console import Console
from rich.markup import escape
from tornproof.errors import Invalid
from tornproof_models.crash.program import Fail
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.subject import Subject, new_disk
from tornproof_models.disk.measurements import measurements_of

import tornproof_conformance.checks.catalogue  # noqa: F401 - enters the exercises
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import MachineCase, ProgramCase
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.cases.reproducer import Reproducer
from tornproof_conformance.cases.shrinking import repeat
from tornproof_conformance.power.image_directories import lay_out
from tornproof_conformance.report.printable import say, terminal, to_json
from tornproof_conformance.report.violation import render_violation
from tornproof_conformance.report.words import measured_words
from tornproof_conformance.story.narration import describe_recovery, narrate
from tornproof_conformance.story.stories import tell
from tornproof_conformance.stream.exit_codes import (
    BROKEN_ADAPTER,
    CONFORMS,
    DOES_NOT_CONFORM,
    INCONCLUSIVE,
    USAGE,
)
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.subjects.machines import MachineSubject, make_machine
from tornproof_conformance.subjects.reference import find_subject

CODES = {"FIXED": CONFORMS, "FAILED": DOES_NOT_CONFORM, "NOT REACHED": INCONCLUSIVE}
"""The exit code of each verdict."""

HARM = (CONFORMS, INCONCLUSIVE, USAGE, BROKEN_ADAPTER, DOES_NOT_CONFORM)
"""Exit codes, the worst last."""


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and no story.")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="FILE is a directory: replay each reproducer in it, and print a line for each.",
)
@click.option(
    "--image",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write what the crash left into a new directory DIR, to open it with the library alone; "
    "run nothing.",
)
@click.argument("adapter", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    file: Path, as_json: bool, every: bool, directory: Path | None, adapter: tuple[str, ...]
) -> None:
    """
    Run a reproducer again and print FAILED, FIXED, NOT REACHED or ERROR.

    NOT REACHED: the program now runs differently than when the file was made, and does not
    reach the fault or crash in the file.

    The file does not store the command, because a file from elsewhere must not run programs:
    pass the COMMAND of the adapter after `--`.

    Exit code 0: FIXED. 1: FAILED. 2: ERROR. 3: the adapter is broken. 4: NOT REACHED.
    """
    if directory is not None:
        _write_image(reproducer.load(file), file, directory)
        return
    if every:
        raise SystemExit(_replay_all(file, adapter))
    console = terminal(quiet=as_json)
    try:
        saved = reproducer.load(file)
        with ExitStack() as stack:
            subject = _adapter(saved, adapter, stack) if adapter else _subject(saved, file)
            verdict, violation = _play(saved, subject, file, console)
    except Invalid as error:
        _refuse(str(error), console, USAGE)
    except Diagnosis as broken:
        _refuse(broken.explain(), console, BROKEN_ADAPTER)
    if as_json:
        told = asdict(violation) if violation else None
        document = {
            "verdict": verdict,
            "requirement": saved.requirement,
            "violation": told,
            "measurements": list(_measurements(violation)),
        }
        say(to_json(document, indent=2))
    raise SystemExit(CODES[verdict])


def _write_image(saved: Reproducer, file: Path, directory: Path) -> None:
    """Write the image that the last crash left, from which the recovery that is judged begins."""
    if not saved.crashes:
        raise Invalid(f"{file} has no crash, so there is no image to write")
    image = saved.crashes[-1].image
    try:
        lay_out(image, str(directory))
    except FileExistsError:
        raise Invalid(f"{directory} exists: name a new directory for the image") from None
    except OSError as error:
        raise Invalid(f"cannot write the image to {directory}: {error.strerror}") from None
    for path, content in sorted(image.files.items()):
        say(f"{directory}{path}: {len(content)} bytes")


def _measurements(violation: ViolationFound | None) -> tuple[str, ...]:
    """Say what the crash model of a violation was held against."""
    return measurements_of([violation.crash_model or ""] if violation else [])


def _replay_all(directory: Path, adapter: Sequence[str]) -> int:
    """Replay each reproducer of a directory; return the exit code of the worst verdict."""
    worst = CONFORMS
    files = sorted(directory.glob("*.json"))
    if not files:
        raise Invalid(
            f"there is no reproducer in {directory}: name the directory before `--`, as in "
            "`tornproof replay --all .tornproof -- COMMAND`"
        )
    for file in files:
        try:
            saved = reproducer.load(file)
            with ExitStack() as stack:
                subject = _adapter(saved, adapter, stack) if adapter else _subject(saved, file)
                verdict, _ = _play(saved, subject, file, Console(quiet=True))
        except Invalid as error:
            verdict = f"ERROR {error}"
        say(f"{file}: {verdict}")
        worst = max(worst, CODES.get(verdict, USAGE), key=HARM.index)
    return worst


def _refuse(reason: str, console: Console, code: int) -> NoReturn:
    """Say why nothing can be replayed, and exit."""
    console.print(f"[bold yellow]ERROR[/] {escape(reason)}", soft_wrap=True)
    if console.quiet:
        say(to_json({"verdict": "ERROR", "reason": reason}))
    raise SystemExit(code)


def _play(
    saved: Reproducer, subject: Subject, file: Path, console: Console
) -> tuple[str, ViolationFound | None]:
    """Tell the story again; return the verdict, and the violation if it is still there."""
    # the story
    known = f"on {escape(saved.subject)}, found by {escape(saved.suite)}"
    console.print(f"[bold]{saved.requirement}[/] {known}\n")
    if isinstance(saved.case, ProgramCase):
        for step, events in narrate(saved.case, subject):
            console.print(f"  {step}", style="bold", markup=False)
            for event in events:
                console.print(f"    {event}", markup=False)
        running = run(saved.case.program, subject, saved.case.options)
        if saved.trace not in (None, running.filesystem.trace):
            differs = "the implementation now does other disk operations than for this file"
            console.print(f"  {differs}")
        if not is_reached(saved, running):
            missed = "the program does not come to the fault or the crash of this file any more"
            console.print(f"\n[bold yellow]NOT REACHED[/] {missed}")
            return "NOT REACHED", None
        for crash in saved.crashes[:1]:
            found = describe_recovery(subject, saved.case.options, crash.image)
            console.print(f"  recovery of the image in the file {found}", markup=False)

    elif isinstance(saved.case, MachineCase):
        for line in saved.case.steps:
            console.print(f"  {line}", markup=False)

    # the verdict
    problem = repeat(saved.case, saved.requirement, subject)
    if problem is None and is_shown_again(saved, subject):
        missed = "the search does not come to the crash of this file again"
        same = "the image that it left is still recovered to what it was"
        console.print(f"\n[bold yellow]NOT REACHED[/] {missed}, and {same}")
        return "NOT REACHED", None
    if problem is None:
        console.print(f"\n[bold green]FIXED[/] {saved.requirement} holds in this case")
        return "FIXED", None
    violation = tell(problem, subject, str(file))
    console.print(render_violation(violation))
    console.print(f"\n[bold red]FAILED[/] {saved.requirement} is still violated")
    if words := measured_words(_measurements(violation)):
        console.print(f"\n{words}", markup=False)
    return "FAILED", violation


def is_reached(saved: Reproducer, running: Run) -> bool:
    """Tell whether a program comes to the fault and to the crash of a reproducer."""
    disk = running.filesystem
    assert isinstance(saved.case, ProgramCase)
    if any(isinstance(step, Fail) for step in saved.case.program) and not disk.struck_since(0):
        return False
    crash = next(iter(saved.crashes), None)
    return crash is None or crash.point <= len(disk.trace.events)


def is_shown_again(saved: Reproducer, subject: Subject) -> bool:
    """
    Tell whether the last image of a reproducer is recovered to the records that violated it.

    A crash of a recovery is one of many, and a search that is bounded may come to others.  What
    it did not look at is not fixed.
    """
    if not isinstance(saved.case, ProgramCase) or not saved.crashes or not saved.recovered:
        return False
    image = saved.crashes[-1].image
    outcome = recover(subject, saved.case.options, new_disk(subject, image))
    wrong = saved.recovered != saved.expected[: len(saved.recovered)]
    return wrong and outcome.records == saved.recovered


def _adapter(saved: Reproducer, command: Sequence[str], stack: ExitStack) -> Subject:
    """Start an adapter, recorded if the case takes that."""
    subject = stack.enter_context(AdapterSubject.running(command))
    return stack.enter_context(for_case(subject, saved.case))


def _subject(saved: Reproducer, file: Path) -> Subject:
    if isinstance(saved.case, MachineCase):
        make_machine(saved.case.machine, saved.subject)  # raises `Invalid` if it cannot
        return MachineSubject(saved.subject)
    try:
        return find_subject(saved.subject)
    except Invalid:
        raise Invalid(
            f"{file} was found on an adapter; say which command to run: "
            f"tornproof replay {file} -- {saved.subject}"
        ) from None
