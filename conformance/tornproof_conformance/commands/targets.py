"""
`tornproof targets`: logs that nobody here wrote, and what power loss does to them.
"""

import json
from typing import Any

import click
from tornproof.errors import Invalid

from tornproof_conformance.foreign_logs import (
    CREATED,
    FAILED,
    LATER,
    Examined,
    ForeignLog,
    Harm,
    examine,
    foreign_logs,
    prepare,
)

LONGEST_LOSSES = 3
"""How many of the things that a crash has lost are told."""


@click.command("targets")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def command(names: tuple[str, ...], as_json: bool) -> None:
    """
    List foreign logs, or cut the power of those that are NAMED.

    What a log needs is installed or built first, at the version that is pinned.  The
    exit code is 0 whatever is found: only its own documentation says what a log owes,
    and the list quotes it.  To judge one by everything, run `tornproof check` with its
    command.
    """
    known = foreign_logs()
    for name in names:
        if name not in known:
            raise Invalid(f"no log {name!r}: there are {', '.join(known)}")
    for log in [known[name] for name in names] or known.values():
        if names:
            _tell(log, as_json=as_json)
        elif as_json:
            click.echo(json.dumps(_entry(log), ensure_ascii=False))
        else:
            click.echo(f"{log.name:<14} {log.log}, {log.version}: “{log.promise}”")


def _entry(log: ForeignLog) -> dict[str, Any]:
    return {
        "name": log.name,
        "log": log.log,
        "version": log.version,
        "command": log.runnable,
        "promise": log.promise,
        "source": log.source,
    }


def _tell(log: ForeignLog, *, as_json: bool) -> None:
    prepare(log)
    if not as_json:
        click.secho(f"{log.log}, {log.version}", bold=True)
        click.echo(f"  promises   “{log.promise}” ({log.source})")
    for step in examine(log):
        if not isinstance(step, Examined):
            click.echo(f"  running    {'; '.join(map(str, step))}", err=True)
        elif as_json:
            harms = [_harm_entry(harm) for harm in step.harms]
            entry = {**_entry(log), "found": step.version, "harms": harms}
            click.echo(json.dumps(entry, ensure_ascii=False))
        else:
            _tell_findings(step)


def _tell_findings(examined: Examined) -> None:
    click.echo(f"  calls itself version {examined.version}")
    click.echo(f"  covered    {examined.coverage}")
    for time in (CREATED, LATER, FAILED):
        harms = [harm for harm in examined.harms if harm.time == time]
        if not harms:
            click.secho(f"  {time}: no harm in any profile", fg="green")
        for harm in harms:
            click.secho(f"  {time}, from {harm.profile} on: {harm.violation.requirement}", fg="red")
            click.echo(f"    {harm.violation.message}")
            click.echo(f"    program    {'; '.join(map(str, harm.program))}")
            click.echo(f"    the crash  {_losses(harm)}")


def _losses(harm: Harm) -> str:
    told = "; ".join(harm.lost[:LONGEST_LOSSES]) or "loses nothing that was written"
    more = len(harm.lost) - LONGEST_LOSSES
    return f"{told}; and {more} more" if more > 0 else told


def _harm_entry(harm: Harm) -> dict[str, Any]:
    return {
        "time": harm.time,
        "requirement": harm.violation.requirement,
        "message": harm.violation.message,
        "profile": harm.profile,
        "program": [str(step) for step in harm.program],
        "lost": list(harm.lost),
    }
