"""
`tornproof record`: record a command's file operations as a trace.
"""

import tempfile
from pathlib import Path

import click
from tornproof.errors import Invalid
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import MARKS, SYNCS, Trace, Write
from tornproof_models.disk.trace_file import save_trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.programs import SYNTAX, parse_program
from tornproof_conformance.commands.options import (
    durability_option,
    segment_bytes_option,
)
from tornproof_conformance.commands.writable import Writable
from tornproof_conformance.power.recorded_session import CannotTrace
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.recorder.marks import mark
from tornproof_conformance.recorder.recorders import record
from tornproof_conformance.report.printable import terminal


@click.command("record")
@click.option(
    "-o",
    "--output",
    required=True,
    type=Writable(),
    help="Where to write the trace.",
)
@click.option(
    "--directory",
    default=Path(),
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Record the files below this directory.  [default: the working directory]",
)
@click.option(
    "--program",
    help=f"Let the command, an adapter, run this program; its steps: {SYNTAX}.",
)
@durability_option("For --program: when an append is acknowledged as durable.")
@segment_bytes_option(512, "For --program: the size of a segment.")
@click.argument("adapter", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(
    output: Path,
    directory: Path,
    program: str | None,
    durability: str,
    segment_bytes: int,
    adapter: tuple[str, ...],
) -> None:
    """
    Run a command and record its file operations as a trace.

    The trace has every write, sync and change of names below a directory, and the messages of
    the adapter protocol on standard input and output.  With --program, the command is an
    adapter that runs the program, in a new directory.  `tornproof explore` then counts what a
    crash may leave.

    Exit code 4: the command's file operations cannot be recorded.
    """
    if not adapter:
        raise Invalid("nothing to record: put the command after `--`")
    if program is None:
        trace, warnings = _watch(adapter, directory)
    else:
        with AdapterSubject.running(adapter) as plain, RecordedSubject.of(plain) as subject:
            options = Options(segment_bytes, durability)
            trace = run(parse_program(program), subject, options).filesystem.trace
            warnings = tuple(subject.warnings)
    save_trace(trace, output)
    _show(trace, warnings, output)


def _watch(adapter: tuple[str, ...], directory: Path) -> tuple[Trace, tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="tornproof-") as scratch:
        recorded = record(adapter, directory, Path(scratch, "log"))
    if recorded.untraceable:
        raise CannotTrace("; ".join(map(str, recorded.untraceable)))
    return mark(recorded), recorded.warnings


def _show(trace: Trace, warnings: tuple[str, ...], output: Path) -> None:
    console = terminal(error=True)
    operations = [event for event in trace.events if not isinstance(event, MARKS)]
    written = sum(len(event.data) for event in operations if isinstance(event, Write))
    syncs = sum(isinstance(event, SYNCS) for event in operations)
    marks = len(trace.events) - len(operations)
    console.print(
        f"{output}: {len(operations):,} operations on files, {syncs:,} of them syncs, "
        f"{written:,} bytes written, {marks:,} calls and answers; replayed, they give the "
        "directory byte for byte",
        soft_wrap=True,
        markup=False,
    )
    for warning in warnings:
        console.print(f"note: {warning}", style="yellow", soft_wrap=True, markup=False)
