"""
Show progress and verdicts in a terminal.
"""

import time
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from tornproof_conformance.adapter.speaking.messages import claims
from tornproof_conformance.report.brief import family_lines, finding_lines, left_out, next_step
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

FAMILY = 18
"""Columns of the sign and the name of a family."""

SILENCE = 30
"""Seconds after which a log, which has no bar, is told how far a check has come."""


class TerminalReport:
    """
    Shows a run as it goes, and sums it up.

    `verbosity` is -1 for findings and the result alone, 1 for every violation step by step and
    every verdict.
    """

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        *,
        verbosity: int = 0,
    ) -> None:
        self._console = console
        self._verbosity = verbosity
        self._clock = clock
        self._spoke = self._began = clock()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(compact=True),
            TextColumn(
                "{task.fields[detail]}", table_column=Column(no_wrap=True, overflow="ellipsis")
            ),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = TaskID(0)
        self._check = ""
        self._told: set[tuple[str, str, str]] = set()

    def show(self, stream: Iterable[RunEvent]) -> RunRecord:
        """Consume a run's events, show them, and return them taken together."""
        with self._progress:
            record = record_run(self._watch(stream))
        if self._verbosity > 0:
            for violation in record.violations:
                self._console.print(render_violation(violation))
        if record.diagnosis is not None:
            self._console.print(render_diagnosis(record.diagnosis))
            return record
        self._console.print()
        if self._verbosity > 0:
            self._console.print(_verdict_table(record))
        elif self._verbosity == 0:
            for line in family_lines(record):
                self._tell(f"{line.sign} {line.name}", line.words, COLOURS[line.verdict], FAMILY)
        if self._verbosity <= 0:
            for violation in record.violations:
                self._brief(violation)
        self._sum_up(record)
        return record

    def _watch(self, stream: Iterable[RunEvent]) -> Iterator[RunEvent]:
        for event in stream:
            self._take(event)
            yield event

    def _take(self, event: RunEvent) -> None:
        match event:
            case run_events.RunStarted():
                self._open(event)
            case run_events.CheckStarted(check, title):
                self._task = self._progress.add_task(check, detail=title, total=None)
                self._check = check
                self._began = self._clock()
            case run_events.Progress(check, done, total, detail):
                detail += self._rate(event)
                self._progress.update(self._task, completed=done, total=total, detail=detail)
                self._log_progress(f"{check:<12} {done * 100 // max(total, 1)} %, {detail}")
            case ViolationFound() if _key(event) not in self._told:
                self._told.add(_key(event))
                if self._verbosity >= 0:
                    told = Text(f"✗ {event.requirement} ", "bold red").append(
                        event.message, "default"
                    )
                    self._tell(self._check, told, "", LABEL)
            case run_events.CheckFinished(check, _, seconds):
                self._progress.remove_task(self._task)
                poor = not event.conclusive or event.missing
                words = f"{covered_words(event)} ({seconds:.1f} s)"
                if self._verbosity >= 0:
                    self._tell(check, words, "bold yellow" if poor else "", LABEL)

    def _tell(self, label: str, text: str | Text, style: str = "", width: int = 0) -> None:
        """
        Print a label of at least so many columns and a text, set beside it in a terminal.

        Where nobody looks, as in a log, a line is a line: nothing is wrapped or filled up.
        """
        if not self._console.is_terminal:
            line = Text(f"{label:<{width}} ", style).append(text)
            self._console.print(line, soft_wrap=True)
            return
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(min_width=width, no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(Text(label, style or "bold"), text if isinstance(text, Text) else Text(text))
        self._console.print(table)

    def _open(self, event: run_events.RunStarted) -> None:
        if self._verbosity < 0:
            return
        self._console.print(_opening(event), soft_wrap=True)
        if claimed := event.implementation.claims:
            self._tell("claims", ", ".join(claimed), "", LABEL)
            self._tell("not claimed", ", ".join(_not_claimed(claimed)) or "nothing", "", LABEL)
        self._console.print()

    def _brief(self, found: ViolationFound) -> None:
        """Print a finding in a few lines; its replay on one that can be copied."""
        (requirement, sentence), *rest = finding_lines(found)
        self._console.print()
        self._tell(f"✗ {requirement}", sentence, "bold red")
        for label, text in rest:
            if label == "replay":
                self._console.print(Text(f"  {label:<8} {text}"), soft_wrap=True)
            else:
                self._tell(f"  {label}", text, "default", 10)

    def _sum_up(self, record: RunRecord) -> None:
        for line in _result(record):
            self._console.print(line, soft_wrap=True)
        if step := next_step(record):
            self._tell("next", step, "", 0)
        if rest := left_out(record):
            self._tell("left out", rest, "", 0)

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
        self._console.print(line, markup=False, soft_wrap=True)


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


def _not_claimed(claimed: tuple[str, ...]) -> list[str]:
    """List claims that are not made; of a kind of which none is made, only the kind."""
    kinds = {each.partition("/")[0] for each in claimed}
    rest = ((name, name.partition("/")[0]) for name in claims() - set(claimed))
    return sorted({name if kind in kinds else f"{kind}/*" for name, kind in rest})


# The verdicts


def _verdict_table(record: RunRecord) -> Table:
    """List every verdict with what it rests on, and how often its requirement was at stake."""
    table = Table.grid(padding=(0, 2))
    for verdict in record.verdicts:
        colour = _colour(verdict)
        words = "; ".join(filter(None, (rests_on(verdict), stake_words(verdict))))
        table.add_row(
            f"[{colour}]{SIGNS[verdict.verdict]} {verdict.requirement}[/]",
            f"[{colour}]{verdict.verdict}[/]",
            "" if verdict.level == "MUST" else verdict.level.lower(),
            escape(words),
        )
    return table


def _colour(verdict: RequirementJudged) -> str:
    if verdict.excuse:
        return "yellow" if verdict.excuse.holds else "bold red"
    return COLOURS[verdict.verdict]


def _result(record: RunRecord) -> Iterator[str]:
    """Yield the last lines of a run, as markup."""
    finished = record.finished
    if finished is None:
        yield f"\n[bold yellow]{outcome(record)}[/]: the run was cut off, so there is no verdict"
        return
    for heading, lines in grounds(record).items():
        yield f"\n{heading}:"
        yield from (f"  {escape(each)}" for each in lines)
    colour = "green" if finished.conforms else "bold red"
    yield (
        f"\n[{colour}]{outcome(record)}[/]: {finished.holds} requirements hold, "
        f"{finished.violated} violated, {finished.starved} starved, "
        f"{finished.not_covered} not covered "
        f"({finished.seconds:.0f} s)"
    )
    states = [each.excuse.state for each in record.verdicts if each.excuse]
    if not states:
        return
    colour, word = (
        ("green", "as expected") if finished.succeeds else ("bold red", "not as expected")
    )
    yield (
        f"[{colour}]{word}[/]: known failures that still fail: {states.count('known')}, "
        f"that have expired: {states.count('expired')}, "
        f"that hold again: {states.count('unexpected pass')}, "
        f"beyond what is promised: {states.count('beyond')}"
    )
