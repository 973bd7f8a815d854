"""
`tornproof inspect`: show a journal and any damage, without changing it.

It shows everything that the directory tells: segments, frames, watermark,
cursors, what is none of the journal's, and what is wrong with any of them.  The
last line is the conclusion.
"""

import json
from collections.abc import Sequence

import click
from attrs import asdict
from tornproof.errors import Corrupt, TornproofError
from tornproof.filesystem import OsFilesystem
from tornproof.journal import RecoveryReport
from tornproof.journal.recovery import require_directory
from tornproof.journal.segments import segment_bases, segment_name

from tornproof_conformance.commands.inspection import (
    FoundCursor,
    FoundSegment,
    all_frames,
    conclude,
    find_cursors,
    find_others,
    find_segments,
    find_watermark,
    is_sound,
    judge_cursors,
)
from tornproof_conformance.report.printable import printable, say

SHOWN = 20
"""Frames that are shown unless all are asked for."""

NAMED = 10
"""Files of others that are named; the rest are counted."""


@click.command("inspect")
@click.argument("directory", type=click.Path())
@click.option("--all", "show_all", is_flag=True, help=f"Show every frame, not the first {SHOWN}.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, without frames.")
def command(directory: str, show_all: bool, as_json: bool) -> None:
    """
    Show the journal in DIRECTORY and any damage, without changing it.

    Exit codes: 0 sound or with a torn tail that recovery cuts, 1 damaged, 2 it cannot
    be read.
    """
    names = require_directory(OsFilesystem(), directory)
    segments = list(find_segments(directory, segment_bases(names), SHOWN))
    watermark = find_watermark(directory)
    read = find_cursors(directory, names)
    conclusion = conclude(directory)
    cursors = list(judge_cursors(read, conclusion, segments))
    if as_json:
        say(_document(directory, names, segments, watermark, cursors, conclusion))
    else:
        _show_segments(segments)
        _show_frames(directory, segments, show_all=show_all)
        if watermark is not None:
            say(f"durable watermark: offset {watermark}")
        for cursor in cursors:
            click.secho(str(cursor), fg="red" if cursor.wrong else None)
        _show_others(names)
        _show_conclusion(directory, conclusion, segments, watermark, cursors)
    raise SystemExit(0 if is_sound(conclusion, cursors) else 1)


# What is shown


def _show_segments(segments: Sequence[FoundSegment]) -> None:
    if not segments:
        return
    say(f"{'segment':<20}  {'offsets':>25}  {'bytes':>12}  {'records':>9}")
    end = segments[0].base
    for segment in segments:
        if segment.base != end:
            lost = "no segment holds these" if segment.base > end else "held twice"
            click.secho(f"{'':<20}  {f'{end} to {segment.base}':>25}  {lost}", fg="red")
        end = segment.end
        line = (
            f"{segment_name(segment.base):<20}  {f'{segment.base} to {end}':>25}  "
            f"{segment.size:>12}  {segment.records:>9}  "
        )
        state = "active" if segment is segments[-1] else "sealed"
        if segment.unreadable:
            state = click.style("cannot be read", fg="red")
        elif segment.damage:
            what = f"{segment.damage.damage} at offset {segment.damage.offset}"
            state += click.style(f", {what}", fg="red")
        click.echo(printable(line) + state)
    say()


def _show_frames(directory: str, segments: Sequence[FoundSegment], *, show_all: bool) -> None:
    total = sum(segment.records for segment in segments)
    if not total and not any(segment.damage for segment in segments):
        return
    say(f"{'offset':>12}  {'bytes':>8}  payload")
    shown = 0
    for segment in segments:
        for frame in all_frames(directory, segment) if show_all else segment.frames:
            say(str(frame))
            shown += 1
        if segment.damage:
            click.secho(str(segment.damage), fg="red")
    if shown < total:
        say(f"… and {total - shown} more valid records (--all shows them)")
    say()


def _show_others(names: Sequence[str]) -> None:
    unfinished, others = find_others(names)
    if unfinished:
        say(f"unfinished, of no consequence: {', '.join(unfinished)}")
    if others:
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        say(f"other files, left alone: {', '.join(others[:NAMED])}{more}")


# What it comes to


def _document(
    directory: str,
    names: Sequence[str],
    segments: Sequence[FoundSegment],
    watermark: int | None,
    cursors: Sequence[FoundCursor],
    conclusion: RecoveryReport | TornproofError,
) -> str:
    """Say the same to programs, in JSON."""
    cut = conclusion.cut if isinstance(conclusion, RecoveryReport) else None
    unfinished, others = find_others(names)
    return json.dumps(
        {
            "directory": directory,
            "sound": is_sound(conclusion, cursors),
            "problem": str(conclusion) if isinstance(conclusion, TornproofError) else None,
            "torn tail": asdict(cut) if cut else None,
            "records": sum(segment.records for segment in segments),
            "segments": [
                {
                    "name": segment_name(segment.base),
                    "base": segment.base,
                    "bytes": segment.size,
                    "records": segment.records,
                    "sealed": segment is not segments[-1],
                    "damage": segment.unreadable or (segment.damage and segment.damage.damage),
                }
                for segment in segments
            ],
            "watermark": watermark,
            "cursors": [asdict(cursor) for cursor in cursors],
            "unfinished": unfinished,
            "others": others,
        },
        indent=2,
        ensure_ascii=False,
    )


def _show_conclusion(
    directory: str,
    conclusion: RecoveryReport | TornproofError,
    segments: Sequence[FoundSegment],
    watermark: int | None,
    cursors: Sequence[FoundCursor],
) -> None:
    """Say in a line or two what it all means."""
    if isinstance(conclusion, Corrupt):
        click.secho(f"damaged: {conclusion}", fg="red")
        say(f"`tornproof recover {directory} --salvage-to NEW` copies what can be read")
        return
    if isinstance(conclusion, TornproofError):
        raise conclusion
    if not segments:
        say(f"{directory} holds no segments: an empty journal, or none")
        return
    if conclusion.cut:
        cut = conclusion.cut
        where = "" if watermark is None else ", above the watermark"
        click.secho(
            f"torn tail{where}, or a write under way: {cut.bytes} bytes from offset {cut.offset} "
            f"on ({cut.damage}); `tornproof recover {directory}` cuts it when no writer is at work",
            fg="yellow",
        )
    kept = f"{conclusion.records} records, offsets {conclusion.first} to {conclusion.end}"
    wrong = [each.name for each in cursors if each.wrong]
    if wrong:
        click.secho(
            f"the records are sound ({kept}), and not the cursor{'s' if wrong[1:] else ''} "
            f"{printable(', '.join(wrong))}: cleanup removes nothing until that is put right",
            fg="red",
        )
        return
    say(f"sound: {kept}")
