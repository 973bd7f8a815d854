"""
`tornproof barriers`: find the fsyncs that are needed.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
from attrs import evolve, frozen
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tornproof_models.barriers import Barrier, BarrierSearch, Verdict, score
from tornproof_models.crash.explorer import BOUND
from tornproof_models.crash.findings import Coverage, Finding
from tornproof_models.crash.heat import heat
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import DIRECTORY, Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.measurements import measurements_of
from tornproof_models.disk.trace import Trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.programs import SYNTAX, parse_program
from tornproof_conformance.commands.options import (
    crash_model_option,
    durability_option,
    segment_bytes_option,
    subject_option,
)
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.report.heat_page import Picture, render_heat
from tornproof_conformance.report.printable import say, terminal, to_json
from tornproof_conformance.report.words import measured_words
from tornproof_conformance.stream.exit_codes import CONFORMS, DOES_NOT_CONFORM
from tornproof_conformance.subjects.reference import find_subject

ADAPTER_BOUND = 1 << 12
"""Images of one crash point up to which an adapter recovers all: each takes a process's time."""

COLOURS = {Verdict.LOAD_BEARING: "green", Verdict.NOT_NEEDED: "yellow"}

WORDS = {Verdict.LOAD_BEARING: "load-bearing", Verdict.NOT_NEEDED: "not needed"}
"""What fits a terminal of eighty columns; the bound stands below each table."""


@frozen
class Story:
    """A program, and how its journal is opened."""

    program: str
    durability: str
    segment_bytes: int = 512


STORIES = (
    Story("append:5 append:600 rotate append:5 reopen", "immediate"),
    Story("append:5 sync append:600 append:5 rotate append:5 reopen append:5 sync", "eventual"),
    Story("append:5 kill append:5 sync", "eventual", 4096),
    Story("append:5 fail:2:error append:5 kill append:5", "immediate", 4096),
    Story("append:5 fail:1:error-after append:5 kill append:5", "immediate", 4096),
)
"""
What is tried unless a program is given: everything that makes a journal sync.

Some syncs matter only after a process was killed, after an fsync failed (the
second operation of an append into a segment with room), or after a write that
failed had happened all the same.
"""


@frozen
class Outcome:
    """What taking away each sync of one program has shown."""

    story: Story
    barriers: tuple[Barrier, ...]
    broken: str
    """What is violated while all syncs are there; empty if nothing is."""

    trace: Trace
    how: str = ""
    """What is wrong then, and what the crash had lost."""

    @property
    def coverage(self) -> Coverage:
        """What was tried, over all syncs."""
        total = Coverage()
        for barrier in self.barriers:
            total.add(barrier.coverage)
        return total


@click.command("barriers")
@subject_option("look at")
@click.option("--program", help=f"Look at this program instead; its steps: {SYNTAX}.")
@crash_model_option
@durability_option("For --program: when an append is acknowledged as durable.")
@segment_bytes_option(512, "For --program: the size of a segment.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw each program as a page: its barriers, and where a crash breaks it.",
)
@click.argument("adapter", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    name: str,
    program: str | None,
    crash_models: tuple[str, ...],
    durability: str,
    segment_bytes: int,
    as_json: bool,
    html: Path | None,
    adapter: tuple[str, ...],
) -> None:
    """
    Remove each fsync of a program in turn, and report which ones are needed.

    For each, print the requirement that is violated without it, and the crash model.  With a
    COMMAND the subject is an adapter: it runs the program once, recorded, and recovers every
    image.
    """
    given = None if program is None else (Story(program, durability, segment_bytes),)
    if not adapter:
        _report(find_subject(name), given or STORIES, crash_models, html, as_json=as_json)
    with AdapterSubject.running(adapter) as plain, RecordedSubject.of(plain) as subject:
        _report(subject, given or stories_of(subject), crash_models, html, as_json=as_json)


def stories_of(subject: AdapterSubject) -> tuple[Story, ...]:
    """Choose the stories that an adapter can take part in: nothing is made to fail there."""
    has_segments = "journal/segments" in subject.claims
    without = {each: each.program.replace(" rotate", "") for each in STORIES}
    return tuple(
        each if has_segments else evolve(each, program=without[each])
        for each in STORIES
        if "fail:" not in each.program
    )


def _report(
    subject: Subject,
    stories: tuple[Story, ...],
    crash_models: tuple[str, ...],
    html: Path | None,
    *,
    as_json: bool,
) -> NoReturn:
    console = terminal()
    outcomes = []
    for story in stories:
        with console.status(escape(story.program)):
            outcomes.append(search(subject, story, crash_models))
        if not as_json:
            _show(console, outcomes[-1])
    if as_json:
        say(to_json(_document(subject.name, outcomes, crash_models), indent=2, sort=True))
    else:
        _sum_up(console, outcomes)
        if measured := measurements_of(crash_models):
            say(f"\n{measured_words(measured)}")
    if html:
        pictures = [picture(subject, outcome, crash_models[-1]) for outcome in outcomes]
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(render_heat(subject.name, pictures), encoding="utf-8")
    broken = any(outcome.broken for outcome in outcomes)
    raise SystemExit(DOES_NOT_CONFORM if broken else CONFORMS)


def search(subject: Subject, story: Story, crash_models: Sequence[str] = CLAIMED) -> Outcome:
    """Run a program once, and take away its syncs one by one."""
    options = Options(story.segment_bytes, story.durability)
    running = run(parse_program(story.program), subject, options)
    trace = running.filesystem.trace
    if running.violations:
        violation = running.violations[0]
        return Outcome(story, (), f"{violation.requirement} even without a crash", trace)
    bound = ADAPTER_BOUND if isinstance(subject, RecordedSubject) else BOUND
    finder = BarrierSearch(subject, options, crash_models, bound=bound)
    broken = finder.broken(trace)
    if broken:
        crash_model, finding = broken
        where, lost = f"{finding.violation.requirement} in {crash_model}", "; ".join(finding.lost)
        how = f"{finding.violation.message}; the crash: {lost or 'lost nothing'}"
        return Outcome(story, (), where, trace, how)
    return Outcome(story, tuple(finder.barriers(trace)), "", trace)


def picture(subject: Subject, outcome: Outcome, crash_model: str) -> Picture:
    """Crash a program everywhere in one crash model, with all its syncs, for its heat map."""
    story = outcome.story
    options = Options(story.segment_bytes, story.durability)
    rows = tuple(heat(subject, options, outcome.trace, CRASH_MODELS[crash_model]))
    opened = _opened(story)
    return Picture(
        story.program, opened, outcome.broken, outcome.trace, outcome.barriers, crash_model, rows
    )


# For people


def _opened(story: Story) -> str:
    return f"{story.durability}, segments of {story.segment_bytes} bytes"


def _show(console: Console, outcome: Outcome) -> None:
    story, barriers = outcome.story, outcome.barriers
    console.print(f"[bold]{escape(story.program)}[/] ({_opened(story)})", soft_wrap=True)
    if outcome.broken:
        console.print(
            f"  [bold red]✗[/] with all its syncs it violates {outcome.broken}, so taking one "
            "away would prove nothing",
            soft_wrap=True,
        )
        console.print(f"    {escape(outcome.how)}\n", soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("#", justify="right")
    table.add_column("syncs", overflow="fold")
    for heading in ("for", "verdict", "crash model", "violates"):
        table.add_column(heading, no_wrap=True)
    for barrier in barriers:
        colour = COLOURS[barrier.verdict]
        table.add_row(
            str(barrier.event),
            escape(_name(barrier)),
            barrier.call,
            f"[{colour}]{WORDS[barrier.verdict]}[/]",
            barrier.crash_model or "",
            barrier.finding.violation.requirement if barrier.finding else "",
        )
    console.print(table)
    bearing = sum(barrier.verdict is Verdict.LOAD_BEARING for barrier in barriers)
    console.print(
        f"  {bearing} of {len(barriers)} syncs are load-bearing: a score of "
        f"{score(barriers):.2f}; {outcome.coverage}\n",
        soft_wrap=True,
    )


def _sum_up(console: Console, outcomes: list[Outcome]) -> None:
    barriers = [barrier for outcome in outcomes for barrier in outcome.barriers]
    if len(outcomes) > 1 and barriers:
        console.print(f"[bold]durability mutation score[/] {score(barriers):.2f} over all programs")
    idle = {_kind(barrier) for barrier in barriers} - {
        _kind(barrier) for barrier in barriers if barrier.finding
    }
    if idle:
        console.print(f"never load-bearing here: the sync of {', '.join(sorted(idle))}")


def _name(barrier: Barrier) -> str:
    shown = barrier.path.removeprefix(f"{DIRECTORY}/")
    return f"directory {shown}" if barrier.is_directory else shown


def _kind(barrier: Barrier) -> str:
    """Name what is synced, segments being of one kind."""
    return "a segment" if barrier.path.endswith(".wal") else _name(barrier)


# For programs


def _document(
    subject: str, outcomes: list[Outcome], crash_models: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "format": "tornproof-barriers/2",
        "subject": subject,
        "crash_models": list(crash_models),
        "measurements": list(measurements_of(crash_models)),
        "score": score([barrier for outcome in outcomes for barrier in outcome.barriers]),
        "programs": [
            {
                "program": outcome.story.program,
                "durability": outcome.story.durability,
                "segment_bytes": outcome.story.segment_bytes,
                "broken": outcome.broken or None,
                "score": None if outcome.broken else score(outcome.barriers),
                "syncs": [_sync_document(barrier) for barrier in outcome.barriers],
            }
            for outcome in outcomes
        ],
    }


def _sync_document(barrier: Barrier) -> dict[str, Any]:
    return {
        "event": barrier.event,
        "path": barrier.path,
        "directory": barrier.is_directory,
        "call": barrier.call,
        "verdict": barrier.verdict.value,
        "crash_model": barrier.crash_model,
        "images": barrier.coverage.images,
        "judged": barrier.coverage.judged,
        "crashes": list(_crashes(barrier.finding)),
        "violates": barrier.finding.violation.requirement if barrier.finding else None,
        "message": barrier.finding.violation.message if barrier.finding else None,
    }


def _crashes(finding: Finding | None) -> Iterator[dict[str, Any]]:
    """Yield the crash that shows it, and the one in the recovery after, if it takes two."""
    while finding is not None:
        yield {
            "after_events": finding.crash_point,
            "lost": list(finding.lost),
            "image": {
                path: b64encode(content).decode()
                for path, content in sorted(finding.image.files.items())
            },
        }
        finding = finding.inner
