"""
Show a fuzzing run in a terminal.
"""

from collections.abc import Callable, Generator, Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from tornproof_conformance.fuzzing.fuzz_events import (
    FuzzEvent,
    FuzzFinished,
    FuzzProgress,
    FuzzStarted,
)
from tornproof_conformance.report.violation import render_diagnosis, render_violation
from tornproof_conformance.stream.exit_codes import (
    BROKEN_ADAPTER,
    CONFORMS,
    DOES_NOT_CONFORM,
    INCONCLUSIVE,
)
from tornproof_conformance.stream.run_events import Diagnosed, ViolationFound


class FuzzReport:
    """Shows a run of the fuzzer as it goes, and sums it up."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._taken: list[FuzzEvent] = []
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("trying known examples", total=None)

    def show(self, stream: Generator[FuzzEvent, None, None]) -> Sequence[FuzzEvent]:
        """Consume a run's events, show them, and return what was more than progress."""
        with self._progress:
            consume(stream, self._take)
        for event in self._taken:
            match event:
                case ViolationFound():
                    self._console.print(render_violation(event))
                case Diagnosed():
                    self._console.print(render_diagnosis(event))
                case FuzzFinished():
                    self._sum_up(event)
        return self._taken

    def _take(self, event: FuzzEvent) -> None:
        if not isinstance(event, FuzzProgress):
            self._taken.append(event)
        match event:
            case FuzzStarted(suite, subject, seed, shard, hunts):
                self._console.print(
                    f"[bold]tornproof {suite}[/] fuzzes [bold]{escape(subject)}[/], seed "
                    f"[bold]{seed}[/], shard {shard}: {', '.join(hunts)}\n"
                )
            case FuzzProgress(seconds, limit):
                found = f", [red]{_counted(event.violations, 'violation')}[/]"
                described = f"{_seen(event)} ({event.new_outcomes} new)"
                described += found if event.violations else ""
                self._progress.update(
                    self._task, completed=seconds, total=limit, description=described
                )
            case ViolationFound():
                self._console.print(f"  [bold red]✗ {event.requirement}[/] {escape(event.message)}")
                self._console.print(f"    {escape(event.reproducer)}", soft_wrap=True)

    def _sum_up(self, event: FuzzFinished) -> None:
        found = len(event.reproducers)
        verdict = "[green]nothing found[/]"
        if found:
            verdict = f"[bold red]{_counted(found, 'violation')}[/]"
        for hunt, reason in event.gave_up.items():
            self._console.print(f"\n[yellow]{hunt}[/] could not be played: {escape(reason)}")
        ended = "interrupted after" if event.interrupted else "in"
        self._console.print(
            f"\n{verdict} {ended} {event.seconds / 60:.1f} minutes and "
            f"{_counted(event.rounds, 'round')}: {_seen(event)}"
        )


def consume(stream: Generator[FuzzEvent, None, None], take: Callable[[FuzzEvent], None]) -> None:
    """Take a run's events to the last, also if Ctrl-C strikes while one of them is taken."""
    try:
        for event in stream:
            take(event)
    except KeyboardInterrupt:
        take(stream.throw(KeyboardInterrupt()))


def exit_code(taken: Iterable[FuzzEvent]) -> int:
    """Return what a run ends with whose events are these."""
    code = CONFORMS
    for event in taken:
        match event:
            case Diagnosed():
                return BROKEN_ADAPTER
            case ViolationFound():
                code = DOES_NOT_CONFORM
            case FuzzFinished(gave_up=gave_up) if gave_up and code == CONFORMS:
                code = INCONCLUSIVE
    return code


def _seen(event: FuzzProgress | FuzzFinished) -> str:
    return f"{event.programs:,} programs, {event.images:,} images, {event.outcomes:,} outcomes"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
