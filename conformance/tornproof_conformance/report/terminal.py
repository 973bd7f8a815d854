"""
The terminal: progress while it works, then a verdict that can be acted on.
"""

from collections.abc import Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tornproof_conformance import events
from tornproof_conformance.events import CrashStory, FileStory, RunEvent, ViolationFound

COLOURS = {"holds": "green", "violated": "bold red", "not covered": "yellow"}
SIGNS = {"holds": "✓", "violated": "✗", "not covered": "·"}


class TerminalReport:
    """Shows a run as it goes, and sums it up."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._violations: list[ViolationFound] = []
        self._verdicts: list[events.RequirementJudged] = []
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

    def show(self, stream: Iterable[RunEvent]) -> bool:
        """Consume a run's events, show them, and return whether the target conforms."""
        conforms = False
        with self._progress:
            for event in stream:
                self._take(event)
                if isinstance(event, events.RunFinished):
                    conforms = event.conforms
        for violation in self._violations:
            self._console.print(render_violation(violation))
        self._console.print(self._verdict_table())
        self._sum_up(event)
        return conforms

    def _take(self, event: RunEvent) -> None:
        match event:
            case events.RunStarted(suite, target):
                self._console.print(f"[bold]tornproof {suite}[/] judges [bold]{target}[/]\n")
            case events.CheckStarted(check, title):
                self._task = self._progress.add_task(check, detail=title, total=None)
            case events.Progress(_, done, total, detail):
                self._progress.update(self._task, completed=done, total=total, detail=detail)
            case ViolationFound():
                self._violations.append(event)
                self._console.print(f"  [bold red]✗ {event.requirement}[/] {escape(event.message)}")
            case events.CheckFinished(check, covered, seconds):
                self._progress.remove_task(self._task)
                line = Text(f"{check:<12}", style="bold")
                line.append(f" {covered} ({seconds:.1f} s)", style="default")
                self._console.print(line)
            case events.RequirementJudged():
                self._verdicts.append(event)

    def _verdict_table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for verdict in self._verdicts:
            colour = COLOURS[verdict.verdict]
            table.add_row(
                f"[{colour}]{SIGNS[verdict.verdict]} {verdict.requirement}[/]",
                f"[{colour}]{verdict.verdict}[/]",
                "" if verdict.level == "MUST" else verdict.level.lower(),
                verdict.covered,
            )
        return table

    def _sum_up(self, event: RunEvent) -> None:
        assert isinstance(event, events.RunFinished)
        colour, word = ("green", "conforms") if event.conforms else ("bold red", "does not conform")
        self._console.print(
            f"\n[{colour}]{word}[/]: {event.holds} requirements hold, {event.violated} are "
            f"violated, {event.not_covered} are not covered ({event.seconds:.0f} s)"
        )


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
        parts += _crash(crash, number, len(found.crashes))
    if found.crashes:
        parts.append(_labelled("expected", _records(found.expected, "nothing in particular")))
        recovered = found.error if found.recovered is None else _records(found.recovered, "nothing")
        parts.append(_labelled("recovered", recovered))
    parts.append(_labelled("replay", f"tornproof replay {found.reproducer}"))
    return Group(*parts)


def _crash(crash: CrashStory, number: int, count: int) -> Iterator[RenderableType]:
    name = "crash" if count == 1 else ("crash", "and in its recovery")[number - 1]
    lost = "\n".join(f"✂ {loss}" for loss in crash.lost) or "✂ nothing that was written is lost"
    yield _labelled(name, "\n".join((*crash.after, lost)))
    yield _labelled("leaves", "\n".join(map(_file, crash.files)) or "an empty disk")


def _file(file: FileStory) -> str:
    lines = [f"{file.name}, {file.size} bytes"]
    lines += [f"  {at:>6} … {at + size:<6} {verdict}" for at, size, verdict in file.frames]
    if file.beginning:
        lines.append(f"  begins {file.beginning[:47]}")
    return "\n".join(lines)


def _records(records: tuple[tuple[int, int], ...], nothing: str) -> str:
    return ", ".join(f"{size} bytes at {offset}" for offset, size in records) or nothing


def _labelled(label: str, text: str) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", min_width=16, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(label, Text(text))
    return Padding(table, (0, 0, 0, 2))
