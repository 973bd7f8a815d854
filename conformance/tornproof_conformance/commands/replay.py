"""
`tornproof replay`: does it still happen?
"""

from pathlib import Path

import click
from rich.console import Console
from tornproof.errors import Invalid
from tornproof_models.explore.workload import Target, run

from tornproof_conformance import reproducer
from tornproof_conformance.cases import MachineCase, ProgramCase
from tornproof_conformance.machines import MachineTarget, make_machine
from tornproof_conformance.narration import describe_recovery, narrate
from tornproof_conformance.report.terminal import render_violation
from tornproof_conformance.reproducer import Reproducer
from tornproof_conformance.shrinking import repeat
from tornproof_conformance.stories import tell
from tornproof_conformance.targets import find_target


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Run a reproducer again and say FIXED, FAILED or ERROR, step by step."""
    console = Console(highlight=False)
    try:
        saved = reproducer.load(file)
        target = _target(saved)
    except Invalid as error:
        console.print(f"[bold yellow]ERROR[/] {error}", soft_wrap=True)
        raise SystemExit(2) from None

    # the story
    console.print(f"[bold]{saved.requirement}[/] on {saved.target}, found by {saved.suite}\n")
    if isinstance(saved.case, ProgramCase):
        for step, events in narrate(saved.case, target):
            console.print(f"  {step}", style="bold", markup=False)
            for event in events:
                console.print(f"    {event}", markup=False)
        if saved.trace != run(saved.case.program, target, saved.case.options).filesystem.trace:
            console.print("  the target does not do on the disk what it did for this file")
        for crash in saved.crashes[:1]:
            found = describe_recovery(target, saved.case.options, crash.image)
            console.print(f"  recovery of the image in the file {found}", markup=False)

    elif isinstance(saved.case, MachineCase):
        for line in saved.case.steps:
            console.print(f"  {line}", markup=False)

    # the verdict
    problem = repeat(saved.case, saved.requirement, target)
    if problem is None:
        console.print(f"\n[bold green]FIXED[/] {saved.requirement} holds in this case")
        raise SystemExit(0)
    console.print(render_violation(tell(problem, target, str(file))))
    console.print(f"\n[bold red]FAILED[/] {saved.requirement} is still violated")
    raise SystemExit(1)


def _target(saved: Reproducer) -> Target:
    if isinstance(saved.case, MachineCase):
        make_machine(saved.case.machine, saved.target)  # raises `Invalid` if it cannot
        return MachineTarget(saved.target)
    return find_target(saved.target)
