"""
`tornproof run`: some of what an adapter claims.
"""

import shlex
from pathlib import Path

import click

from tornproof_conformance.checks import Budget
from tornproof_conformance.commands.check import finish
from tornproof_conformance.commands.options import (
    budget_option,
    events_json_option,
    reproducers_option,
    seed_option,
    timeout_option,
)
from tornproof_conformance.commands.outputs import Outputs, output_options
from tornproof_conformance.run.adapter_run import check_adapter, select


@click.command("run")
@budget_option
@seed_option
@timeout_option
@reproducers_option
@output_options()
@events_json_option
@click.argument("adapter", metavar="COMMAND")
@click.argument("patterns", nargs=-1, metavar="[REC-3 | rec/* | one-writer]...")
def command(
    adapter: str,
    patterns: tuple[str, ...],
    seconds: int,
    seed: int,
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
        budget=Budget(seconds=seconds, seed=seed),
        reproducers=reproducers,
        checks=checks,
        timeout=timeout,
    )
    finish(stream, outputs, as_json=as_json)
