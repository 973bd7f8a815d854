"""
The terminal: progress while it works, then a verdict that can be acted on.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from rich.console import Console, Group, RenderableType
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
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tornproof_conformance import events
from tornproof_conformance.adapter.messages import profiles
from tornproof_conformance.events import (
    CrashStory,
    Diagnosed,
    FileStory,
    Moment,
    RequirementJudged,
    RunEvent,
    ViolationFound,
)
from tornproof_conformance.report.dissection import VALID, Piece, dissect
from tornproof_conformance.report.record import RunRecord, record_run
from tornproof_conformance.report.words import (
    SIGNS,
    outcome,
    records_words,
    recovered_words,
    replay_command,
    rests_on,
)

COLOURS = {"holds": "green", "violated": "bold red", "not covered": "yellow"}

LAST_MOMENTS = 14
"""How many events before a crash are shown; the page shows all that the story has."""

LANES: Mapping[str, tuple[str, str]] = {
    "calls": ("", "default"),
    "writes": ("   ", "cyan"),
    "syncs": ("   ⇩ ", "blue"),
}
"""How the events of each lane begin, and their colour: what reached the disk stands out."""

MARKS = {"promise": "bold", "failure": "bold red"}

PIECE_BYTES = 8
"""How many bytes of a part of a damaged frame are shown."""


SILENCE = 30
"""Seconds after which a log, which has no bar, is told how far a check has come."""


class TerminalReport:
    """Shows a run as it goes, and sums it up."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
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
        self._console.print(_verdict_table(record))
        self._console.print(_sum_up(record))
        return record

    def _watch(self, stream: Iterable[RunEvent]) -> Iterator[RunEvent]:
        for event in stream:
            self._take(event)
            yield event

    def _take(self, event: RunEvent) -> None:
        match event:
            case events.RunStarted():
                self._console.print(_opening(event))
            case events.CheckStarted(check, title):
                self._task = self._progress.add_task(check, detail=title, total=None)
                self._began = self._clock()
            case events.Progress(check, done, total, detail):
                detail += self._rate(event)
                self._progress.update(self._task, completed=done, total=total, detail=detail)
                self._log_progress(f"{check:<12} {done * 100 // max(total, 1)} %, {detail}")
            case ViolationFound():
                self._console.print(f"  [bold red]✗ {event.requirement}[/] {escape(event.message)}")
            case events.CheckFinished(check, covered, seconds):
                self._progress.remove_task(self._task)
                line = Text(f"{check:<12}", style="bold")
                style = "default" if event.conclusive else "bold yellow"
                line.append(f" {covered} ({seconds:.1f} s)", style=style)
                self._console.print(line)

    def _rate(self, event: events.Progress) -> str:
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


def _opening(event: events.RunStarted) -> str:
    judged = event.implementation
    name = " ".join(filter(None, (judged.name, judged.version)))
    language = f" ({escape(judged.language)})" if judged.language else ""
    versions = event.versions
    return (
        f"[bold]tornproof {escape(versions.suite)}[/] judges [bold]{escape(name)}[/]{language} by "
        f"specification {escape(versions.specification)}\n{_claims(judged)}"
    )


def _claims(judged: events.Implementation) -> str:
    """Say what an adapter claims, and what is therefore not run; nothing if it is none."""
    if not judged.claims:
        return ""
    rest = sorted(profiles() - set(judged.claims))
    return (
        f"  claims {', '.join(judged.claims)}\n"
        f"  not claimed, and not run: {', '.join(rest) or 'nothing'}\n"
    )


# The verdicts


def _verdict_table(record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 2))
    for verdict in record.verdicts:
        colour = _colour(verdict)
        table.add_row(
            f"[{colour}]{SIGNS[verdict.verdict]} {verdict.requirement}[/]",
            f"[{colour}]{verdict.verdict}[/]",
            "" if verdict.level == "MUST" else verdict.level.lower(),
            escape(rests_on(verdict)),
        )
    return table


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
        f"{finished.violated} are violated, {finished.not_covered} are not covered "
        f"({finished.seconds:.0f} s)"
    )
    states = [each.excuse.state for each in record.verdicts if each.excuse]
    if not states:
        return line
    colour, word = (
        ("green", "as expected") if finished.succeeds else ("bold red", "not as expected")
    )
    return (
        f"{line}\n[{colour}]{word}[/]: of the known failures {states.count('known')} still fail, "
        f"{states.count('expired')} have expired, {states.count('unexpected pass')} hold again"
    )


# A broken adapter


def render_diagnosis(found: Diagnosed) -> RenderableType:
    """Show what an adapter does wrong to the protocol, and what to do about it."""
    parts: list[RenderableType] = [
        Text(),
        Rule(Text(f"the adapter is broken: {found.kind}", "bold red"), style="red", align="left"),
        _labelled("what", found.message),
    ]
    for label, text in (
        ("hint", found.hint),
        ("request", found.request),
        ("reply", found.reply),
        ("standard error", found.log),
    ):
        if text:
            parts.append(_labelled(label, text))
    return Group(*parts)


# A violation


def render_violation(found: ViolationFound) -> RenderableType:
    """Show a violation so that it is clear without reading any code."""
    parts: list[RenderableType] = [
        Text(),
        Rule(f"[bold red]{found.requirement} is violated", style="red", align="left"),
        Text(found.sentence, style="italic"),
        Text(),
        _labelled("what", found.message),
        _labelled("program", "\n".join(found.program)),
    ]
    if found.profile:
        parts.append(_labelled("weakest profile", found.profile))
    for number, crash in enumerate(found.crashes, start=1):
        parts += _crash(crash, number)
    if found.afterwards:
        name = "recovery" if found.crashes else "what happens"
        parts.append(_labelled(name, _moments(found.afterwards)))
    if found.crashes:
        expected = records_words(found.expected, "nothing in particular")
        parts.append(_labelled("expected", expected))
        if recovered := recovered_words(found):
            parts.append(_labelled("recovered", recovered))
    parts.append(_labelled("replay", replay_command(found)))
    return Group(*parts)


def _crash(crash: CrashStory, number: int) -> Iterator[RenderableType]:
    if crash.after:
        story = _moments(crash.after)
        losses = crash.lost or ("nothing that was written is lost",)
        story.append("\n✂ power is lost\n" + "\n".join(f"✂ {loss}" for loss in losses), "red")
        yield _labelled("crash" if number == 1 else "in its recovery", story)
    leaves = Text("\n").join(map(_file, crash.files)) if crash.files else "an empty disk"
    yield _labelled("leaves" if crash.after else "image", leaves)


def _moments(moments: tuple[Moment, ...]) -> Text:
    """Put events one below the other, those of each lane with their own beginning."""
    lines = []
    if len(moments) > LAST_MOMENTS:
        lines.append(Text(f"… {len(moments) - LAST_MOMENTS} earlier", style="dim"))
    for moment in moments[-LAST_MOMENTS:]:
        beginning, colour = LANES[moment.lane]
        lines.append(Text(f"{beginning}{moment.words}", style=MARKS.get(moment.mark, colour)))
    return Text("\n").join(lines)


def _file(file: FileStory) -> Text:
    """Draw the frames over a file: a valid one on a line, a damaged one part by part."""
    lines = [Text(f"{file.name}, {file.size} bytes")]
    for piece in dissect(file):
        if piece.verdict == VALID:
            if piece.part == "length":
                size = next(size for begin, size, _ in file.frames if begin == piece.begin)
                words = f"  {piece.begin:>6}  a valid frame of {size} bytes"
                lines.append(Text(words, style="green"))
            continue
        if piece.part in ("length", "bytes"):
            lines.append(Text(f"  {piece.begin:>6}  {piece.verdict or 'bytes'}", style="red"))
        lines.append(Text(f"          {piece.part:<8}{_hexadecimal(piece)}", style="dim"))
    for begin, end in file.differs:
        lines.append(Text(f"  {begin:>6}  … {end} is not what had been written", style="red"))
    return Text("\n").join(lines)


def _hexadecimal(piece: Piece) -> str:
    size = piece.end - piece.begin
    shown = piece.data[:PIECE_BYTES].hex(" ")
    return shown if size <= PIECE_BYTES else f"{shown} … {size} bytes"


def _labelled(label: str, text: str | Text) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", min_width=16, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(label, Text(text) if isinstance(text, str) else text)
    return Padding(table, (0, 0, 0, 2))
