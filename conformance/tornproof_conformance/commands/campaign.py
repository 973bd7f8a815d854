"""
`tornproof campaign`: explore all programs up to a length, in resumable shards.
"""

from collections.abc import Iterator
from pathlib import Path

import click
from tornproof_models.campaigns.engine import Engine

from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.sharded_exploration import Course, campaign_check
from tornproof_conformance.commands.options import (
    crash_model_option,
    events_json_option,
    jobs_option,
    reproducers_option,
    subject_option,
)
from tornproof_conformance.commands.outputs import Outputs, output_options, show_run
from tornproof_conformance.report.printable import say
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.stream.exit_codes import INCONCLUSIVE
from tornproof_conformance.stream.run_events import RunEvent, RunFinished
from tornproof_conformance.subjects.reference import find_subject


@click.command("campaign")
@subject_option("judge")
@click.option(
    "--operations",
    default=5,
    show_default=True,
    type=click.IntRange(1, 12),
    help="Explore every program of up to this many operations.",
)
@click.option(
    "--shards",
    default=64,
    show_default=True,
    type=click.IntRange(1),
    help="Divide the work into this many pieces; the result does not depend on it.",
)
@jobs_option("Use this many processes of this machine.")
@click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="local|dask://HOST:PORT",
    help="Where to work: on this machine, or on the cluster of a Dask scheduler.",
)
@click.option(
    "--resume",
    "archive",
    metavar="DIRECTORY",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep finished shards in this directory, and continue from those in it.",
)
@crash_model_option
@reproducers_option
@output_options()
@events_json_option
def command(
    name: str,
    operations: int,
    shards: int,
    jobs: int,
    engine: str,
    archive: Path | None,
    crash_models: tuple[str, ...],
    reproducers: Path,
    outputs: Outputs,
    as_json: bool,
) -> None:
    """
    Explore all programs of up to N operations, in resumable shards.

    This is the exploration of `tornproof check`, for bounds that take hours.  Exit code 4:
    interrupted.
    """
    course = Course(shards, Engine.parse(engine, jobs), archive)
    stream = check_subject(
        find_subject(name),
        budget=Budget(operations=operations, crash_models=crash_models),
        reproducers=reproducers,
        checks=(campaign_check(course),),
    )
    seen: list[RunEvent] = []

    def kept_events() -> Iterator[RunEvent]:
        for event in outputs.keep(stream):
            seen.append(event)
            yield event

    try:
        code = show_run(kept_events(), as_json=as_json)
        interrupted = isinstance(seen[-1], RunFinished) and seen[-1].interrupted
    except KeyboardInterrupt:
        code, interrupted = INCONCLUSIVE, True
    if interrupted:
        kept = f"the finished shards are in {archive}" if archive else "nothing is kept"
        advice = "the same command goes on" if archive else "--resume DIRECTORY keeps what is done"
        say(f"interrupted: {kept}; {advice}", error=True)
    raise SystemExit(code)
