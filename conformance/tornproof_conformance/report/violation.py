"""
Show a violation in a terminal.
"""

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tornproof_conformance.report.dissection import VALID, Piece, dissect
from tornproof_conformance.report.words import (
    found_words,
    records_words,
    recovered_words,
    replay_command,
)
from tornproof_conformance.stream.run_events import (
    CrashStory,
    Diagnosed,
    FileStory,
    Moment,
    ViolationFound,
)

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


def render_violation(found: ViolationFound) -> RenderableType:
    """Show a violation so that it is clear without reading any code."""
    parts: list[RenderableType] = [
        Text(),
        Text(f"{found.requirement} is violated", "bold red"),
        Text(found.sentence, style="italic"),
        Text(),
        _labelled("what", found.message),
        _labelled("program", "\n".join(found.program)),
    ]
    if found.also_said:
        parts.append(_labelled("same loss", "\n".join(found.also_said)))
    if found.crash_model:
        parts.append(_labelled("crash model", found.crash_model))
    for number, crash in enumerate(found.crashes, start=1):
        parts += _crash(crash, number, found)
    if found.afterwards:
        name = "recovery" if found.crashes else "what happens"
        name = "then" if found.symptom else name
        parts.append(_labelled(name, _moments(found.afterwards)))
    if found.crashes and not found.symptom:
        expected = records_words(found.expected, "nothing in particular")
        parts.append(_labelled("expected", expected))
        if recovered := recovered_words(found):
            parts.append(_labelled("recovered", recovered))
    parts.append(_labelled("replay", replay_command(found)))
    if when := found_words(found):
        parts.append(_labelled("found", when))
    return Group(*parts)


def _crash(crash: CrashStory, number: int, found: ViolationFound) -> Iterator[RenderableType]:
    if crash.after:
        story = _moments(crash.after)
        losses = crash.lost or ("nothing that was written is lost",)
        is_kill = found.crash_model == "process-kill"
        struck = "the process is killed" if is_kill else "power is lost"
        story.append(f"\n✂ {struck}\n" + "\n".join(f"✂ {loss}" for loss in losses), "red")
        yield _labelled("crash" if number == 1 else "in its recovery", story)
    nothing = "each file as it was written" if found.symptom else "an empty disk"
    leaves = Text("\n").join(map(_file, crash.files)) if crash.files else nothing
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


# A broken adapter


def render_diagnosis(found: Diagnosed) -> RenderableType:
    """Show what an adapter does wrong to the protocol, and what to do about it."""
    parts: list[RenderableType] = [
        Text(),
        Text(f"the adapter is broken: {found.kind}", "bold red"),
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
