"""
`tornproof check`: everything, and a verdict.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import click
from tornproof.errors import Invalid

from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS
from tornproof_conformance.checks.catalogue import CHECKS as BUILT_IN
from tornproof_conformance.commands.options import (
    budget_option,
    events_json_option,
    reproducers_option,
    seed_option,
    subject_option,
    timeout_option,
)
from tornproof_conformance.commands.outputs import Outputs, output_options, show_run
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.runner import check_subject, checks_of
from tornproof_conformance.stream.exit_codes import INCONCLUSIVE
from tornproof_conformance.stream.run_events import RunEvent
from tornproof_conformance.subjects.reference import find_subject

OF_BUILT_IN = {check.name: check for check in BUILT_IN}


@click.command("check")
@subject_option("judge")
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
    "--queue-events",
    default=2,
    show_default=True,
    type=click.IntRange(1, 3),
    help="Walk every schedule of a drainer with so many events; 3 takes minutes.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="CHECK",
    type=click.Choice(list(dict.fromkeys((*OF_BUILT_IN, *ADAPTER_CHECKS)))),
    help="Run this check alone; may be given more than once.  `tornproof list checks` names them.",
)
@budget_option
@seed_option
@timeout_option
@reproducers_option
@output_options()
@events_json_option
@click.argument("adapter", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    name: str,
    operations: int,
    fault_operations: int,
    examples: int,
    queue_events: int,
    only: tuple[str, ...],
    seconds: int,
    seed: int,
    timeout: float,
    reproducers: Path,
    outputs: Outputs,
    as_json: bool,
    adapter: tuple[str, ...],
) -> None:
    """
    Judge a target by every check, and say what the verdict rests on.

    With a COMMAND the target is an adapter, judged by everything that it claims.

    Exit code 0: no MUST is violated but by a known failure. 1: one is, or a known
    failure has expired or holds again. 3: the adapter is broken. 4: interrupted, or
    what it does to its files cannot be recorded.
    """
    budget = Budget(
        operations=operations,
        fault_operations=fault_operations,
        examples=examples,
        seconds=seconds,
        seed=seed,
        queue_events=queue_events,
    )
    if adapter and name != "reference":
        raise Invalid("there is a target and a command: judge one of them")
    chosen = _chosen(
        only, ADAPTER_CHECKS if adapter else OF_BUILT_IN, "adapter" if adapter else name
    )
    if adapter:
        stream = check_adapter(
            adapter,
            budget=budget,
            reproducers=reproducers,
            checks=chosen or None,
            timeout=timeout,
        )
    else:
        subject = find_subject(name)
        checks = chosen or checks_of(subject)
        stream = check_subject(subject, budget=budget, reproducers=reproducers, checks=checks)
    finish(stream, outputs, as_json=as_json)


def _chosen(only: tuple[str, ...], checks: Mapping[str, Check], judged: str) -> list[Check]:
    """Look the checks up that were asked for; raise `Invalid` for one that is for others."""
    for name in only:
        if name not in checks:
            raise Invalid(f"{name} is no check of this ({judged}): {', '.join(checks)} are")
    return [checks[name] for name in checks if name in only]


def finish(stream: Iterator[RunEvent], outputs: Outputs, *, as_json: bool) -> NoReturn:
    """Show a run, write what was asked for, and exit with the code of the verdict."""
    try:
        code = show_run(outputs.keep(stream), as_json=as_json)
    except KeyboardInterrupt:
        click.echo("interrupted: there is no verdict", err=True)
        code = INCONCLUSIVE
    raise SystemExit(code)
