"""
Markdown, for the summary of a step and for comments on a pull request.

Names and messages come from whatever was judged.  None of them may become
markup, so everything from outside goes through `plain`, `code` or `block`.
"""

import re
from collections.abc import Iterator

from tornproof_models.documents.words import printable, printable_lines

from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import (
    SIGNS,
    covered_words,
    diagnosis_lines,
    grounds,
    headline,
    numbers,
    records_words,
    recovered_words,
    replay_command,
    rests_on,
    settings_words,
)
from tornproof_conformance.stream.exit_codes import CONFORMS
from tornproof_conformance.stream.run_events import ViolationFound

_MARKUP = re.compile(r"([\\`*_\[\]#|~])|(?<=^)([-+=])|(?<=^\d)([.)])")
"""What would be markup: anywhere, or at the beginning of a line."""

_RUN_OF_TICKS = re.compile(r"`+")


def render_markdown(record: RunRecord) -> str:
    """Write a run as Markdown."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: RunRecord) -> Iterator[str]:
    sign = "✅" if record.exit_code == CONFORMS else "❔" if record.succeeds else "❌"
    yield f"## {sign} {plain(headline(record))}"
    yield ""
    yield f"{plain(numbers(record))}"
    yield ""
    if record.diagnosis:
        yield from block("\n".join(diagnosis_lines(record.diagnosis)))
        yield ""
    for check in record.inconclusive:
        yield f"**{plain(check.check)}** could not say anything: {plain(check.covered)}"
        yield ""
    if record.figures:
        yield "Tried: " + ", ".join(f"{n:,} {plain(name)}" for name, n in record.figures.items())
        yield ""
    for found in record.violations:
        yield from _violation(found)
    yield "<details><summary>Every requirement</summary>"
    yield ""
    yield "| | requirement | level | verdict | rests on |"
    yield "|---|---|---|---|---|"
    for verdict in record.verdicts:
        sentence = f"**{plain(verdict.requirement)}** {plain(verdict.sentence)}"
        cells = (SIGNS[verdict.verdict], sentence, verdict.level, verdict.verdict)
        yield f"| {' | '.join(cells)} | {plain(rests_on(verdict))} |"
    yield ""
    yield "</details>"
    yield ""
    yield "<details><summary>What was tried</summary>"
    yield ""
    yield "| check | covered | seconds |"
    yield "|---|---|---|"
    for check in record.checks:
        yield f"| {plain(check.check)} | {plain(covered_words(check))} | {check.seconds:.1f} |"
    yield ""
    for heading, lines in grounds(record).items():
        yield f"{heading}:"
        yield ""
        yield from (f"- {plain(line)}" for line in lines)
        yield ""
    yield "</details>"
    yield ""
    yield f"<sub>{plain(_versions(record))}</sub>"


def _violation(found: ViolationFound) -> Iterator[str]:
    yield f"### ✗ {plain(found.requirement)} is violated"
    yield ""
    yield f"> {plain(found.sentence)}"
    yield ""
    yield plain(found.message)
    yield ""
    yield from block("\n".join(found.program))
    yield ""
    if found.crash_model:
        yield f"- mildest crash model: {code(found.crash_model)}"
    for crash in found.crashes:
        yield from (f"- ✂ {plain(loss)}" for loss in crash.lost)
    if found.crashes and not found.symptom:
        yield f"- expected: {plain(records_words(found.expected, 'nothing in particular'))}"
        yield f"- recovered: {plain(recovered_words(found))}"
    yield f"- replay: {code(replay_command(found))}"
    yield ""


def _versions(record: RunRecord) -> str:
    versions = record.started.versions
    words = (
        f"tornproof {versions.suite}, specification {versions.specification}, "
        f"protocol {versions.protocol}, vectors {versions.vectors}"
    )
    return "; ".join(filter(None, (words, settings_words(record), record.started.at)))


def plain(text: str) -> str:
    """Escape text so that it reads as it stands, on one line, also in a table."""
    line = printable(" ".join(text.split()))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\g<0>", line)


def code(text: str) -> str:
    """Put text on one line between as many backticks as it takes."""
    line = printable(" ".join(text.split()))
    ticks = "`" * (_longest_run(line) + 1)
    return f"{ticks} {line} {ticks}" if "`" in line else f"{ticks}{line}{ticks}"


def block(text: str) -> Iterator[str]:
    """Put text into a fence that is longer than any in it."""
    text = printable_lines(text)
    fence = "`" * max(3, _longest_run(text) + 1)
    yield fence
    yield text
    yield fence


def _longest_run(text: str) -> int:
    return max(map(len, _RUN_OF_TICKS.findall(text)), default=0)
