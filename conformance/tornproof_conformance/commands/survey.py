"""
`tornproof targets`: logs that nobody here wrote, and what power loss does to them.
"""

import json
import shlex
from collections.abc import Iterable
from typing import Any

import click
from tornproof.errors import Invalid

from tornproof_conformance.recorder.recorders import require_recorder
from tornproof_conformance.survey.harm import CREATED, FAILED, LATER, Examined, Harm, examine
from tornproof_conformance.survey.logs import (
    NO_CRASH,
    ForeignLog,
    foreign_logs,
    missing_tools,
    preparations,
    prepare,
    require_tools,
    unavailable_logs,
)

LONGEST_LOSSES = 3
"""How many of the things that a crash has lost are told."""


@click.command("targets")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def command(names: tuple[str, ...], as_json: bool) -> None:
    """
    List foreign logs, or cut the power of those that are NAMED.

    Without a name: each log, its version, what its documentation promises, and what
    must be installed or built before it runs.

    With names: that is done, at the version that is pinned; a few small programs run on
    the log, recorded; and they are crashed everywhere it matters, in one crash model
    after the other, from SIGKILL to all that POSIX allows.  For each time of the log's
    life you are told the mildest crash model that does harm, the smallest of the programs,
    and what the crash lost.

    The exit code is 0 whatever is found: only its own documentation says what a log
    owes.  Harm of which that does not speak is marked "no promise".
    """
    if names:
        logs = _named(names)
        require_recorder()
        for log in logs:
            require_tools(log)
        for log in logs:
            _tell(log, as_json=as_json)
    else:
        _list(as_json=as_json)


def _named(names: Iterable[str]) -> list[ForeignLog]:
    known = foreign_logs()
    for name in names:
        if name in unavailable_logs():
            raise Invalid(f"{name} is not available: {unavailable_logs()[name]}")
        if name not in known:
            raise Invalid(f"no log {name!r}: there are {', '.join(known)}")
    return [known[name] for name in names]


def _list(*, as_json: bool) -> None:
    for log in foreign_logs().values():
        if as_json:
            click.echo(json.dumps(_entry(log), ensure_ascii=False))
            continue
        click.echo(f"{click.style(f'{log.name:<14}', bold=True)} {log.log}, {log.version}")
        click.echo(f"{'':<14} says “{log.promise}”")
        click.echo(f"{'':<14} {_readiness(log)}")
    for name, reason in unavailable_logs().items():
        if as_json:
            click.echo(json.dumps({"log": name, "unavailable": reason}, ensure_ascii=False))
        else:
            click.echo(f"Not available: {name}; {reason}.")
    if not as_json:
        click.echo("`tornproof targets NAME` cuts its power; spec/targets.md says what came of it.")


def _readiness(log: ForeignLog) -> str:
    missing, ahead = missing_tools(log), preparations(log)
    if missing:
        return f"needs {' and '.join(missing)} to be built"
    return f"will first {' and '.join(ahead)}" if ahead else "ready"


def _entry(log: ForeignLog) -> dict[str, Any]:
    return {
        "name": log.name,
        "log": log.log,
        "version": log.version,
        "command": log.runnable,
        "promise": log.promise,
        "source": log.source,
        "survives": log.survives,
        "preparations": preparations(log),
        "missing": missing_tools(log),
    }


def _tell(log: ForeignLog, *, as_json: bool) -> None:
    for each in preparations(log):
        click.echo(f"{log.name}: {each}", err=True)
    prepare(log)
    if not as_json:
        click.secho(f"{log.log}, {log.version}", bold=True)
        click.echo(f"  it says    “{log.promise}” ({log.source})")
    for step in examine(log):
        if not isinstance(step, Examined):
            click.echo(f"  running    {'; '.join(map(str, step))}", err=True)
        elif as_json:
            harms = [_harm_entry(log, harm) for harm in step.harms]
            entry = {**_entry(log), "found": step.version, "times": step.times, "harms": harms}
            click.echo(json.dumps(entry, ensure_ascii=False))
        else:
            _tell_findings(log, step)


def _tell_findings(log: ForeignLog, examined: Examined) -> None:
    click.echo(f"  version    {examined.version}, as it calls itself")
    click.echo(f"  covered    {examined.coverage}")
    for time in (CREATED, LATER, FAILED):
        harms = [harm for harm in examined.harms if harm.time == time]
        if time not in examined.times:
            click.echo(f"  {time}: an append has no sync that could fail")
        elif not harms:
            click.secho(f"  {time}: no harm in any crash model", fg="green")
        for harm in harms:
            _tell_harm(log, harm)
    click.echo(f"  weakest    {_weakest(log, examined)}")
    click.echo(f"  check it   tornproof check -- {shlex.join(log.runnable)}")


def _tell_harm(log: ForeignLog, harm: Harm) -> None:
    promised = log.promises(harm.crash_model)
    click.secho(
        f"  {harm.time}, {_place(harm)}: {harm.violation.requirement}"
        f"{'' if promised else ' (no promise)'}",
        fg="red" if promised else "yellow",
    )
    click.echo(f"    {harm.violation.message}")
    click.echo(f"    program    {'; '.join(map(str, harm.program))}")
    if harm.last:
        click.echo(f"    the crash  after {harm.last}")
        click.echo(f"    the disk   {_losses(harm)}")


def _place(harm: Harm) -> str:
    return "without any crash" if harm.crash_model == NO_CRASH else f"from {harm.crash_model} on"


def _weakest(log: ForeignLog, examined: Examined) -> str:
    """Say for each time of its life where harm begins, if anywhere."""
    told = []
    for time in examined.times:
        harms = [harm for harm in examined.harms if harm.time == time]
        if harms:
            mildest = min(harms, key=lambda harm: harm.harshness)
            mark = "" if log.promises(mildest.crash_model) else " (no promise)"
            told.append(f"{time}, {_place(mildest)}{mark}")
    return "; ".join(told) or "no harm"


def _losses(harm: Harm) -> str:
    told = "; ".join(harm.lost[:LONGEST_LOSSES]) or "nothing that was written is lost"
    more = len(harm.lost) - LONGEST_LOSSES
    return f"{told}; and {more} more" if more > 0 else told


def _harm_entry(log: ForeignLog, harm: Harm) -> dict[str, Any]:
    return {
        "time": harm.time,
        "requirement": harm.violation.requirement,
        "message": harm.violation.message,
        "crash_model": harm.crash_model,
        "program": [str(step) for step in harm.program],
        "promised": log.promises(harm.crash_model),
        "last": harm.last,
        "lost": list(harm.lost),
    }
