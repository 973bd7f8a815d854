"""
`tornproof survey`: foreign software at pinned versions, and what power loss does to it.
"""

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from tornproof.errors import Invalid
from tornproof_models.crash.program import Program

from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.checks import Budget
from tornproof_conformance.commands.completing import complete_entries
from tornproof_conformance.commands.options import budget_option
from tornproof_conformance.recorder.recorders import require_recorder
from tornproof_conformance.report.printable import printable, say, to_json
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.stream.event_file import write_events
from tornproof_conformance.survey.entries import (
    NO_CRASH,
    Entry,
    build,
    entries,
    find,
    is_built,
    missing_tools,
    require_tools,
    unavailable,
)
from tornproof_conformance.survey.examinations import as_line, keep
from tornproof_conformance.survey.harm import (
    CREATED,
    FAILED,
    LATER,
    REPORTED,
    Examined,
    Harm,
    examine,
)
from tornproof_conformance.survey.results import as_document, badge, condensed, read_result, results

LONGEST_LOSSES = 3
"""How many of the things that a crash has lost are told."""


@click.command("survey")
@click.argument("names", nargs=-1, shell_complete=complete_entries)
@click.option("--build", "only_build", is_flag=True, help="Build the named entries, and stop.")
@click.option(
    "--events",
    type=click.Path(file_okay=False, path_type=Path),
    help="Judge the named entries as `tornproof check` does, and keep the events here.",
)
@budget_option
@click.option(
    "--keep", "keeping", is_flag=True, help="Keep what was found for the page of results."
)
@click.option("--results", "kept", is_flag=True, help="Print the kept results, one JSON a line.")
@click.option(
    "--badges",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a badge for each kept result into this directory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def command(
    names: tuple[str, ...],
    only_build: bool,
    events: Path | None,
    seconds: int,
    keeping: bool,
    kept: bool,
    badges: Path | None,
    as_json: bool,
) -> None:
    """
    List the surveyed software, or test entries by NAME.

    Without a name: each entry, how the software is used, what its documentation
    promises, and what must be installed before it can be built.

    With names, or patterns such as 'raft-wal-*': each entry is built at its pinned version; a
    few small programs run on it, recorded, and are crashed at every crash point, in one crash
    model after the other, from SIGKILL to all that POSIX allows.  For each phase of the store's
    life the result is the mildest crash model that does harm, the smallest program, what the
    crash lost, and whether the list expects that.

    The exit code is 0 whatever is found, since software is judged by its own documentation.
    Harm that the documentation does not exclude is marked "no promise".
    """
    if kept or badges:
        _show_kept(badges, printing=kept)
        return
    if not names:
        _list(as_json=as_json)
        return
    chosen = list({entry.name: entry for name in names for entry in find(name)}.values())
    if not only_build:
        require_recorder()
    for entry in chosen:
        require_tools(entry)
    for entry in chosen:
        if not is_built(entry):
            say(f"{entry.name}: building", error=True)
        build(entry)
        if events:
            _judge(entry, events, seconds)
        elif not only_build:
            _tell(entry, as_json=as_json, keeping=keeping)


def _judge(entry: Entry, directory: Path, seconds: int) -> None:
    """Judge an entry by everything that it claims, and keep what the run says."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{entry.name}.ndjson"
    with tempfile.TemporaryDirectory() as found:
        stream = check_adapter(
            entry.runnable, budget=Budget(seconds=seconds), reproducers=Path(found)
        )
        with path.open("w", encoding="utf-8") as file:
            for _ in write_events(condensed(stream), file):
                pass
    result = read_result(entry, path)
    say(f"{entry.name}: {result.verdict}; {', '.join(result.phases) or 'nothing'} ({result.tried})")


def _show_kept(badges: Path | None, *, printing: bool) -> None:
    for result in results():
        if printing:
            say(to_json(as_document(result)))
        if badges:
            badges.mkdir(parents=True, exist_ok=True)
            (badges / f"{result.entry.name}.json").write_text(to_json(badge(result)) + "\n")


def _list(*, as_json: bool) -> None:
    for entry in entries().values():
        if as_json:
            say(to_json(_fields(entry)))
            continue
        click.echo(f"{click.style(f'{entry.name:<24}', bold=True)} {printable(_title(entry))}")
        say(f"{'':<24} {_promise(entry)}")
        if entry.bug:
            fixed = f", fixed in {entry.fixed_in}" if entry.fixed_in else ""
            say(f"{'':<24} has {entry.bug}{fixed}")
        if missing := missing_tools(entry):
            say(f"{'':<24} needs {' and '.join(missing)} to be built")
    for name, reason in unavailable().items():
        if as_json:
            say(to_json({"name": name, "unavailable": reason}))
        else:
            say(f"Not available: {name}; {reason}.")
    if not as_json:
        say("`tornproof survey NAME` cuts its power; spec/survey.md says what came of it.")


def _title(entry: Entry) -> str:
    return f"{entry.software} {entry.version}: {entry.setting}"


def _promise(entry: Entry) -> str:
    said = f"says “{entry.promise}”" if entry.promise else "makes no promise that was found"
    return f"{said} ({entry.source})"


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "software": entry.software,
        "version": entry.version,
        "language": entry.language,
        "setting": entry.setting,
        "packages": entry.packages,
        "command": entry.runnable,
        "promise": entry.promise,
        "source": entry.source,
        "survives": entry.survives,
        "bug": entry.bug,
        "fixed_in": entry.fixed_in,
        "expected": entry.expected,
        "missing": missing_tools(entry),
    }


def _examined(entry: Entry) -> Iterator[Program | Examined]:
    """Examine an entry.  Raises `Invalid` if it keeps silent where nothing crashes."""
    try:
        yield from examine(entry)
    except OutOfPatience as silence:
        raise Invalid(
            f"{entry.name} was not examined to the end: {silence}; "
            "try it again on a machine with less other work"
        ) from None


def _tell(entry: Entry, *, as_json: bool, keeping: bool) -> None:
    if not as_json:
        click.secho(_title(entry), bold=True)
        say(f"  it {_promise(entry)}")
    for step in _examined(entry):
        if not isinstance(step, Examined):
            say(f"  running    {'; '.join(map(str, step))}", error=True)
            continue
        if keeping:
            keep([as_line(entry, step)])
        if as_json:
            harms = [_harm_fields(entry, harm) for harm in step.harms]
            more = {"found": step.version, "times": step.times, "harms": harms}
            say(to_json({**_fields(entry), **more}))
        else:
            _tell_findings(entry, step)


def _tell_findings(entry: Entry, examined: Examined) -> None:
    say(f"  version    {examined.version}, as it calls itself")
    say(f"  covered    {examined.coverage}")
    for time in (CREATED, LATER, FAILED, REPORTED):
        harms = [harm for harm in examined.harms if harm.time == time]
        if time not in examined.times:
            if time == FAILED:
                say(f"  {time}: an append has no sync that could fail")
        elif not harms:
            click.secho(f"  {time}: no harm in any crash model", fg="green")
        for harm in harms:
            _tell_harm(entry, harm)
    say(f"  weakest    {_weakest(entry, examined)}")
    if entry.expected is not None:
        found = examined.mildest
        agree = "as expected" if found == entry.expected else "another than expected"
        say(f"  the list   has {_times(entry.expected)}: {agree}")
    say(f"  check it   tornproof check -- {shlex.join(entry.runnable)}")


def _tell_harm(entry: Entry, harm: Harm) -> None:
    promised = entry.promises(harm.crash_model)
    click.secho(
        f"  {harm.time}, {_place(harm.crash_model)}: {harm.violation.requirement}"
        f"{'' if promised else ' (no promise)'}",
        fg="red" if promised else "yellow",
    )
    say(f"    {harm.violation.message}")
    say(f"    program    {'; '.join(map(str, harm.program))}")
    if harm.last:
        say(f"    the crash  after {harm.last}")
        say(f"    the disk   {_losses(harm.lost)}")


def _place(crash_model: str) -> str:
    return "without any crash" if crash_model == NO_CRASH else f"from {crash_model} on"


def _times(mildest: Mapping[str, str]) -> str:
    told = [f"{time}, {_place(crash_model)}" for time, crash_model in mildest.items()]
    return "; ".join(told) or "no harm"


def _weakest(entry: Entry, examined: Examined) -> str:
    """Say for each time of its life where harm begins, if anywhere."""
    told = [
        f"{time}, {_place(crash_model)}{'' if entry.promises(crash_model) else ' (no promise)'}"
        for time, crash_model in examined.mildest.items()
    ]
    return "; ".join(told) or "no harm"


def _losses(lost: tuple[str, ...]) -> str:
    told = "; ".join(lost[:LONGEST_LOSSES]) or "nothing that was written is lost"
    more = len(lost) - LONGEST_LOSSES
    return f"{told}; and {more} more" if more > 0 else told


def _harm_fields(entry: Entry, harm: Harm) -> dict[str, Any]:
    return {
        "time": harm.time,
        "requirement": harm.violation.requirement,
        "message": harm.violation.message,
        "crash_model": harm.crash_model,
        "program": [str(step) for step in harm.program],
        "promised": entry.promises(harm.crash_model),
        "last": harm.last,
        "lost": list(harm.lost),
    }
