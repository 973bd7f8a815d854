"""
Show progress and verdicts in a terminal.
"""

import time
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from tornproof_conformance.adapter.speaking.messages import claims
from tornproof_conformance.report.run_record import RunRecord, record_run
from tornproof_conformance.report.violation import render_diagnosis, render_violation
from tornproof_conformance.report.words import (
    SIGNS,
    covered_words,
    grounds,
    outcome,
    rests_on,
    stake_words,
)
from tornproof_conformance.stream import run_events
from tornproof_conformance.stream.run_events import RequirementJudged, RunEvent, ViolationFound

COLOURS = {
    "holds": "green",
    "violated": "bold red",
    "starved": "bold yellow",
    "not covered": "yellow",
}

LABEL = 12
"""Columns of the name of a check: most names are no longer."""

SILENCE = 30
"""Seconds after which a log, which has no bar, is told how far a check has come."""


class TerminalReport:
    """Shows a run as it goes, and sums it up."""

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        *,
        details: bool = False,
    ) -> None:
        self._console = console
        self._details = details
        self._clock = clock
        self._spoke = self._began = clock()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<12}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = TaskID(0)
        self._told: set[tuple[str, str, str]] = set()

    def show(self, stream: Iterable[RunEvent]) -> RunRecord:
        """Consume a run's events, show them, and return them taken together."""
        with self._progress:
            record = record_run(self._watch(stream))
        for violation in record.violations:
            self._console.print(render_violation(violation))
        if record.diagnosis is not None:
            self._console.print(render_diagnosis(record.diagnosis))
            return record
        self._console.print()
        self._console.print(_verdict_table(record, details=self._details))
        self._console.print(_sum_up(record))
        return record

    def _watch(self, stream: Iterable[RunEvent]) -> Iterator[RunEvent]:
        for event in stream:
            self._take(event)
            yield event

    def _take(self, event: RunEvent) -> None:
        match event:
            case run_events.RunStarted():
                self._console.print(_opening(event))
                claimed = event.implementation.claims
                self._console.print(_claims(event.implementation) if claimed else "")
            case run_events.CheckStarted(check, title):
                self._task = self._progress.add_task(check, detail=title, total=None)
                self._began = self._clock()
            case run_events.Progress(check, done, total, detail):
                detail += self._rate(event)
                self._progress.update(self._task, completed=done, total=total, detail=detail)
                self._log_progress(f"{check:<12} {done * 100 // max(total, 1)} %, {detail}")
            case ViolationFound() if _key(event) not in self._told:
                self._told.add(_key(event))
                self._console.print(f"  [bold red]✗ {event.requirement}[/] {escape(event.message)}")
            case run_events.CheckFinished(check, _, seconds):
                self._progress.remove_task(self._task)
                poor = not event.conclusive or event.missing
                style = "bold yellow" if poor else "default"
                words = Text(f"{covered_words(event)} ({seconds:.1f} s)", style=style)
                self._console.print(_labelled((Text(check, style="bold"), words)))

    def _rate(self, event: run_events.Progress) -> str:
        elapsed = self._clock() - self._began
        if not event.images or elapsed < 1:
            return ""
        return f", {event.images / elapsed:,.0f} a second"

    def _log_progress(self, line: str) -> None:
        """Break a long silence where there is no bar."""
        if self._console.is_terminal or self._clock() - self._spoke < SILENCE:
            return
        self._spoke = self._clock()
        self._console.print(line, markup=False)


def _key(found: ViolationFound) -> tuple[str, str, str]:
    return found.requirement, found.phase, found.symptom


def _opening(event: run_events.RunStarted) -> str:
    judged = event.implementation
    name = " ".join(filter(None, (judged.name, judged.version)))
    language = f" ({escape(judged.language)})" if judged.language else ""
    versions = event.versions
    return (
        f"[bold]tornproof {escape(versions.suite)}[/] judges [bold]{escape(name)}[/]{language} by "
        f"specification {escape(versions.specification)}"
    )


def _claims(judged: run_events.Implementation) -> Padding:
    """Say what an adapter claims, and what it does not, which is not run."""
    claimed = (Text("claims"), Text(", ".join(judged.claims)))
    rest = (Text("not claimed"), Text(", ".join(_not_claimed(judged.claims)) or "nothing"))
    return Padding(_labelled(claimed, rest), (0, 0, 1, 0))


def _not_claimed(claimed: tuple[str, ...]) -> list[str]:
    """List claims that are not made; of a kind of which none is made, only the kind."""
    kinds = {each.partition("/")[0] for each in claimed}
    rest = ((name, name.partition("/")[0]) for name in claims() - set(claimed))
    return sorted({name if kind in kinds else f"{kind}/*" for name, kind in rest})


def _labelled(*rows: tuple[Text, Text]) -> Table:
    """Set what belongs to a label beside it, over as many lines as it takes."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(min_width=LABEL, no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table


# The verdicts


def _verdict_table(record: RunRecord, *, details: bool) -> Table:
    table = Table.grid(padding=(0, 2))
    for verdict in record.verdicts:
        colour = _colour(verdict)
        table.add_row(
            f"[{colour}]{SIGNS[verdict.verdict]} {verdict.requirement}[/]",
            f"[{colour}]{verdict.verdict}[/]",
            "" if verdict.level == "MUST" else verdict.level.lower(),
            escape(_basis(verdict, details=details)),
        )
    return table


def _basis(verdict: RequirementJudged, *, details: bool) -> str:
    """Say what a verdict rests on, with its premises if they are asked for."""
    words = [rests_on(verdict), stake_words(verdict) if details else ""]
    return "; ".join(filter(None, words))


def _colour(verdict: RequirementJudged) -> str:
    if verdict.excuse:
        return "yellow" if verdict.excuse.state == "known" else "bold red"
    return COLOURS[verdict.verdict]


def _sum_up(record: RunRecord) -> str:
    finished = record.finished
    if finished is None:
        return f"\n[bold yellow]{outcome(record)}[/]: the run was cut off, so there is no verdict"
    colour = "green" if finished.conforms else "bold red"
    line = (
        f"\n[{colour}]{outcome(record)}[/]: {finished.holds} requirements hold, "
        f"{finished.violated} violated, {finished.starved} starved, "
        f"{finished.not_covered} not covered "
        f"({finished.seconds:.0f} s)"
    )
    for heading, lines in reversed(grounds(record).items()):
        line = "\n".join((f"\n{heading}:", *(f"  {escape(each)}" for each in lines), line))
    states = [each.excuse.state for each in record.verdicts if each.excuse]
    if not states:
        return line
    colour, word = (
        ("green", "as expected") if finished.succeeds else ("bold red", "not as expected")
    )
    return (
        f"{line}\n[{colour}]{word}[/]: known failures that still fail: {states.count('known')}, "
        f"that have expired: {states.count('expired')}, "
        f"that hold again: {states.count('unexpected pass')}"
    )
