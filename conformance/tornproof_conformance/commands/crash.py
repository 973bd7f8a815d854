"""
`tornproof crash`: judge a workload by what a check says after a crash.
"""

import os
import re
import shlex
from pathlib import Path

import click
from attrs import evolve
from tornproof.errors import Invalid
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.versions import SECTOR_BYTES
from tornproof_models.documents.words import printable_lines

from tornproof_conformance.cases.kept_images import look_again
from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.workload_crashes import WORKLOAD
from tornproof_conformance.checks.workload_search import MILD
from tornproof_conformance.commands.check import finish
from tornproof_conformance.commands.options import (
    budget_option,
    crash_model_option,
    events_json_option,
    jobs_option,
    reproducers_option,
    verbosity_option,
)
from tornproof_conformance.commands.outputs import Outputs, output_options
from tornproof_conformance.report.printable import say
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.stream.exit_codes import CONFORMS, DOES_NOT_CONFORM, INCONCLUSIVE
from tornproof_conformance.workload.controls import learn_states, require_controls
from tornproof_conformance.workload.places import Questions
from tornproof_conformance.workload.workload_subject import Given, WorkloadSubject

FIRST_WORD = re.compile(r"""\s*('[^']*'|"[^"]*"|[^\s'"]+)""")


@click.command("crash")
@click.option("--setup", help="Prepare the directory of the workload by this command.")
@click.option("--check", "checks", multiple=True, help="Exit code 0 means that all is well.")
@click.option("--state", help="Without a check: what this command prints is the state.")
@click.option(
    "--only-lines",
    is_flag=True,
    help="For --state: states are right at printed lines, not between two operations.",
)
@click.option("--recover", help="Run this command first in every image.")
@click.option(
    "--timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0.01),
    help="Seconds that the workload, or a check, may take.",
)
@click.option(
    "--sector-bytes",
    default=SECTOR_BYTES,
    show_default=True,
    type=click.IntRange(1),
    help="What the disk writes as a whole: 512, or 4096.",
)
@jobs_option("Images that are looked at at the same time.")
@click.option(
    "--resident",
    is_flag=True,
    help="The checks stay: each reads a directory's path from a line, and answers `ok` or why not.",
)
@click.option(
    "--once-killed",
    is_flag=True,
    help="Run the workload again for each finding of a kill, and really kill it there.",
)
@click.option(
    "--every-store",
    is_flag=True,
    help="See every store into mapped memory by itself, and judge where their order is kept: in "
    "process-kill and prefix.  For short programs.",
)
@click.option(
    "--terminal",
    is_flag=True,
    help="Run the workload on a terminal: most programs then print line by line.",
)
@click.option(
    "--replay",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Run the checks again in the image of a finding: its directory.",
)
@crash_model_option
@budget_option
@reproducers_option
@verbosity_option
@events_json_option
@output_options()
@click.argument("workload", nargs=-1, type=click.UNPROCESSED)
def command(
    setup: str | None,
    checks: tuple[str, ...],
    state: str | None,
    only_lines: bool,
    recover: str | None,
    timeout: float,
    sector_bytes: int,
    jobs: int,
    resident: bool,
    once_killed: bool,
    every_store: bool,
    terminal: bool,
    replay: Path | None,
    crash_models: tuple[str, ...],
    seconds: int,
    reproducers: Path,
    verbosity: int,
    as_json: bool,
    outputs: Outputs,
    workload: tuple[str, ...],
) -> None:
    """
    Crash a workload everywhere, and run a check on what is left.

    The WORKLOAD runs once, recorded, in a directory of its own.  Each line that it prints is a
    promise.  The check finds the lines that were printed before the crash in the file
    $TORNPROOF_PRINTED, their number in $TORNPROOF_LINES, and the last one in $TORNPROOF_LAST.
    """
    located_checks = tuple(map(located, checks))
    questions = Questions(optional(recover), located_checks, optional(state), resident)
    if replay is not None:
        if workload:
            raise click.UsageError("--replay looks at one finding, and runs no workload")
        raise SystemExit(_replay(replay, questions, timeout))
    if not workload:
        raise click.UsageError("there is no workload: put its command after `--`")
    if every_store:
        crash_models = tuple(each for each in crash_models if CRASH_MODELS[each].harshness < MILD)
        if once_killed or not crash_models:
            raise click.UsageError(
                "--every-store judges in process-kill and prefix, and kills no process"
            )
    workload = (here(workload[0]), *workload[1:])
    if not checks and state is None:
        questions = evolve(questions, state=shlex.join(workload))
    given = Given(
        workload,
        questions,
        optional(setup),
        timeout,
        sector_bytes,
        jobs,
        once_killed=once_killed,
        terminal=terminal,
        every_store=every_store,
    )
    with WorkloadSubject.prepared(given) as subject:
        require_controls(subject)
        if questions.state is not None:
            learn_states(subject, only_lines=only_lines)
        stream = check_subject(
            subject,
            budget=Budget(seconds=seconds, crash_models=crash_models),
            reproducers=reproducers,
            checks=[WORKLOAD],
            selected=True,
            deadline=seconds,
        )
        finish(stream, outputs, as_json=as_json, verbosity=verbosity)


def _replay(directory: Path, questions: Questions, timeout: float) -> int:
    """Look again at a finding; say what became of it, and return the exit code."""
    if not questions.commands:
        raise Invalid(
            "a finding holds no commands, since a file from elsewhere must not run any: give the "
            "--check as well"
        )
    looked = look_again(directory, questions, timeout)
    say(f"{looked.saved.requirement} {looked.saved.message}")
    for answer in looked.answers:
        say(f"{answer.name}: {answer.ending}")
        say(printable_lines(answer.output.rstrip()))
    if questions.state is not None:
        return INCONCLUSIVE
    say("FAILED" if looked.still_fails else "FIXED")
    return DOES_NOT_CONFORM if looked.still_fails else CONFORMS


def located(command: str) -> str:
    """Let the first word of a command of the shell mean the file that it means here."""
    if os.path.isfile(command):  # noqa: PTH113 - no error for what is no path
        return shlex.quote(here(command))  # also where its path has spaces
    found = FIRST_WORD.match(command)
    if found is None:
        return command
    word = found[0].strip().strip("'\"")
    return command if here(word) == word else shlex.quote(here(word)) + command[found.end() :]


def optional(command: str | None) -> str | None:
    """Do the same to a command that may not be given."""
    return None if command is None else located(command)


def here(word: str) -> str:
    """Make the path of a program absolute: commands run in another directory."""
    if "/" not in word or not os.path.exists(word):  # noqa: PTH110 - as above
        return word
    return str(Path(word).absolute())
