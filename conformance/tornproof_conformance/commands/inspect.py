"""
`tornproof inspect`: look into a real journal without touching it.

It shows everything that the directory tells: segments, frames, watermark,
cursors, what is none of the journal's, and what is wrong with any of them.  The
last line is the conclusion.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import click
from attrs import field, frozen
from tornproof.errors import Corrupt, InputOutput, TornproofError, from_os_error
from tornproof.filesystem import File, OsFilesystem
from tornproof.journal import RecoveryReport, recover
from tornproof.journal.access import SegmentAccess
from tornproof.journal.cursor import SUFFIX as CURSOR_SUFFIX
from tornproof.journal.cursor import TEMPORARY_SUFFIX, cursor_names, read_cursor
from tornproof.journal.recovery import require_directory
from tornproof.journal.scanning import scan_file
from tornproof.journal.segments import LOCK_NAME, segment_bases, segment_name, temporary_names
from tornproof.journal.watermark import WATERMARK_NAME, read_watermark
from tornproof.record import MAX_PAYLOAD_BYTES, Damage

SHOWN = 20
"""Frames that are shown unless all are asked for."""

BEGINNING = 16
"""Bytes of each payload that are shown."""

NAMED = 10
"""Files of others that are named; the rest are counted."""


@frozen
class FoundFrame:
    """A frame, or the damage in its place."""

    offset: int
    size: int
    beginning: bytes = b""
    """The first bytes of the payload."""

    damage: Damage | None = None

    def __str__(self) -> str:
        line = f"{self.offset:>12}  {self.size:>8}  "
        if self.damage:
            return line + self.damage.value
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in self.beginning)
        return f"{line}{self.beginning.hex(' '):<47}  {text}"


@frozen
class FoundSegment:
    """A segment file: how many records it holds, and what ends them early."""

    base: int
    size: int
    records: int = 0
    damage: FoundFrame | None = None
    unreadable: str = ""
    frames: Sequence[FoundFrame] = field(factory=list)
    """The first of its records, as many as are shown."""

    @property
    def end(self) -> int:
        """Offset just past its last byte."""
        return self.base + self.size


@click.command("inspect")
@click.argument("directory", type=click.Path())
@click.option("--all", "show_all", is_flag=True, help=f"Show every frame, not the first {SHOWN}.")
def command(directory: str, show_all: bool) -> None:
    """
    Show what the journal in DIRECTORY holds, and any damage; change nothing.

    Exit codes: 0 sound or with a torn tail that recovery cuts, 1 damaged, 2 not
    to be read.
    """
    names = require_directory(OsFilesystem(), directory)
    segments = list(_find_segments(directory, segment_bases(names)))
    _show_segments(segments)
    _show_frames(directory, segments, show_all=show_all)
    watermark = _show_watermark(directory)
    conclusion = _conclude(directory)
    is_sound = _show_cursors(directory, names, conclusion, segments)
    _show_others(names)
    is_sound = _show_conclusion(directory, conclusion, segments, watermark) and is_sound
    raise SystemExit(0 if is_sound else 1)


def _find_segments(directory: str, bases: Sequence[int]) -> Iterator[FoundSegment]:
    """Walk every segment, keeping the first frames and any damage."""
    left = SHOWN
    for base in bases:
        segment = _find_segment(directory, base, left)
        left -= len(segment.frames)
        yield segment


def _find_segment(directory: str, base: int, most: int) -> FoundSegment:
    size, records = 0, 0
    frames: list[FoundFrame] = []
    try:
        with SegmentAccess(OsFilesystem(), directory, MAX_PAYLOAD_BYTES).open(base) as file:
            size = file.size()
            for frame in _walk(file, base, size):
                if frame.damage:
                    return FoundSegment(base, size, records, frame, frames=frames)
                records += 1
                if len(frames) < most:
                    frames.append(frame)
    except InputOutput as error:
        return FoundSegment(base, size, records, unreadable=str(error), frames=frames)
    return FoundSegment(base, size, records, frames=frames)


def _walk(file: File, base: int, size: int) -> Iterator[FoundFrame]:
    for at, found in scan_file(file, size, maximum=MAX_PAYLOAD_BYTES):
        if isinstance(found, Damage):
            yield FoundFrame(base + at, size - at, damage=found)
        else:
            yield FoundFrame(base + at, found.frame_bytes, found.payload[:BEGINNING])


# What is shown


def _show_segments(segments: Sequence[FoundSegment]) -> None:
    if not segments:
        return
    click.echo(f"{'segment':<20}  {'offsets':>25}  {'bytes':>12}  {'records':>9}")
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
        click.echo(line + state)
    click.echo()


def _show_frames(directory: str, segments: Sequence[FoundSegment], *, show_all: bool) -> None:
    total = sum(segment.records for segment in segments)
    if not total and not any(segment.damage for segment in segments):
        return
    click.echo(f"{'offset':>12}  {'bytes':>8}  payload")
    shown = 0
    for segment in segments:
        for frame in _all_frames(directory, segment) if show_all else segment.frames:
            click.echo(str(frame))
            shown += 1
        if segment.damage:
            click.secho(str(segment.damage), fg="red")
    if shown < total:
        click.echo(f"… and {total - shown} more valid records (--all shows them)")
    click.echo()


def _all_frames(directory: str, segment: FoundSegment) -> Iterator[FoundFrame]:
    """Walk a segment again, as far as it was valid."""
    with SegmentAccess(OsFilesystem(), directory, MAX_PAYLOAD_BYTES).open(segment.base) as file:
        yield from islice(_walk(file, segment.base, segment.size), segment.records)


def _show_watermark(directory: str) -> int | None:
    try:
        watermark = read_watermark(OsFilesystem(), directory)
    except OSError as error:
        raise from_os_error(error, f"read the watermark of {directory}") from None
    if watermark is not None:
        click.echo(f"durable watermark: offset {watermark}")
    return watermark


def _show_cursors(
    directory: str,
    names: Sequence[str],
    conclusion: RecoveryReport | TornproofError,
    segments: Sequence[FoundSegment],
) -> bool:
    """Show the cursors, and tell whether each can stand where it does."""
    first = segments[0].base if segments else 0
    end = segments[-1].end if segments else 0
    if isinstance(conclusion, RecoveryReport):
        end = conclusion.end
    is_sound = True
    for name in cursor_names(names):
        try:
            position = read_cursor(OsFilesystem(), f"{directory}/{name}{CURSOR_SUFFIX}")
        except TornproofError as error:
            click.secho(f"cursor {name}: {error}", fg="red")
            is_sound = False
            continue
        wrong = ""
        if position > end:
            wrong = f", beyond the end of the journal, {end}: records that it has seen are missing"
        elif position < first:
            wrong = f", below the first record, {first}: records that it needs are missing"
        is_sound = is_sound and not wrong
        click.secho(f"cursor {name}: offset {position}{wrong}", fg="red" if wrong else None)
    return is_sound


def _show_others(names: Sequence[str]) -> None:
    """Name what a crash left unfinished, and what is none of the journal's."""
    cursors = cursor_names(names)
    unfinished = [
        *temporary_names(names),
        *(f"{stem}{TEMPORARY_SUFFIX}" for stem in _unfinished_cursors(names)),
    ]
    known = {segment_name(base) for base in segment_bases(names)}
    known |= {WATERMARK_NAME, LOCK_NAME, *(f"{name}{CURSOR_SUFFIX}" for name in cursors)}
    others = [name for name in names if name not in known and name not in unfinished]
    if unfinished:
        click.echo(f"unfinished, of no consequence: {', '.join(unfinished)}")
    if others:
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        click.echo(f"other files, left alone: {', '.join(others[:NAMED])}{more}")


def _unfinished_cursors(names: Sequence[str]) -> list[str]:
    stems = (name.removesuffix(".tmp") for name in names if name.endswith(TEMPORARY_SUFFIX))
    return cursor_names(stems)


# What it comes to


def _conclude(directory: str) -> RecoveryReport | TornproofError:
    """Ask recovery, without letting it change anything."""
    try:
        return recover(directory, dry_run=True)
    except TornproofError as error:
        return error


def _show_conclusion(
    directory: str,
    conclusion: RecoveryReport | TornproofError,
    segments: Sequence[FoundSegment],
    watermark: int | None,
) -> bool:
    """Say in a line or two what it all means, and tell whether the journal is sound."""
    if isinstance(conclusion, Corrupt):
        click.secho(f"damaged: {conclusion}", fg="red")
        click.echo(f"`tornproof recover {directory} --salvage-to NEW` copies what can be read")
        return False
    if isinstance(conclusion, TornproofError):
        raise conclusion
    if not segments:
        click.echo(f"{directory} holds no segments: an empty journal, or none")
        return True
    if conclusion.cut:
        cut = conclusion.cut
        where = "" if watermark is None else ", above the watermark"
        click.secho(
            f"torn tail{where}, or a write under way: {cut.bytes} bytes from offset {cut.offset} "
            f"on ({cut.damage}); `tornproof recover {directory}` cuts it when no writer is at work",
            fg="yellow",
        )
    click.echo(
        f"sound: {conclusion.records} records, offsets {conclusion.first} to {conclusion.end}"
    )
    return True
