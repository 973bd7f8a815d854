"""
`tornproof check`: run the checks on an implementation, and print a verdict.
"""

from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import NoReturn

import click
from attrs import frozen
from tornproof.errors import Invalid
from tornproof_models.crash.subject import Options

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.programs import SYNTAX, parse_program
from tornproof_conformance.checks import Budget, Check
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, SHARES
from tornproof_conformance.checks.given_program import GivenProgram
from tornproof_conformance.commands.building import build_adapter
from tornproof_conformance.commands.completing import complete_subjects
from tornproof_conformance.commands.last_failed import note_failures, select_last_failed
from tornproof_conformance.commands.options import (
    budget_option,
    crash_model_option,
    durability_option,
    events_json_option,
    jobs_option,
    reproducers_option,
    seed_option,
    segment_bytes_option,
    subject_option,
    timeout_option,
    verbosity_option,
)
from tornproof_conformance.commands.outputs import Outputs, output_options, show_run
from tornproof_conformance.commands.plan import plan_lines
from tornproof_conformance.commands.watching import files_of, watch
from tornproof_conformance.project.settings import Settings, read_settings
from tornproof_conformance.report.annotations import annotate
from tornproof_conformance.report.printable import say
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.run.adapter_run import checks_of as adapter_checks_of
from tornproof_conformance.run.runner import check_subject, checks_of
from tornproof_conformance.run.selection import leave_out, select
from tornproof_conformance.stream.exit_codes import DOES_NOT_CONFORM, INCONCLUSIVE
from tornproof_conformance.stream.run_events import RunEvent, RunStarted
from tornproof_conformance.subjects.reference import find_subject


class WithCommand(click.Command):
    """
    A command line of two halves: what follows the first `--` starts an adapter.

    Where neither an adapter nor a miniature is named, the settings of the project are the
    defaults of all options, and their command is the adapter.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give the second half to the command as `adapter`; raise `UsageError` if it is empty."""
        half = args.index("--") if "--" in args else len(args)
        if args[half:] == ["--"]:
            raise click.UsageError("there is no command after `--`", ctx)
        settings = Settings()
        if half == len(args) and not any(each.startswith("--miniature") for each in args):
            settings = read_settings(Path())
            ctx.default_map = {**settings.options}
        ctx.params["settings"] = settings
        ctx.params["adapter"] = tuple(args[half + 1 :]) or settings.command
        ctx.params["arguments"] = tuple(each for each in args if each != "--watch")
        return super().parse_args(ctx, args[:half])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show both halves."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


@click.command("check", cls=WithCommand)
@click.argument("what", nargs=-1, shell_complete=complete_subjects)
@click.option(
    "--exclude",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_subjects,
    help="Leave out a check, scenario, vector or situation; may be given several times.",
)
@click.option("--last-failed", is_flag=True, help="Run only what found a violation the last time.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first violation.")
@click.option(
    "--max-failures", type=click.IntRange(1), metavar="N", help="Stop when N violations are found."
)
@click.option("--dry-run", is_flag=True, help="Say what would run and about how long, and stop.")
@click.option(
    "--watch", "watching", is_flag=True, help="Run again whenever the adapter's program changes."
)
@subject_option("judge")
@click.option(
    "--thorough",
    is_flag=True,
    help="Leave out nothing that takes minutes: --operations 4, --queue-events 3, and a crash in "
    "every crash model after each fault (built-in only).",
)
@click.option(
    "--operations",
    default=None,
    show_default="3, or 4 if thorough",
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
    default=None,
    show_default="2, or 3 if thorough",
    type=click.IntRange(1, 3),
    help="Explore every schedule of a drainer with N events (built-in only).",
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
@jobs_option("Processes of an adapter that recover images side by side.")
@timeout_option
@reproducers_option
@output_options()
@click.option(
    "--annotations",
    is_flag=True,
    help="Print each violation as an annotation of a workflow, `::error file=…`.",
)
@verbosity_option
@events_json_option
def command(
    what: tuple[str, ...],
    exclude: tuple[str, ...],
    last_failed: bool,
    fail_fast: bool,
    max_failures: int | None,
    dry_run: bool,
    watching: bool,
    name: str,
    thorough: bool,
    operations: int | None,
    fault_operations: int,
    examples: int,
    queue_events: int | None,
    program: str | None,
    durability: str,
    segment_bytes: int,
    crash_models: tuple[str, ...],
    seconds: int,
    seed: int,
    jobs: int,
    timeout: float,
    reproducers: Path,
    outputs: Outputs,
    annotations: bool,
    verbosity: int,
    as_json: bool,
    settings: Settings,
    adapter: tuple[str, ...],
    arguments: tuple[str, ...],
) -> None:
    """
    Judge an implementation: run the checks and print a verdict for each requirement.

    With a COMMAND after `--`, that command is started as an adapter and judged by every
    check that its claims bring.  Without one, the command in `tornproof.toml` is, if there is
    such a file here (`tornproof init` writes one), else the built-in reference, or the
    miniature that --miniature names.

    WHAT limits the run to requirements, checks, scenarios, vectors or situations, by name;
    `*` stands for any text: `tornproof check REC-3 'AUD-*' kills -- ./adapter`.
    `tornproof list` shows the names.

    Exit code 0: no MUST is violated, except by known failures. 1: a MUST is violated, a known
    failure has expired or no longer fails, or a claim is missing that `tornproof.toml`
    requires. 3: the adapter is broken. 4: the run was interrupted, too little was tried, or the
    adapter's file operations cannot be recorded.
    """
    budget = Budget(
        operations=operations or (4 if thorough else 3),
        fault_operations=fault_operations,
        examples=examples,
        seconds=seconds,
        seed=seed,
        queue_events=queue_events or (3 if thorough else 2),
        thorough=thorough,
        crash_models=crash_models,
    )
    if adapter and name != "reference":
        raise Invalid("--miniature and a command were both given: give one of them")
    if program is not None and (what or exclude or last_failed):
        raise Invalid("--program is judged alone: leave out what to check, or --program")
    if watching:
        watch(arguments, files_of(adapter), reproducers)
    build_adapter(settings)
    given = None
    if program is not None:
        if not program.split():
            raise Invalid(f"--program has no steps: there are {SYNTAX}")
        given = GivenProgram(parse_program(program), Options(segment_bytes, durability)).check()
    chosen = Chosen(what, exclude, reproducers if last_failed else None, given)
    most = 1 if fail_fast else max_failures or inf
    if adapter:
        if dry_run:
            _show_plan(_plan_of_adapter(adapter, chosen, timeout), budget, adapter=True)
            return
        stream = check_adapter(
            adapter,
            budget=budget,
            reproducers=reproducers,
            checks=chosen.among(list(ADAPTER_CHECKS.values())) if chosen.is_limited else None,
            timeout=timeout,
            jobs=jobs,
            most_findings=most,
        )
        stream = insist(stream, settings)
    else:
        subject = find_subject(name)
        checks = chosen.among(checks_of(subject))
        if dry_run:
            _show_plan(checks, budget, adapter=False)
            return
        stream = check_subject(
            subject,
            budget=budget,
            reproducers=reproducers,
            checks=checks,
            selected=chosen.is_limited,
            most_findings=most,
        )
    if annotations:
        stream = annotate(stream, settings.source)
    finish(stream, outputs, as_json=as_json, verbosity=verbosity, reproducers=reproducers)


@frozen
class Chosen:
    """What of the checks on offer is to run."""

    what: Sequence[str]
    exclude: Sequence[str]
    last_failed: Path | None
    """The directory that says what failed last, if only that is to run."""

    given: Check | None
    """The check of a program from the command line, which runs alone."""

    @property
    def is_limited(self) -> bool:
        """Whether less runs than all there is."""
        return bool(self.what or self.exclude or self.last_failed or self.given)

    def among(self, offered: Sequence[Check]) -> list[Check]:
        """Choose.  Raises `Invalid` for a name that chooses nothing."""
        if self.given:
            return [self.given]
        if self.last_failed:
            offered = select_last_failed(self.last_failed, offered)
        chosen = select(self.what, offered) if self.what else list(offered)
        return leave_out(self.exclude, chosen) if self.exclude else chosen


def insist(stream: Iterator[RunEvent], settings: Settings) -> Iterator[RunEvent]:
    """Pass a run on, unless the adapter does not make a claim on which its project insists."""
    for event in stream:
        if isinstance(event, RunStarted) and event.implementation.claims:
            missing = [each for each in settings.claims if each not in event.implementation.claims]
            if missing:
                say(
                    f"tornproof: the adapter does not claim {', '.join(missing)}, on which "
                    f"{settings.source} insists",
                    error=True,
                )
                raise SystemExit(DOES_NOT_CONFORM)
        yield event


def _plan_of_adapter(command: Sequence[str], chosen: Chosen, timeout: float) -> list[Check]:
    """Ask an adapter for its claims, and choose what they bring."""
    with AdapterSubject.running(command, timeout=timeout) as subject:
        return adapter_checks_of(subject, chosen.among(list(ADAPTER_CHECKS.values())))


def _show_plan(checks: Sequence[Check], budget: Budget, *, adapter: bool) -> None:
    for line in plan_lines(checks, budget, SHARES if adapter else {}):
        say(line)


def finish(
    stream: Iterator[RunEvent],
    outputs: Outputs,
    *,
    as_json: bool,
    verbosity: int = 0,
    reproducers: Path | None = None,
) -> NoReturn:
    """
    Show a run, write what was asked for, and exit with the code of the verdict.

    What was violated is noted in `reproducers`, for `--last-failed`.  Ctrl-C and SIGTERM end the
    run, and keep what was found: the code is 1 if a MUST is violated, else 4.
    """
    seen: list[RunEvent] = []

    def kept() -> Iterator[RunEvent]:
        for event in outputs.keep(stream):
            seen.append(event)
            yield event

    try:
        code = show_run(kept(), as_json=as_json, verbosity=verbosity)
        if reproducers is not None:
            note_failures(record_run(seen), reproducers)
    except KeyboardInterrupt:
        record = record_run(seen) if seen else None
        ids = [each.requirement for each in record.violations] if record else []
        found = ", ".join(dict.fromkeys(ids))
        say(f"interrupted; violated so far: {found or 'nothing'}", error=True)
        code = record.exit_code if record else INCONCLUSIVE
    raise SystemExit(code)
