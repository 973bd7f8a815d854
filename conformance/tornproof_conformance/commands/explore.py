"""
`tornproof explore`: count what a crash may leave of a trace.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from attrs import frozen
from rich.table import Table
from tornproof_models.crash.crash_points import is_crash_point
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Finding, count_words, digits
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CRASH_MODELS, CrashModel
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.measurements import measurements_of
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import MARKS, Trace
from tornproof_models.disk.trace_file import load_trace
from tornproof_models.disk.versions import SECTOR_BYTES

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.commands.options import (
    crash_model_option,
    durability_option,
    segment_bytes_option,
)
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.report.printable import say, terminal, to_json
from tornproof_conformance.report.words import measured_words
from tornproof_conformance.stream.exit_codes import CONFORMS, DOES_NOT_CONFORM

SHOWN = 12
"""Things that a crash may take, of which so many are named."""

BOUND = 1 << 12
"""Images of one crash point up to which an adapter recovers all."""


@frozen
class Survey:
    """What a trace leaves in one crash model."""

    crash_model: str
    crash_points: int
    images: int
    """Images over all crash points."""

    worst_point: int
    """After how many events a crash has the most images."""

    worst_images: int
    at_end: int
    """Images of a crash after the last event."""

    may_lose: tuple[str, ...]
    """What a crash after the last event may take, in words."""


def survey(trace: Trace, crash_model: CrashModel, sector_bytes: int) -> Survey:
    """Count what a crash may leave, at every point at which it matters."""
    registers = Registers.of(trace.initial, crash_model.floors, sector_bytes=sector_bytes)
    counts: dict[int, int] = {}
    for number, event in enumerate(trace.events):
        if is_crash_point(event, crash_model):
            counts[number] = ImageSpace(registers, crash_model).count()
        registers.advance(event)
    last = ImageSpace(registers, crash_model)
    counts[len(trace.events)] = last.count()
    worst = max(counts, key=counts.__getitem__)
    return Survey(
        crash_model.name,
        len(counts),
        sum(counts.values()),
        worst,
        counts[worst],
        counts[len(trace.events)],
        last.describe_losses(next(last.choices())),
    )


@click.command("explore")
@click.argument("path", metavar="TRACE", type=click.Path(path_type=Path))
@click.option(
    "--sector-bytes",
    default=SECTOR_BYTES,
    show_default=True,
    type=click.IntRange(1, 4096),
    help="How many bytes a disk writes atomically.",
)
@crash_model_option
@durability_option("For a command: when an append is acknowledged as durable.")
@segment_bytes_option(512, "For a command: the size of a segment.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.argument("adapter", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    path: Path,
    sector_bytes: int,
    crash_models: tuple[str, ...],
    durability: str,
    segment_bytes: int,
    as_json: bool,
    adapter: tuple[str, ...],
) -> None:
    """
    Count the images that a crash may leave of a trace, in each crash model.

    With the COMMAND of an adapter, the adapter recovers every image, and each result is
    compared with what the trace acknowledged.
    """
    trace = load_trace(path)
    measured = measurements_of(crash_models)
    surveys = [survey(trace, CRASH_MODELS[name], sector_bytes) for name in crash_models]
    found: tuple[str, Finding] | None = None
    if adapter:
        options = Options(segment_bytes, durability)
        with AdapterSubject.running(adapter) as plain, RecordedSubject.of(plain) as subject:
            found = _judge(trace, subject, crash_models, options, sector_bytes)
    if as_json:
        say(to_json(_document(surveys, found, judged=bool(adapter)), indent=2))
    else:
        _show(trace, surveys)
        if adapter:
            _show_verdict(found)
        if measured:
            say(f"\n{measured_words(measured)}")
    raise SystemExit(DOES_NOT_CONFORM if found else CONFORMS)


def _judge(
    trace: Trace,
    subject: RecordedSubject,
    crash_models: Sequence[str],
    options: Options,
    sector_bytes: int,
) -> tuple[str, Finding] | None:
    """Return the mildest crash model in which a promise is broken, and the smallest way."""
    for name in crash_models:
        crash_model = CRASH_MODELS[name]
        explorer = Explorer(subject, options, crash_model, bound=BOUND, sector_bytes=sector_bytes)
        if findings := explorer.explore(trace):
            return name, min(findings, key=lambda finding: finding.size)
    return None


# For people


def _show(trace: Trace, surveys: list[Survey]) -> None:
    console = terminal()
    operations = sum(not isinstance(event, MARKS) for event in trace.events)
    console.print(f"{operations:,} operations, {len(trace.events) - operations:,} marks\n")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("crash model")
    for heading in ("crash points", "images", "most at one", "after event", "at the end"):
        table.add_column(heading, justify="right")
    for each in surveys:
        table.add_row(
            each.crash_model,
            f"{each.crash_points:,}",
            count_words(each.images),
            count_words(each.worst_images),
            f"{each.worst_point:,}",
            count_words(each.at_end),
        )
    console.print(table)
    for each in surveys:
        if each.may_lose:
            console.print(f"\nat the end, a crash ([bold]{each.crash_model}[/]) may take:")
            for loss in each.may_lose[:SHOWN]:
                console.print(f"  {loss}", markup=False)
            if len(each.may_lose) > SHOWN:
                console.print(f"  and {len(each.may_lose) - SHOWN:,} more")
            break
    else:
        console.print("\nat the end, nothing is lost in any of these: everything was synced")


def _show_verdict(found: tuple[str, Finding] | None) -> None:
    console = terminal()
    if found is None:
        console.print("\n[bold green]every promise is kept[/], in each of these crash models")
        return
    crash_model, finding = found
    violation = finding.violation
    console.print(f"\n[bold red]{violation.requirement} is violated[/] in {crash_model}")
    console.print(f"  {violation.message}", markup=False, soft_wrap=True)
    console.print(f"  the power is lost after event {finding.crash_point:,}, and with it:")
    for loss in finding.lost[:SHOWN]:
        console.print(f"    {loss}", markup=False)


# For programs


def _document(
    surveys: list[Survey], found: tuple[str, Finding] | None, *, judged: bool
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "format": "tornproof-explore/2",
        "crash_models": [
            {
                "crash_model": each.crash_model,
                "crash_points": each.crash_points,
                "images": digits(each.images),
                "most_images": digits(each.worst_images),
                "most_after_event": each.worst_point,
                "images_at_end": digits(each.at_end),
                "may_lose_at_end": list(each.may_lose),
            }
            for each in surveys
        ],
        "measurements": list(measurements_of(each.crash_model for each in surveys)),
    }
    if judged:
        document["violation"] = found and {
            "requirement": found[1].violation.requirement,
            "message": found[1].violation.message,
            "crash_model": found[0],
            "after_events": found[1].crash_point,
            "lost": list(found[1].lost),
        }
    return document
