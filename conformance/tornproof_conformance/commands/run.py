"""
`tornproof run`: some of what an adapter claims.
"""

import shlex
from pathlib import Path

import click

from tornproof_conformance.adapter.session import TIMEOUT
from tornproof_conformance.adapter_checks import check_adapter, select
from tornproof_conformance.checks import Budget
from tornproof_conformance.commands.check import finish
from tornproof_conformance.commands.outputs import Outputs, output_options


@click.command("run")
@click.option(
    "--budget",
    "seconds",
    default=60,
    show_default=True,
    type=click.IntRange(1),
    help="About how many seconds the adapter may be judged for.",
)
@click.option(
    "--timeout",
    default=TIMEOUT,
    show_default=True,
    type=click.FloatRange(0.01),
    help="How many seconds it may take for a reply.",
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
@click.argument("adapter", metavar="COMMAND")
@click.argument("patterns", nargs=-1, metavar="[REC-3 | rec/* | one-writer]...")
def command(
    adapter: str,
    patterns: tuple[str, ...],
    seconds: int,
    timeout: float,
    reproducers: Path,
    outputs: Outputs,
    as_json: bool,
) -> None:
    """
    Judge an adapter by what is selected: requirements, vectors, scenarios or checks.

    COMMAND is one argument, in quotes if it has spaces.
    """
    checks = select(patterns) if patterns else None
    stream = check_adapter(
        shlex.split(adapter),
        budget=Budget(seconds=seconds),
        reproducers=reproducers,
        checks=checks,
        timeout=timeout,
    )
    finish(stream, outputs, as_json=as_json)
