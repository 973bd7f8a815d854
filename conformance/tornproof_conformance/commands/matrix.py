"""
`tornproof matrix`: show the runs of several implementations side by side.
"""

from pathlib import Path

import click
from attrs import asdict
from rich.markup import escape
from rich.table import Table

from tornproof_conformance.report.matrix import Matrix, make_matrix, matrix_markdown, sign
from tornproof_conformance.report.printable import say, terminal, to_json
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.stream.event_file import read_events

COLOURS = {"holds": "green", "violated": "bold red", "not covered": "yellow"}


@click.command("matrix")
@click.argument("events", type=click.Path(dir_okay=False, path_type=Path), nargs=-1, required=True)
@click.option(
    "--markdown", "as_markdown", is_flag=True, help="Print a table in Markdown, with sentences."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(events: tuple[Path, ...], as_markdown: bool, as_json: bool) -> None:
    """Show the runs of several files of EVENTS side by side."""
    matrix = make_matrix([(path, record_run(read_events(path))) for path in events])
    if as_json:
        say(to_json(asdict(matrix), indent=2))
    elif as_markdown:
        say(matrix_markdown(matrix), end=False)
    else:
        terminal().print(_table(matrix))


def _table(matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in matrix.columns:
        table.add_column(escape(column), justify="center", overflow="fold")
    for row in matrix.rows:
        signs = [
            f"[{COLOURS.get(verdict, 'default')}]{sign(verdict)}[/]" for verdict in row.verdicts
        ]
        table.add_row(row.requirement, *signs)
    counts = [
        f"{sum(row.verdicts[at] == 'holds' for row in matrix.rows)}"
        for at in range(len(matrix.columns))
    ]
    table.add_row("hold", *counts, style="bold")
    return table
