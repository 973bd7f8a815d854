"""
`tornproof report`: write reports of a finished run.
"""

from pathlib import Path

import click

from tornproof_conformance.commands.options import events_json_option, verbosity_option
from tornproof_conformance.commands.outputs import Outputs, output_options, show_run
from tornproof_conformance.stream.event_file import read_events


@click.command("report")
@click.argument("events", type=click.Path(dir_okay=False, path_type=Path))
@output_options(events=False)
@verbosity_option
@events_json_option
def command(events: Path, outputs: Outputs, verbosity: int, as_json: bool) -> None:
    """
    Report on a run from its file of EVENTS, in the terminal and as files.

    Exit codes are those of the run: 0 if it succeeded, 1 if not, 3 if the adapter is
    broken, 4 if it is inconclusive or was cut off.
    """
    stream = outputs.keep(read_events(events))
    raise SystemExit(show_run(stream, as_json=as_json, verbosity=verbosity))
