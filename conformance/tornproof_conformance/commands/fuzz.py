"""
`tornproof fuzz`: search with random programs until the time is up.
"""

import re
from pathlib import Path
from random import SystemRandom
from typing import Any

import click
from attrs import evolve
from tornproof.errors import Invalid
from tornproof_models.campaigns.engine import Engine

from tornproof_conformance.commands.options import (
    events_json_option,
    jobs_option,
    reproducers_option,
    subject_option,
    timeout_option,
)
from tornproof_conformance.fuzzing.examples import DIRECTORY
from tornproof_conformance.fuzzing.fuzz_events import FuzzEvent
from tornproof_conformance.fuzzing.fuzzer import Fuzzing, fuzz
from tornproof_conformance.report.fuzz import FuzzReport, consume, exit_code
from tornproof_conformance.report.printable import say, terminal
from tornproof_conformance.stream.run_events import encode_event


class Share(click.ParamType[tuple[int, int]]):
    """A share of the work, such as 2/8, as the numbers 1 and 8."""

    name = "share"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[int, int]:
        """Read `i/n`, where i counts from 1."""
        numbers = re.fullmatch(r"(\d+)/(\d+)", str(value))
        if numbers is None or not 1 <= int(numbers[1]) <= int(numbers[2]):
            self.fail(f"{value!r} is no share: 2/8 is the second of eight", parameter, context)
        return int(numbers[1]) - 1, int(numbers[2])


@click.command("fuzz")
@subject_option("search")
@click.option(
    "--minutes",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="How long to search; at least one round runs.",
)
@click.option(
    "--seed",
    type=int,
    help="Generate random programs from this seed; the same seed gives the same programs.",
)
@click.option(
    "--shard",
    default="1/1",
    show_default=True,
    type=Share(),
    metavar="I/N",
    help="Run the I-th of N parts of the search.",
)
@jobs_option("Use this many processes of this machine.")
@click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="local|dask://HOST:PORT",
    help="Where to search: on this machine, or on the cluster of a Dask scheduler.",
)
@click.option(
    "--database",
    default=DIRECTORY,
    show_default=True,
    metavar="DIRECTORY|redis://HOST:PORT/N|github:OWNER/REPOSITORY",
    help="Where failing examples are kept and shared.",
)
@timeout_option
@reproducers_option
@events_json_option
@click.argument("adapter", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    name: str,
    minutes: float,
    seed: int | None,
    shard: tuple[int, int],
    jobs: int,
    engine: str,
    database: str,
    timeout: float,
    reproducers: Path,
    as_json: bool,
    adapter: tuple[str, ...],
) -> None:
    """
    Search for violations with random programs until the time is up.

    With a COMMAND, an adapter is searched, with the searches that its claims bring.  Ctrl-C
    ends the search and reports what was found.

    Exit code 0: no violation. 1: a violation. 3: the adapter is broken. 4: its file
    operations cannot be recorded.
    """
    if seed is None:
        seed = SystemRandom().getrandbits(32)
    if adapter and name != "reference":
        raise Invalid("--miniature and a command were both given: give one of them")
    if adapter:
        fuzzing = evolve(Fuzzing.of_adapter(adapter, seed, *shard), timeout=timeout)
    else:
        fuzzing = Fuzzing(name, seed, *shard, database=database)
    stream = fuzz(
        fuzzing, minutes=minutes, reproducers=reproducers, engine=Engine.parse(engine, jobs)
    )
    if as_json:
        taken: list[FuzzEvent] = []

        def take(event: FuzzEvent) -> None:
            say(encode_event(event))
            taken.append(event)

        consume(stream, take)
        raise SystemExit(exit_code(taken))
    raise SystemExit(exit_code(FuzzReport(terminal()).show(stream)))
