"""
`tornproof vectors`: check the test vectors and add new ones.
"""

from pathlib import Path

import click
from tornproof.errors import Invalid

from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.promotion import make_case
from tornproof_conformance.report.printable import say
from tornproof_conformance.specification.places import specification_directory
from tornproof_conformance.subjects.reference import find_subject
from tornproof_conformance.vectors.judging import judge_vector
from tornproof_conformance.vectors.vector import image_vector
from tornproof_conformance.vectors.vector_files import append_case, lint


@click.group("vectors")
def command() -> None:
    """Lint or extend the frozen test vectors."""


@command.command("lint")
@click.argument("directory", type=click.Path(path_type=Path), required=False)
def lint_command(directory: Path | None) -> None:
    """
    List errors in the vectors in DIRECTORY, by default those of the suite.

    Checks schema, ids, requirements and checksums, and reads every image a second
    time. Exit code 1 if anything is wrong.
    """
    directory = directory or specification_directory() / "vectors"
    if not directory.is_dir():
        raise Invalid(f"no directory {directory}")
    complaints = list(lint(directory))
    for complaint in complaints:
        say(complaint)
    if complaints:
        raise SystemExit(1)
    say(f"{directory} is in order")


@command.command("promote")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--id", "identifier", required=True, help="The new case's id, such as rec/garbage-tail."
)
@click.option(
    "--to",
    "path",
    default=Path("spec/vectors/found.json"),
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of vectors to add it to; CHECKSUMS stands beside it.",
)
@click.option("--comment", default="", help="The fact, in one sentence; else the requirement's.")
@click.option("--flag", "flags", multiple=True, help="A name for the bug it looks for.")
@click.option("--source", default="tornproof fuzz", show_default=True, help="Where it comes from.")
def promote_command(
    file: Path, identifier: str, path: Path, comment: str, flags: tuple[str, ...], source: str
) -> None:
    """
    Turn the reproducer FILE into a frozen vector.

    The expected records are computed from the frames of the image and compared with what had
    been acknowledged, without any implementation. A violation that needs more than an image to
    show is refused.
    """
    saved = reproducer.load(file)
    case = make_case(saved, identifier, comment, flags, source)
    append_case(case, path)
    expect = case["expect"]
    say(
        f"{identifier} added to {path}: {len(expect['records'])} records must be shown, "
        f"{expect['discarded_bytes']} bytes cut"
    )
    for name in dict.fromkeys((saved.subject, "reference")):
        fails = judge_vector(image_vector(case), find_subject(name))
        say(f"{name} {'fails' if fails else 'passes'} it")
