"""
The files that a run writes: the same options for every command that runs checks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from functools import wraps
from pathlib import Path
from signal import SIGTERM, default_int_handler, signal
from typing import Any, TextIO

import click
from attrs import define
from tornproof.errors import Invalid

from tornproof_conformance.commands.writable import Writable
from tornproof_conformance.report.badge import render_badge
from tornproof_conformance.report.junit import render_junit
from tornproof_conformance.report.markdown import render_markdown
from tornproof_conformance.report.page import render_page
from tornproof_conformance.report.printable import say, terminal
from tornproof_conformance.report.run_record import RunRecord, record_run
from tornproof_conformance.report.sarif import render_sarif
from tornproof_conformance.report.terminal import TerminalReport
from tornproof_conformance.stream.event_file import write_events
from tornproof_conformance.stream.known_failures import KnownFailure, excuse, read_known
from tornproof_conformance.stream.run_events import RunEvent, encode_event

RENDERERS: Mapping[str, Callable[[RunRecord], str]] = {
    "html": render_page,
    "junit": render_junit,
    "markdown": render_markdown,
    "badge": render_badge,
    "sarif": render_sarif,
}

_FILE = Writable()

_OPTIONS = (
    click.option("--html", type=_FILE, help="Write a self-contained HTML page."),
    click.option("--junit", type=_FILE, help="Write JUnit XML."),
    click.option("--markdown", type=_FILE, help="Write a summary in Markdown."),
    click.option("--badge", type=_FILE, help="Write a badge in the endpoint format of shields.io."),
    click.option("--sarif", type=_FILE, help="Write SARIF, for a code scanning service."),
    click.option(
        "--known",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Read known failures from this TOML file; they do not fail the run.",
    ),
)

_EVENTS = click.option(
    "--events",
    type=_FILE,
    help="Write the events of the run; `tornproof report` makes reports from them.",
)


@define
class Outputs:
    """What to write about a run, and what is known of it beforehand."""

    events: Path | None
    reports: Mapping[str, Path]
    known: Mapping[str, KnownFailure]
    today: date

    def keep(self, stream: Iterable[RunEvent]) -> Iterator[RunEvent]:
        """
        Pass a run on, and write all that was asked for.

        The events are written as they come, the reports at the end, also if the
        end is Ctrl-C or SIGTERM, which is how a service ends what takes too long: a
        run that was cut off says so.
        """
        taken: list[RunEvent] = []
        with ExitStack() as stack:
            stack.callback(signal, SIGTERM, signal(SIGTERM, default_int_handler))
            stream = excuse(stream, self.known, self.today) if self.known else stream
            if self.events:
                file = stack.enter_context(_opened(self.events))
                stream = write_events(stream, file)
            stack.callback(self._report, taken)
            for event in stream:
                taken.append(event)
                yield event

    def _report(self, taken: list[RunEvent]) -> None:
        if not taken:
            return
        record = record_run(taken)
        for name, path in self.reports.items():
            with _opened(path) as file:
                file.write(RENDERERS[name](record))


def _opened(path: Path) -> TextIO:
    """Open a file to be written anew.  Raises `Invalid` if it cannot be any more."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise Invalid(f"cannot write {path}: {error.strerror} ({error.filename})") from None


def output_options(*, events: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options for reports, and hand it one `Outputs` as `outputs`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_outputs(**options: Any) -> Any:
            asked = {name: options.pop(name) for name in RENDERERS}
            known = options.pop("known")
            outputs = Outputs(
                events=options.pop("events") if events else None,
                reports={name: path for name, path in asked.items() if path},
                known=read_known(known) if known else {},
                today=date.today(),
            )
            return command(outputs=outputs, **options)

        for option in reversed((_EVENTS, *_OPTIONS) if events else _OPTIONS):
            with_outputs = option(with_outputs)
        return with_outputs

    return decorate


def show_run(stream: Iterable[RunEvent], *, as_json: bool, verbosity: int = 0) -> int:
    """
    Show a run in the terminal, or its events if asked to, and return its exit code.

    `verbosity` is -1 for findings and the result alone, 1 for everything that is known.
    """
    if as_json:
        return record_run(_printed(stream)).exit_code
    return TerminalReport(terminal(), verbosity=verbosity).show(stream).exit_code


def _printed(stream: Iterable[RunEvent]) -> Iterator[RunEvent]:
    for event in stream:
        say(encode_event(event))
        yield event
