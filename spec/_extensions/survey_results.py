"""
Show the kept results of the survey as a table that a phone can show.

    ```{survey-results}
    ```

Each entry is a row; a finding unfolds to its program and to what the crash lost.
"""

import html
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tornproof_conformance.stream.run_events import ViolationFound
from tornproof_conformance.survey.entries import directory
from tornproof_conformance.survey.results import PHASES, Result, mildest_of, results

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
    yield f'<th scope="row">{name}<small>{html.escape(entry.setting)}</small>'
    promise = f"“{entry.promise}”" if entry.promise else "no promise was found"
    yield f"<small>{html.escape(promise)} ({html.escape(entry.source)})</small>"
    if entry.bug:
        fixed = f", fixed in {entry.fixed_in}" if entry.fixed_in else ""
        yield f"<small>has {html.escape(entry.bug + fixed)}</small>"
    yield "</th>"
    for phase in PHASES:
        yield f'<td data-column="{phase}">{_cell(result, phase)}</td>'
    yield f'<td data-column="tried">{html.escape(result.tried)}</td></tr>'


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


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("survey-results", SurveyResults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
