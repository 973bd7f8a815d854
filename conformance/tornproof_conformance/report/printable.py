"""
Make text from outside safe to print.

Adapters, files and databases hold names and messages that somebody else has chosen.  They
leave through this module: `say` prints lines, `Terminal` what is laid out, and `to_json` writes
a document; all of them let nothing out that a terminal would act on.  The one form in which
such words are shown is that of `tornproof_models.documents.words.printable`.
"""

import os
import re
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, cast

import click
from tornproof_models.documents.words import printable, printable_lines, to_json

if TYPE_CHECKING:
    from rich.console import Console

LINE = 2000
"""Columns where no terminal sets them: a line of a log is not wrapped."""

__all__ = ["printable", "printable_lines", "say", "terminal", "to_json"]


def say(text: str = "", *, error: bool = False, end: bool = True) -> None:
    """Print lines, on standard error if it is an `error`."""
    click.echo(printable_lines(text), err=error, nl=end)


def terminal(*, error: bool = False, quiet: bool = False) -> "Console":
    """Make a console that shows the text of others in its printable form."""
    from rich.console import Console

    console = Console(highlight=False, stderr=error, quiet=quiet)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        file = Unfilled(sys.stderr if error else sys.stdout)
        console = Console(highlight=False, quiet=quiet, file=cast("IO[str]", file), width=LINE)
    keep_printable(console)
    return console


class Unfilled:
    """A file in which no line ends with spaces, as those of tables do."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write, without spaces before the ends of lines."""
        return self._file.write(re.sub(r" +(?=\n)", "", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def keep_printable(console: "Console") -> None:
    """Let nothing through a console but what it makes itself and what is printable."""
    from rich.console import Console as RichConsole
    from rich.console import ConsoleOptions, ConsoleRenderable, RenderHook
    from rich.segment import Segment

    class Printable:
        """Something to be shown, all of its text printable."""

        def __init__(self, inner: ConsoleRenderable) -> None:
            self.inner = inner

        def __rich_console__(
            self, console: RichConsole, options: ConsoleOptions
        ) -> Iterator[Segment]:
            for segment in console.render(self.inner, options):
                if segment.control or segment.text.isprintable():
                    yield segment
                else:
                    yield Segment(printable_lines(segment.text), segment.style)

    class Keep(RenderHook):
        def process_renderables(
            self, renderables: list[ConsoleRenderable]
        ) -> list[ConsoleRenderable]:
            return [Printable(each) for each in renderables]

    console.push_render_hook(Keep())
