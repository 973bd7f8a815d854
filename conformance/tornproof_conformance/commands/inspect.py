"""
`tornproof inspect`: look into a real journal without touching it.
"""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from tornproof.errors import Corrupt, from_os_error
from tornproof.filesystem import OsFilesystem
from tornproof.journal import recover
from tornproof.journal.cursor import SUFFIX as CURSOR_SUFFIX
from tornproof.journal.cursor import read_cursors
from tornproof.journal.recovery import require_directory
from tornproof.journal.scanning import scan_file
from tornproof.journal.segments import LOCK_NAME, segment_bases, segment_name
from tornproof.journal.watermark import WATERMARK_NAME, read_watermark
from tornproof.record import MAX_PAYLOAD_BYTES, Damage

SHOWN = 20


@click.command("inspect")
@click.argument("directory", type=click.Path())
@click.option("--all", "show_all", is_flag=True, help="Show every frame, not the first twenty.")
def command(directory: str, show_all: bool) -> None:
    """Show the segments and frames of the journal in DIRECTORY, and any damage."""
    console = Console(highlight=False)
    names = require_directory(OsFilesystem(), directory)
    bases = segment_bases(names)
    if not bases:
        console.print(f"{directory} holds no segments: an empty journal, or none")
    for base in bases:
        _show_segment(console, directory, base, show_all=show_all)
    _show_companions(console, directory, names)
    try:
        report = recover(directory, dry_run=True)
    except Corrupt as error:
        console.print(f"[bold red]damaged[/] {error}", soft_wrap=True)
        raise SystemExit(1) from None
    if report.cut:
        console.print(
            f"[yellow]torn tail[/]: {report.cut.bytes} bytes from offset {report.cut.offset} on "
            f"({report.cut.damage.value}); `tornproof recover` cuts it"
        )
    console.print(f"{report.records} records, offsets {report.first} to {report.end}")


def _show_companions(console: Console, directory: str, names: list[str]) -> None:
    """Show the watermark and the cursors, and name what is not the journal's."""
    filesystem = OsFilesystem()
    try:
        watermark = read_watermark(filesystem, directory)
    except OSError as error:
        raise from_os_error(error, f"read the watermark of {directory}") from None
    if watermark is not None:
        console.print(f"durable watermark: offset {watermark}")
    cursors = read_cursors(filesystem, directory)
    for name, position in cursors.items():
        console.print(f"cursor {name}: offset {position}", markup=False)
    known = {segment_name(base) for base in segment_bases(names)}
    known |= {WATERMARK_NAME, LOCK_NAME, *(f"{name}{CURSOR_SUFFIX}" for name in cursors)}
    others = [name for name in names if name not in known]
    if others:
        console.print(f"other files, left alone: {', '.join(others)}", markup=False)


def _show_segment(console: Console, directory: str, base: int, *, show_all: bool) -> None:
    path = Path(directory) / segment_name(base)
    table = Table(
        "offset", "bytes", "payload", "verdict", title=str(path), title_justify="left", box=None
    )
    hidden = 0
    try:
        file = OsFilesystem().open_for_reading(str(path))
        try:
            size = file.size()
            for number, (at, found) in enumerate(scan_file(file, size, maximum=MAX_PAYLOAD_BYTES)):
                if isinstance(found, Damage):
                    table.add_row(str(base + at), str(size - at), "", f"[red]{found.value}[/]")
                elif number < SHOWN or show_all:
                    beginning = found.payload[:16].hex(" ")
                    table.add_row(str(base + at), str(found.frame_bytes), beginning, "valid")
                else:
                    hidden += 1
        finally:
            file.close()
    except OSError as error:
        raise from_os_error(error, f"read {path}") from None
    console.print(table)
    if hidden:
        console.print(f"… and {hidden} more valid records (--all shows them)")
