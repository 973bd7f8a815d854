"""
`tornproof diff`: compare two runs.
"""

from pathlib import Path

import click
from attrs import asdict
from rich.console import Console
from rich.markup import escape

from tornproof_conformance.report.difference import Difference, compare
from tornproof_conformance.report.printable import say, terminal, to_json
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.report.words import headline
from tornproof_conformance.stream.event_file import read_events


@click.command("diff")
@click.argument("before", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("after", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(before: Path, after: Path, as_json: bool) -> None:
    """
    Compare two runs by their files of events, BEFORE and AFTER.

    Exit code 1: something is worse.  A requirement is newly violated, or fewer checks
    cover it.
    """
    old, new = record_run(read_events(before)), record_run(read_events(after))
    found = compare(old, new)
    if as_json:
        document = {**asdict(found), "worse": found.worse}
        say(to_json(document, indent=2))
    else:
        console = terminal()
        console.print(f"before  {escape(headline(old))}")
        console.print(f"after   {escape(headline(new))}\n")
        _show(found, console)
    raise SystemExit(1 if found.worse else 0)


def _show(found: Difference, console: Console) -> None:
    if not found.changes:
        console.print("no verdict has changed")
    for change in found.changes:
        colour, mark = ("red", "✗") if change.worse else ("green", "✓")
        line = f"[{colour}]{mark} {change.requirement} {change.kind}[/]"
        if change.before == change.after:
            console.print(f"{line}: {escape(change.detail)}")
            continue
        console.print(f"{line}: {change.before}, now {change.after}")
        console.print(f"    {escape(change.sentence)}", style="italic")
        if change.detail:
            console.print(f"    {escape(change.detail)}")
    for name, old, new in found.figures:
        console.print(f"  {escape(name)}: {old:,}, now {new:,}")
    if found.seconds:
        console.print(f"  seconds: {found.seconds[0]:.0f}, now {found.seconds[1]:.0f}")
