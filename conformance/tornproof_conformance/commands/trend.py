"""
`tornproof trend`: follow runs over time.
"""

from pathlib import Path

import click
from attrs import asdict

from tornproof_conformance.report.printable import say, to_json
from tornproof_conformance.report.run_record import record_run
from tornproof_conformance.report.trend import bars, trend_of
from tornproof_conformance.stream.event_file import read_events


@click.command("trend")
@click.argument("events", type=click.Path(dir_okay=False, path_type=Path), nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, one for each.")
def command(events: tuple[Path, ...], as_json: bool) -> None:
    """
    Draw requirements held and work done over several files of EVENTS, the oldest first.

    Below them stands each verdict that changed, and in which file.
    """
    points = trend_of([(path.stem, record_run(read_events(path))) for path in events])
    if as_json:
        for point in points:
            say(to_json(asdict(point)))
        return
    for label, values in (
        ("hold", [point.holds for point in points]),
        ("violated", [point.violated for point in points]),
        ("work", [point.work for point in points]),
    ):
        say(f"{label:<9} {bars(values)}  {values[0]:,} to {values[-1]:,}")
    for point in points:
        for change in point.changed:
            say(f"{point.name} ({point.at or 'no date'})  {change}")
