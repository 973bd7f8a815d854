"""
Show the kept results of the survey as a table that a phone can show.

    ```{survey-results}
    ```

Each entry is a row; a finding unfolds to its program and to what the crash lost.

    ```{survey-examinations}
    ```

A row for each entry that was examined, with a cell for each time of its life, the darker the
milder the crash that does harm.

    ```{survey-pairs}
    ```

A row for each published bug: what the version with it shows and the fixed one does not.
"""

import html
import re
from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.survey.entries import NO_CRASH, Entry, directory
from tornproof_conformance.survey.examinations import (
    TIMES,
    Examination,
    examinations,
    kept_file,
)
from tornproof_conformance.survey.pairs import Pair, pairs
from tornproof_conformance.survey.results import PHASES, Result, mildest_of, results
from tornproof_models.disk.crash_models import CLAIMED

COLUMNS = ("software", *PHASES, "tried")


class SurveyResults(SphinxDirective):
    """The directive `survey-results`."""

    def run(self) -> list[nodes.Node]:
        """Read the results and write the table."""
        for path in sorted((directory() / "results").glob("*.ndjson")):
            self.env.note_dependency(str(path))
        table = "\n".join(_table(results()))
        return [nodes.raw("", table, format="html")]


def _table(found: list[Result]) -> Iterator[str]:
    yield '<div class="results-frame"><table class="results docutils"><thead><tr>'
    yield "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    yield "</tr></thead><tbody>"
    for each in found:
        yield from _row(each)
    yield "</tbody></table></div>"


def _row(result: Result) -> Iterator[str]:
    entry = result.entry
    name = html.escape(f"{entry.software} {result.version or entry.version}")
    yield f'<tr class="{result.verdict}" id="{html.escape(entry.name)}">'
    yield f'<th scope="row">{name}<small>{html.escape(entry.setting)}</small>{_promise(entry)}'
    if entry.bug:
        fixed = f", fixed in {entry.fixed_in}" if entry.fixed_in else ""
        yield f"<small>has {html.escape(entry.bug + fixed)}</small>"
    yield "</th>"
    for phase in PHASES:
        yield f'<td data-column="{phase}">{_cell(result, phase)}</td>'
    yield f'<td data-column="tried">{html.escape(result.tried)}{_starved(result)}</td></tr>'


def _starved(result: Result) -> str:
    """Count the requirements for which too little was tried; unfold it for what was missing."""
    if not result.starved:
        return ""
    ids: dict[str, list[str]] = {}
    for requirement, reason in result.starved.items():
        ids.setdefault(reason, []).append(requirement)
    told = "".join(
        f"<p>{html.escape(reason)}: {html.escape(', '.join(each))}</p>"
        for reason, each in ids.items()
    )
    return f"<details><summary>{len(result.starved)} starved</summary>{told}</details>"


def _cell(result: Result, phase: str) -> str:
    found = result.phases.get(phase)
    if found is None:
        return "no harm found" if result.is_judged else '<span class="quiet">not settled</span>'
    model = mildest_of(found)
    promised = result.entry.promises(found.crash_model or "none")
    label = "" if promised else " <small>no promise</small>"
    return (
        f'<details><summary class="{"broken" if promised else "unpromised"}">'
        f"{html.escape(model)}{label}</summary>{_told(found)}</details>"
    )


def _told(found: ViolationFound) -> str:
    program = html.escape("; ".join(found.program))
    lost = [loss for crash in found.crashes for loss in crash.lost][:3]
    told = f"<p>{html.escape(found.requirement)}: {html.escape(found.message)}</p>"
    told += f"<p><code>{program}</code></p>"
    return told + "".join(f"<p>{html.escape(loss)}</p>" for loss in lost)


class SurveyExaminations(SphinxDirective):
    """The directive `survey-examinations`."""

    def run(self) -> list[nodes.Node]:
        """Read what is kept and write the table."""
        self.env.note_dependency(str(kept_file()))
        rows = (_examined_row(each) for each in examinations())
        return [nodes.raw("", _frame(("software", *TIMES), rows), format="html")]


class SurveyPairs(SphinxDirective):
    """The directive `survey-pairs`."""

    def run(self) -> list[nodes.Node]:
        """Read what is kept, count, and write the table."""
        self.env.note_dependency(str(kept_file()))
        found = sorted(pairs(), key=lambda pair: not pair.gone)
        apart = sum(bool(pair.gone) for pair in found)
        counted = f"Of {len(found)} published bugs, {apart} tell the two versions apart."
        columns = ("published bug", "has it", "has it no more", "found, and gone", "by")
        table = nodes.raw("", _frame(columns, map(_pair_row, found)), format="html")
        return [nodes.paragraph(text=counted), table]


def _frame(columns: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    return (
        f'<div class="results-frame"><table class="results docutils"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _examined_row(each: Examination) -> str:
    entry = each.entry
    name = html.escape(f"{entry.software} {entry.version}")
    cells = "".join(_examined_cell(each, time) for time in TIMES)
    head = f"{name}<small>{html.escape(entry.setting)}</small>{_promise(entry)}"
    tried = f"<small>tried: {_rounded(each.covered)}</small>" if each.covered else ""
    return f'<tr><th scope="row">{head}{tried}</th>{cells}</tr>'


def _rounded(covered: str) -> str:
    """Write a number of more than fifteen digits as a power of ten, rounded down."""
    return re.sub(
        r"\d{1,3}(,\d{3}){5,}",
        lambda number: f"over 10<sup>{len(number[0].replace(',', '')) - 1}</sup>",
        html.escape(covered),
    )


def _promise(entry: Entry) -> str:
    """Quote what the documentation promises, and say where."""
    words = html.escape(f"“{entry.promise}”" if entry.promise else "no promise was found")
    source = html.escape(entry.source)
    if source.startswith("https://"):
        return f'<small><a href="{source}">{words}</a></small>'
    return f"<small>{words} ({source})</small>"


def _examined_cell(each: Examination, time: str) -> str:
    harm = each.mildest.get(time)
    if harm is None:
        words = "no harm" if time in each.times else "no sync that could fail"
        return f'<td class="harm-none" data-column="{time}">{words}</td>'
    promised = each.entry.promises(harm["crash_model"])
    label = "" if promised else " <small>no promise</small>"
    crash = "no crash" if harm["crash_model"] == NO_CRASH else harm["crash_model"]
    told = f"<p>{html.escape(harm['requirement'])}: {html.escape(harm['message'])}</p>"
    told += f"<p><code>{html.escape('; '.join(harm['program']))}</code></p>"
    told += "".join(f"<p>{html.escape(loss)}</p>" for loss in harm["lost"])
    return (
        f'<td class="harm-{_darkness(harm["crash_model"])}" data-column="{time}"><details>'
        f"<summary>{html.escape(crash)}{label}</summary>{told}</details></td>"
    )


def _darkness(crash_model: str) -> int:
    """Return how dark a cell is: 4 without any crash or at a kill, 1 in the harshest model."""
    mild = {"none": 4, "process-kill": 4, "prefix": 3}
    return mild.get(crash_model, 1 if crash_model == CLAIMED[-1] else 2)


def _pair_row(pair: Pair) -> str:
    bug = html.escape(pair.vulnerable.bug or "")
    link = "https://github.com/" + bug.replace("#", "/issues/")
    cells = {
        "has it": html.escape(f"{pair.vulnerable.software} {pair.vulnerable.version}"),
        "has it no more": html.escape(pair.fixed.version),
        "found, and gone": _gone(pair),
        "by": html.escape(pair.source),
    }
    columns = "".join(f'<td data-column="{name}">{cell}</td>' for name, cell in cells.items())
    return f'<tr><th scope="row"><a href="{link}">{bug}</a></th>{columns}</tr>'


def _gone(pair: Pair) -> str:
    """Name the mildest harm that is gone, with what it said, and the others below it."""
    if not pair.gone:
        return '<span class="quiet">not told apart</span>'
    first, *others = (
        html.escape(" ".join((each.requirement, each.time + _in(each.crash_model))))
        for each in pair.gone
    )
    told = f"<p>{html.escape(pair.gone[0].message)}</p>" + "".join(f"<p>{o}</p>" for o in others)
    return f"<details><summary>{first}</summary>{told}</details>"


def _in(crash_model: str) -> str:
    return "" if crash_model == NO_CRASH else f", in {crash_model}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives."""
    app.add_directive("survey-examinations", SurveyExaminations)
    app.add_directive("survey-pairs", SurveyPairs)
    app.add_directive("survey-results", SurveyResults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
