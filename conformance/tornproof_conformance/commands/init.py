"""
`tornproof init`: an adapter to fill in, for a project that wants to be judged.
"""

import shutil
from pathlib import Path

import click

from tornproof_conformance.commands.one_of import OneOf
from tornproof_conformance.project.skeleton import FOLDER, LANGUAGES, write_skeleton
from tornproof_conformance.report.printable import say


@click.command("init")
@click.option(
    "--language",
    required=True,
    type=OneOf(LANGUAGES),
    help="The language of the adapter: that of your journal.",
)
@click.argument(
    "directory",
    default=Path(),
    type=click.Path(file_okay=False, path_type=Path),
    metavar="[DIRECTORY]",
)
def command(language: str, directory: Path) -> None:
    """
    Write an adapter to fill in, its settings and a workflow into DIRECTORY (default: here).

    The adapter answers `hello` as it is.  `tornproof check` then builds it, judges it, and
    says which operation to fill in next.

    Nothing that is there already is overwritten.
    """
    for path in write_skeleton(language, directory):
        say(f"wrote {directory / path}")
    chosen = LANGUAGES[language]
    say()
    if missing := [tool for tool in chosen.tools if shutil.which(tool) is None]:
        say(f"install first: {', '.join(missing)}")
    if directory != Path():
        say(f"next: cd {directory}")
    say("next: tornproof check")
    say(f"then: fill in what is marked TODO in {FOLDER}/{chosen.fill_in}, from the top")
    say(f"your code: {chosen.yours}")
