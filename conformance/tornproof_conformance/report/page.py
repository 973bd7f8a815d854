"""
Write one self-contained HTML page.

It can be opened from a disk, attached to a mail or kept for years.  All text that
comes from what was judged is escaped by the template engine, and if that were
ever to fail, the page's own policy lets no script run but the one it carries.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import groupby

from attrs import frozen
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from tornproof_models.documents.words import printable_lines

from tornproof_conformance.report.dissection import Piece, dissect
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.shown_findings import all_hold, cell, shown_findings
from tornproof_conformance.report.words import (
    SIGNS,
    covered_words,
    done_words,
    excuse_words,
    fate_words,
    found_words,
    grounds,
    headline,
    named,
    numbers,
    outcome,
    recovered_words,
    replay_command,
    rests_on,
    stake_words,
)
from tornproof_conformance.specification.requirements import FAMILIES
from tornproof_conformance.story.lanes import CALLS
from tornproof_conformance.stream.run_events import (
    CrashStory,
    FileStory,
    Moment,
    RequirementJudged,
    ShownRecord,
    ViolationFound,
)

SHOWN_BYTES = 64
"""How many bytes of one part of a frame are shown: a digest, and most payloads, whole."""

LAST_BYTES = 16
"""How many of them are its last, if it is longer."""


def render_page(record: RunRecord) -> str:
    """Write a run as an HTML page."""
    findings = shown_findings(record)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            record=record,
            families=[(name, list(verdicts)) for name, verdicts in _by_family(record)],
            findings=findings,
            cells=[cell(verdict, findings) for verdict in record.verdicts],
            verdicts={each.requirement: each for each in record.verdicts},
            columns=figure_columns(len(record.figures)),
            script_digest=_script_digest(),
        )
    )


def _by_family(record: RunRecord) -> Iterator[tuple[str, Iterator[RequirementJudged]]]:
    for family, verdicts in groupby(record.verdicts, lambda v: v.requirement.partition("-")[0]):
        yield FAMILIES.get(family, family), verdicts


def _printable(value: object) -> object:
    """Let nothing into the page that a reader would not see as it is; markup is ours."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable_lines(value)
    return value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tornproof_conformance", "report/templates"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "SIGNS": SIGNS,
        "all_hold": all_hold,
        "compared": compared,
        "drawn": drawn,
        "covered_words": covered_words,
        "found_words": found_words,
        "done_words": done_words,
        "excuse_words": excuse_words,
        "fate_words": fate_words,
        "grounds": grounds,
        "rests_on": rests_on,
        "stake_words": stake_words,
        "headline": headline,
        "named": named,
        "numbers": numbers,
        "outcome": outcome,
        "recovered_words": recovered_words,
        "replay_command": replay_command,
        "scenes": scenes,
    }
    environment.filters["tone"] = tone
    environment.filters["breakable"] = breakable
    environment.filters["prose"] = prose
    return environment


def _script_digest() -> str:
    """Return what the page's policy calls its one script."""
    script = files("tornproof_conformance") / "report" / "templates" / "page.js"
    return b64encode(sha256(script.read_bytes()).digest()).decode()


def figure_columns(count: int) -> int:
    """Return in how many columns to show figures so that rows come out even."""
    return next((columns for columns in (6, 5, 4, 3) if count % columns == 0), min(count, 4))


# What the template shows


def tone(verdict: RequirementJudged | None) -> str:
    """Name the tone in which to show a verdict: good, bad, or neither."""
    if verdict is None:
        return "bad"
    if verdict.excuse:
        return "muted" if verdict.excuse.holds else "bad"
    if verdict.verdict == "violated":
        return "bad" if verdict.level == "MUST" else "muted"
    return "good" if verdict.verdict == "holds" else "muted"


def breakable(name: str) -> list[str]:
    """Cut a long name where a line may be broken."""
    return [name[at : at + 16] for at in range(0, len(name), 16)]


def prose(sentence: str) -> Markup:
    """Show a requirement's sentence, with the emphasis and the code that its chapter gives it."""
    text = str(escape(sentence))
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return Markup(re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])", r"<em>\1</em>", text))


@frozen
class Scene:
    """A stretch of the timeline, and the crash that ends it, if one does."""

    title: str
    moments: tuple[Moment, ...]
    crash: CrashStory | None


def scenes(found: ViolationFound) -> list[Scene]:
    """Cut what happened into the program, a recovery that was crashed, and the last one."""
    crashes = [crash for crash in found.crashes if crash.after]
    titles = ["the program", "the recovery, crashed as well"]
    told = [Scene(title, c.after, c) for title, c in zip(titles, crashes, strict=False)]
    last = found.afterwards
    if found.symptom:
        return [*told, Scene("the commands that look at it", last, None)] if last else told
    if crashes and found.error:
        last = (*last, Moment(CALLS, f"◂ {found.error}", "failure"))
    elif crashes and found.recovered is not None and not last:
        last = (Moment(CALLS, f"◂ open returns: {len(found.recovered)} records shown"),)
    if last:
        told.append(Scene("the recovery" if crashes else "the program", last, None))
    return told


@frozen
class DrawnPiece:
    """A piece of a file as the page draws it."""

    part: str
    note: str
    runs: tuple[tuple[str, bool], ...]
    """Bytes in hexadecimal, and whether they are as they had been written."""


@frozen
class DrawnFrame:
    """A frame, or bytes that are none, with its pieces."""

    begin: int
    end: int
    verdict: str
    pieces: tuple[DrawnPiece, ...]


def drawn(file: FileStory) -> list[DrawnFrame]:
    """Draw the frames of a file over its bytes."""
    bounds = {begin: begin + size for begin, size, _ in file.frames}
    frames: list[tuple[int, int, str, list[DrawnPiece]]] = []
    for piece in dissect(file):
        if piece.begin in bounds or not frames or piece.part == "bytes":
            end = bounds.get(piece.begin, piece.end)
            frames.append((piece.begin, end, piece.verdict, []))
        frames[-1][3].append(_draw(piece, file))
    return [DrawnFrame(begin, end, verdict, tuple(ps)) for begin, end, verdict, ps in frames]


def _draw(piece: Piece, file: FileStory) -> DrawnPiece:
    size = piece.end - piece.begin
    note = str(int.from_bytes(piece.data, "little")) if piece.part == "length" else ""
    if piece.part in ("payload", "bytes"):
        note = f"{size} byte{'s'[: size != 1]}"
    shown = range(piece.begin, piece.begin + len(piece.data))
    if size <= SHOWN_BYTES and len(piece.data) == size:
        return DrawnPiece(piece.part, note, tuple(_runs(piece, file, shown)))
    head = shown[: SHOWN_BYTES - LAST_BYTES]
    tail = shown[-LAST_BYTES:] if len(piece.data) == size else range(0)
    skipped = (f"… {size - len(head) - len(tail)} bytes …", True)
    runs = (*_runs(piece, file, head), skipped, *_runs(piece, file, tail))
    return DrawnPiece(piece.part, note, runs)


def _runs(piece: Piece, file: FileStory, places: range) -> Iterator[tuple[str, bool]]:
    def as_written(place: int) -> bool:
        return not any(begin <= place < end for begin, end in file.differs)

    for same, run in groupby(places, as_written):
        yield bytes(piece.data[place - piece.begin] for place in run).hex(" "), same


def compared(found: ViolationFound) -> list[tuple[int, ShownRecord | None, ShownRecord | None]]:
    """Put what was owed and what came back side by side, by offset."""
    owed = {each.offset: each for each in found.expected}
    came = {each.offset: each for each in found.recovered or ()}
    return [(offset, owed.get(offset), came.get(offset)) for offset in sorted({*owed, *came})]
