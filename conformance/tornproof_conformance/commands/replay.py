"""
`tornproof replay`: does it still happen?
"""

from pathlib import Path

import click
from rich.console import Console
from tornproof.errors import Invalid
from tornproof_models.explore.workload import run

from tornproof_conformance import reproducer
from tornproof_conformance.cases import ProgramCase, try_case
from tornproof_conformance.report.terminal import render_violation
from tornproof_conformance.stories import describe_trace, tell
from tornproof_conformance.targets import find_target


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Run a reproducer again and say FIXED, FAILED or ERROR, step by step."""
    console = Console(highlight=False)
    try:
        saved = reproducer.load(file)
        target = find_target(saved.target)
    except Invalid as error:
        console.print(f"[bold yellow]ERROR[/] {error}", soft_wrap=True)
        raise SystemExit(2) from None

    # the story
    console.print(f"[bold]{saved.requirement}[/] on {saved.target}\n")
    if isinstance(saved.case, ProgramCase):
        running = run(saved.case.program, target, saved.case.options)
        for line in describe_trace(running.filesystem.trace):
            console.print(f"  {line}", markup=False)

    # the verdict
    problems = [
        problem
        for problem in try_case(saved.case, target)
        if problem.violation.requirement == saved.requirement
    ]
    if not problems:
        console.print(f"\n[bold green]FIXED[/] {saved.requirement} holds in this case")
        raise SystemExit(0)
    console.print(render_violation(tell(problems[0], target, str(file))))
    console.print(f"\n[bold red]FAILED[/] {saved.requirement} is still violated")
    raise SystemExit(1)
