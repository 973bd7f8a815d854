"""
`tornproof check`: run the checks on an implementation, and print a verdict.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import click
from tornproof.errors import Invalid
from tornproof_models.crash.subject import Options

from tornproof_conformance.cases.programs import SYNTAX, parse_program
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS
from tornproof_conformance.checks.given_program import GivenProgram
from tornproof_conformance.commands.options import (
    budget_option,
    crash_model_option,
    details_option,
    durability_option,
    events_json_option,
    reproducers_option,
    seed_option,
    segment_bytes_option,
    subject_option,
    timeout_option,
)
from tornproof_conformance.commands.outputs import Outputs, output_options, show_run
from tornproof_conformance.report.printable import say
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.runner import check_subject, checks_of
from tornproof_conformance.run.selection import select
from tornproof_conformance.stream.exit_codes import INCONCLUSIVE
from tornproof_conformance.stream.run_events import RunEvent
from tornproof_conformance.subjects.reference import find_subject


class WithCommand(click.Command):
    """A command line of two halves: what follows the first `--` starts an adapter."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give the second half to the command as `adapter`; raise `UsageError` if it is empty."""
        half = args.index("--") if "--" in args else len(args)
        ctx.params["adapter"] = tuple(args[half + 1 :])
        if args[half:] == ["--"]:
            raise click.UsageError("there is no command after `--`", ctx)
        return super().parse_args(ctx, args[:half])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show both halves."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


@click.command("check", cls=WithCommand)
@click.argument("what", nargs=-1)
@subject_option("judge")
@click.option(
    "--operations",
    default=4,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Explore every program of up to N operations (built-in only).",
    metavar="N",
)
@click.option(
    "--fault-operations",
    default=1,
    show_default=True,
    type=click.IntRange(1, 3),
    help="Let each disk operation fail in programs of up to N operations (built-in only).",
    metavar="N",
)
@click.option(
    "--examples",
    default=150,
    show_default=True,
    type=click.IntRange(0),
    help="Run N random programs for each durability level (built-in only).",
    metavar="N",
)
@click.option(
    "--queue-events",
    default=2,
    show_default=True,
    type=click.IntRange(1, 3),
    help="Explore every schedule of a drainer with N events; 3 takes minutes (built-in only).",
    metavar="N",
)
@click.option(
    "--program",
    metavar="STEPS",
    help=f"Judge this program alone; its steps: {SYNTAX}.",
)
@durability_option("For --program: when an append is acknowledged as durable.")
@segment_bytes_option(4096, "For --program: the size of a segment.")
@crash_model_option
@budget_option
@seed_option
@timeout_option
@reproducers_option
@output_options()
@details_option
@events_json_option
def command(
    what: tuple[str, ...],
    name: str,
    operations: int,
    fault_operations: int,
    examples: int,
    queue_events: int,
    program: str | None,
    durability: str,
    segment_bytes: int,
    crash_models: tuple[str, ...],
    seconds: int,
    seed: int,
    timeout: float,
    reproducers: Path,
    outputs: Outputs,
    details: bool,
    as_json: bool,
    adapter: tuple[str, ...],
) -> None:
    """
    Judge an implementation: run the checks and print a verdict for each requirement.

    With a COMMAND after `--`, that command is started as an adapter and judged by every
    check that its claims bring.  Without one, the built-in reference is judged, or the
    miniature that --miniature names.

    WHAT limits the run to requirements, checks, scenarios, vectors or situations, by name;
    `*` stands for any text: `tornproof check REC-3 'AUD-*' kills -- ./adapter`.
    `tornproof list` shows the names.

    Exit code 0: no MUST is violated, except by known failures. 1: a MUST is violated, or a
    known failure has expired or no longer fails. 3: the adapter is broken. 4: the run was
    interrupted, or the adapter's file operations cannot be recorded.
    """
    budget = Budget(
        operations=operations,
        fault_operations=fault_operations,
        examples=examples,
        seconds=seconds,
        seed=seed,
        queue_events=queue_events,
        crash_models=crash_models,
    )
    if adapter and name != "reference":
        raise Invalid("--miniature and a command were both given: give one of them")
    if what and program is not None:
        raise Invalid("--program is judged alone: leave out what to check, or --program")
    given = None
    if program is not None:
        if not program.split():
            raise Invalid(f"--program has no steps: there are {SYNTAX}")
        given = GivenProgram(parse_program(program), Options(segment_bytes, durability)).check()
    if adapter:
        stream = check_adapter(
            adapter,
            budget=budget,
            reproducers=reproducers,
            checks=[given] if given else _selected(what),
            timeout=timeout,
        )
    else:
        subject = find_subject(name)
        checks = [given] if given else checks_of(subject)
        stream = check_subject(
            subject,
            budget=budget,
            reproducers=reproducers,
            checks=select(what, checks) if what else checks,
            selected=bool(what or given),
        )
    finish(stream, outputs, as_json=as_json, details=details)


def _selected(what: Sequence[str]) -> list[Check] | None:
    return select(what, ADAPTER_CHECKS.values()) if what else None


def finish(
    stream: Iterator[RunEvent], outputs: Outputs, *, as_json: bool, details: bool = False
) -> NoReturn:
    """
    Show a run, write what was asked for, and exit with the code of the verdict.

    Ctrl-C and SIGTERM end the run, and keep what was found: the code is 1 if a MUST is
    violated, else 4.
    """
    seen: list[RunEvent] = []

    def kept() -> Iterator[RunEvent]:
        for event in outputs.keep(stream):
            seen.append(event)
            yield event

    try:
        code = show_run(kept(), as_json=as_json, details=details)
    except KeyboardInterrupt:
        record = record_run(seen) if seen else None
        ids = [each.requirement for each in record.violations] if record else []
        found = ", ".join(dict.fromkeys(ids))
        say(f"interrupted; violated so far: {found or 'nothing'}", error=True)
        code = record.exit_code if record else INCONCLUSIVE
    raise SystemExit(code)
