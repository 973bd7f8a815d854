"""
`tornproof check`: everything, and a verdict.
"""

from pathlib import Path

import click

from tornproof_conformance.checks import Budget
from tornproof_conformance.commands.outputs import Outputs, output_options, show_run
from tornproof_conformance.runner import JOURNAL_CHECKS, check_target
from tornproof_conformance.targets import find_target

INCONCLUSIVE = 4


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
@output_options()
@click.option("--json", "as_json", is_flag=True, help="Print the events, one JSON object a line.")
def command(
    name: str,
    operations: int,
    fault_operations: int,
    examples: int,
    only: tuple[str, ...],
    reproducers: Path,
    outputs: Outputs,
    as_json: bool,
) -> None:
    """
    Judge a target by every check, and say what the verdict rests on.

    Exit code 0: no MUST is violated but by a known failure. 1: one is, or a known
    failure has expired or holds again. 4: interrupted.
    """
    target = find_target(name)
    budget = Budget(operations, fault_operations, examples)
    checks = [check for check in JOURNAL_CHECKS if not only or check.name in only]
    stream = check_target(target, budget=budget, reproducers=reproducers, checks=checks)
    try:
        succeeds = show_run(outputs.keep(stream), as_json=as_json)
    except KeyboardInterrupt:
        click.echo("interrupted: there is no verdict", err=True)
        raise SystemExit(INCONCLUSIVE) from None
    raise SystemExit(0 if succeeds else 1)
