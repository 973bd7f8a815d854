"""
`tornproof explore`: what a crash may leave of a trace.
"""

import json
from pathlib import Path
from typing import Any

import click
from attrs import frozen
from rich.console import Console
from rich.table import Table
from tornproof_models.crash.explorer import Explorer, is_crash_point
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, PROFILES, Profile
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import MARKS, Trace
from tornproof_models.disk.trace_file import load_trace
from tornproof_models.disk.versions import SECTOR_BYTES

from tornproof_conformance.adapter.adapter_subject import AdapterTarget
from tornproof_conformance.commands.options import (
    durability_option,
    segment_bytes_option,
)
from tornproof_conformance.power.recorded_subject import RecordedTarget
from tornproof_conformance.stream.exit_codes import CONFORMS, DOES_NOT_CONFORM

SHOWN = 12
"""Things that a crash may take, of which so many are named."""

BOUND = 1 << 12
"""Images of one crash point up to which an adapter recovers all."""


@frozen
class Survey:
    """What a trace leaves in one profile."""

    profile: str
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


def survey(trace: Trace, profile: Profile, sector_bytes: int) -> Survey:
    """Count what a crash may leave, at every point at which it matters."""
    registers = Registers.of(trace.initial, profile.floors, sector_bytes=sector_bytes)
    counts: dict[int, int] = {}
    for number, event in enumerate(trace.events):
        if is_crash_point(event, profile):
            counts[number] = ImageSpace(registers, profile).count()
        registers.advance(event)
    last = ImageSpace(registers, profile)
    counts[len(trace.events)] = last.count()
    worst = max(counts, key=counts.__getitem__)
    return Survey(
        profile.name,
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
    help="What a disk writes in one piece.",
)
@durability_option("For a command: when an append is promised to last.")
@segment_bytes_option(512, "For a command: the size of a segment.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.argument("adapter", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    path: Path,
    sector_bytes: int,
    durability: str,
    segment_bytes: int,
    as_json: bool,
    adapter: tuple[str, ...],
) -> None:
    """
    Say what a crash may leave of a trace, in every profile.

    With a COMMAND, an adapter, every image is recovered by it and held against what was
    promised in the trace.
    """
    trace = load_trace(path)
    surveys = [survey(trace, PROFILES[name], sector_bytes) for name in CLAIMED]
    found: tuple[str, Finding] | None = None
    if adapter:
        options = Options(segment_bytes, durability)
        with AdapterTarget.running(adapter) as plain, RecordedTarget.of(plain) as target:
            found = _judge(trace, target, options, sector_bytes)
    if as_json:
        click.echo(json.dumps(_document(surveys, found, judged=bool(adapter)), indent=2))
    else:
        _show(trace, surveys)
        if adapter:
            _show_verdict(found)
    raise SystemExit(DOES_NOT_CONFORM if found else CONFORMS)


def _judge(
    trace: Trace, target: RecordedTarget, options: Options, sector_bytes: int
) -> tuple[str, Finding] | None:
    """Return the mildest profile in which a promise is broken, and the smallest way."""
    for name in CLAIMED:
        profile = PROFILES[name]
        explorer = Explorer(target, options, profile, bound=BOUND, sector_bytes=sector_bytes)
        if findings := explorer.explore(trace):
            return name, min(findings, key=lambda finding: finding.size)
    return None


# For people


def _show(trace: Trace, surveys: list[Survey]) -> None:
    console = Console(highlight=False)
    operations = sum(not isinstance(event, MARKS) for event in trace.events)
    console.print(f"{operations:,} operations, {len(trace.events) - operations:,} marks\n")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("profile")
    for heading in ("crash points", "images", "most at one", "after event", "at the end"):
        table.add_column(heading, justify="right")
    for each in surveys:
        table.add_row(
            each.profile,
            f"{each.crash_points:,}",
            f"{each.images:,}",
            f"{each.worst_images:,}",
            f"{each.worst_point:,}",
            f"{each.at_end:,}",
        )
    console.print(table)
    for each in surveys:
        if each.may_lose:
            console.print(f"\nat the end, a crash ([bold]{each.profile}[/]) may take:")
            for loss in each.may_lose[:SHOWN]:
                console.print(f"  {loss}", markup=False)
            if len(each.may_lose) > SHOWN:
                console.print(f"  and {len(each.may_lose) - SHOWN:,} more")
            break
    else:
        console.print("\nat the end, nothing is lost in any profile: everything was synced")


def _show_verdict(found: tuple[str, Finding] | None) -> None:
    console = Console(highlight=False)
    if found is None:
        console.print("\n[bold green]every promise is kept[/], in every profile")
        return
    profile, finding = found
    violation = finding.violation
    console.print(f"\n[bold red]{violation.requirement} is violated[/] in {profile}")
    console.print(f"  {violation.message}", markup=False, soft_wrap=True)
    console.print(f"  the power is lost after event {finding.crash_point:,}, and with it:")
    for loss in finding.lost[:SHOWN]:
        console.print(f"    {loss}", markup=False)


# For programs


def _document(
    surveys: list[Survey], found: tuple[str, Finding] | None, *, judged: bool
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "format": "tornproof-survey/1",
        "profiles": [
            {
                "profile": each.profile,
                "crash_points": each.crash_points,
                "images": str(each.images),
                "most_images": str(each.worst_images),
                "most_after_event": each.worst_point,
                "images_at_end": str(each.at_end),
                "may_lose_at_end": list(each.may_lose),
            }
            for each in surveys
        ],
    }
    if judged:
        document["violation"] = found and {
            "requirement": found[1].violation.requirement,
            "message": found[1].violation.message,
            "profile": found[0],
            "after_events": found[1].crash_point,
            "lost": list(found[1].lost),
        }
    return document
