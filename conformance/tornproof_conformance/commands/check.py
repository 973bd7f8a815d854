"""
`tornproof check`: everything, and a verdict.
"""

from pathlib import Path

import click
from rich.console import Console

from tornproof_conformance.checks import Budget
from tornproof_conformance.events import RunFinished, encode_event
from tornproof_conformance.report.terminal import TerminalReport
from tornproof_conformance.runner import JOURNAL_CHECKS, check_target
from tornproof_conformance.targets import find_target


@click.command("check")
@click.option(
    "--target",
    "name",
    default="reference",
    show_default=True,
    help="What to judge: the built-in reference, or a miniature with a known bug.",
)
@click.option(
    "--operations",
    default=4,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Explore every program of up to so many operations.",
)
@click.option(
    "--fault-operations",
    default=1,
    show_default=True,
    type=click.IntRange(1, 3),
    help="Make every disk operation fail in programs of up to so many operations.",
)
@click.option(
    "--examples",
    default=150,
    show_default=True,
    type=click.IntRange(0),
    help="Random programs for each durability level.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="CHECK",
    type=click.Choice([check.name for check in JOURNAL_CHECKS]),
    help="Run this check alone; may be given more than once.  `tornproof list checks` names them.",
)
@click.option(
    "--reproducers",
    default=Path(".tornproof"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to save what `tornproof replay` takes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the events, one JSON object a line.")
def command(
    name: str,
    operations: int,
    fault_operations: int,
    examples: int,
    only: tuple[str, ...],
    reproducers: Path,
    as_json: bool,
) -> None:
    """Judge a target by every check, and say what the verdict rests on."""
    target = find_target(name)
    budget = Budget(operations, fault_operations, examples)
    checks = [check for check in JOURNAL_CHECKS if not only or check.name in only]
    stream = check_target(target, budget=budget, reproducers=reproducers, checks=checks)
    if as_json:
        conforms = False
        for event in stream:
            click.echo(encode_event(event))
            conforms = isinstance(event, RunFinished) and event.conforms
    else:
        conforms = TerminalReport(Console(highlight=False)).show(stream)
    raise SystemExit(0 if conforms else 1)
