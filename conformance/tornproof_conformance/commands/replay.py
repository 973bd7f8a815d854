"""
`tornproof replay`: does it still happen?
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import click
from attrs import asdict
from rich.console import Console
from rich.markup import escape
from tornproof.errors import Invalid
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import MachineCase, ProgramCase
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.cases.reproducer import Reproducer
from tornproof_conformance.cases.shrinking import repeat
from tornproof_conformance.report.violation import render_violation
from tornproof_conformance.story.narration import describe_recovery, narrate
from tornproof_conformance.story.stories import tell
from tornproof_conformance.stream.exit_codes import (
    BROKEN_ADAPTER,
    CONFORMS,
    DOES_NOT_CONFORM,
    USAGE,
)
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.subjects.machines import MachineSubject, make_machine
from tornproof_conformance.subjects.reference import find_subject


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and no story.")
@click.argument("adapter", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(file: Path, as_json: bool, adapter: tuple[str, ...]) -> None:
    """
    Run a reproducer again and say FIXED, FAILED or ERROR, step by step.

    One that was found on an adapter takes its COMMAND: a file is not asked what to run.
    """
    console = Console(highlight=False, quiet=as_json)
    try:
        saved = reproducer.load(file)
        with ExitStack() as stack:
            subject = _adapter(saved, adapter, stack) if adapter else _subject(saved, file)
            violation = _play(saved, subject, file, console)
    except Invalid as error:
        _refuse(str(error), console, USAGE)
    except Diagnosis as broken:
        _refuse(broken.explain(), console, BROKEN_ADAPTER)
    if as_json:
        verdict = "FAILED" if violation else "FIXED"
        told = asdict(violation) if violation else None
        document = {"verdict": verdict, "requirement": saved.requirement, "violation": told}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    raise SystemExit(DOES_NOT_CONFORM if violation else CONFORMS)


def _refuse(reason: str, console: Console, code: int) -> NoReturn:
    """Say why nothing can be replayed, and exit."""
    console.print(f"[bold yellow]ERROR[/] {escape(reason)}", soft_wrap=True)
    if console.quiet:
        click.echo(json.dumps({"verdict": "ERROR", "reason": reason}, ensure_ascii=False))
    raise SystemExit(code)


def _play(
    saved: Reproducer, subject: Subject, file: Path, console: Console
) -> ViolationFound | None:
    """Tell the story again, and return the violation if it is still there."""
    # the story
    known = f"on {escape(saved.subject)}, found by {escape(saved.suite)}"
    console.print(f"[bold]{saved.requirement}[/] {known}\n")
    if isinstance(saved.case, ProgramCase):
        for step, events in narrate(saved.case, subject):
            console.print(f"  {step}", style="bold", markup=False)
            for event in events:
                console.print(f"    {event}", markup=False)
        if saved.trace != run(saved.case.program, subject, saved.case.options).filesystem.trace:
            console.print("  the target does not do on the disk what it did for this file")
        for crash in saved.crashes[:1]:
            found = describe_recovery(subject, saved.case.options, crash.image)
            console.print(f"  recovery of the image in the file {found}", markup=False)

    elif isinstance(saved.case, MachineCase):
        for line in saved.case.steps:
            console.print(f"  {line}", markup=False)

    # the verdict
    problem = repeat(saved.case, saved.requirement, subject)
    if problem is None:
        console.print(f"\n[bold green]FIXED[/] {saved.requirement} holds in this case")
        return None
    violation = tell(problem, subject, str(file))
    console.print(render_violation(violation))
    console.print(f"\n[bold red]FAILED[/] {saved.requirement} is still violated")
    return violation


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
