"""
`tornproof dlq`: list and replay dead letters.

A dead letter waits until somebody has looked at the reason.  Listing reads and
changes nothing; replaying asks first, and replaying what was replayed already
does nothing (DRN-15).
"""

import json
from contextlib import closing
from typing import Any

import click
from tornproof.chain.database import translated
from tornproof.drainer import DeadLetter, dead_letters, dlq_size, replay_dlq
from tornproof.errors import Invalid

from tornproof_conformance.commands.database_argument import DATABASE, Database
from tornproof_conformance.report.printable import printable, say, to_json

LIMIT = 100


@click.group("dlq")
def command() -> None:
    """List dead letters, and replay them."""


@command.command("list")
@DATABASE
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=LIMIT,
    show_default=True,
    help="At most so many, oldest first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the events in full.")
def list_letters(database: Database, limit: int, as_json: bool) -> None:
    """List the dead letters in DATABASE, oldest first, with their reasons."""
    with database.read_only() as connection:
        database.require_table(connection, "signed_events_dlq")
        found = [each for _, each in zip(range(limit), dead_letters(connection), strict=False)]
        count = dlq_size(connection)
    if as_json:
        say(to_json([_fields(each) for each in found], indent=2))
    elif not count:
        say("no dead letters")
    else:
        _show(found, count)


@command.command("replay")
@DATABASE
@click.argument("event_ids", metavar="[EVENT_ID]...", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def replay_letters(
    database: Database, event_ids: tuple[str, ...], yes: bool, as_json: bool
) -> None:
    """
    Append dead letters to the chain in DATABASE: all, or those of the EVENT_IDs.

    Each keeps its id and time, takes the next number, and leaves the dead-letter
    queue in the same transaction.  Exit codes: 0 all were replayed; 1 some could
    not be, and stay; 2 nothing was tried.
    """
    with database.read_only() as connection:
        database.require_table(connection, "signed_events_dlq")
        database.require_table(connection, "signed_events")
        waiting = {each.event_id for each in dead_letters(connection)}
        with translated(f"read {database.name}"):
            _refuse_signed(connection.execute(SIGNED).fetchone(), database.name)
    if unknown := sorted(set(event_ids) - waiting):
        raise Invalid(f"no dead letter has the id {unknown[0]}; nothing was replayed")
    chosen = set(event_ids) or waiting
    if chosen and not yes:
        _ask(len(chosen), database.name)
    with closing(database.connect()) as connection:
        done = replay_dlq(connection, only=chosen)
    if as_json:
        failed = [{"event_id": name, "reason": reason} for name, reason in done.failed]
        say(to_json({"replayed": list(done.replayed), "failed": failed}, indent=2))
    else:
        count = len(done.replayed)
        say(f"replayed {count} dead letter{'' if count == 1 else 's'}")
        for name, reason in done.failed:
            say(f"{printable(name)} stays: {printable(reason)}", error=True)
    raise SystemExit(1 if done.failed else 0)


SIGNED = (
    "SELECT signature IS NOT NULL FROM signed_events WHERE sequence IS NOT NULL"
    " ORDER BY sequence DESC LIMIT 1"
)


def _refuse_signed(last: tuple[int] | None, database: str) -> None:
    """Refuse to append unsigned rows behind a signed one."""
    if last is not None and last[0]:
        raise Invalid(
            f"the last row of {database} is signed, and this command has no key: let the program "
            "that has it call `replay_dlq`"
        )


def _ask(count: int, database: str) -> None:
    """Go on only if somebody agrees."""
    question = f"Append {count} dead letter{'' if count == 1 else 's'} to the chain in {database}?"
    try:
        agreed = click.confirm(question)
    except click.Abort:
        say()
        raise click.UsageError(
            "no answer, so nothing was replayed; --yes replays without a question"
        ) from None
    if not agreed:
        say("nothing was replayed")
        raise SystemExit(2)


# Showing


def _show(found: list[DeadLetter], count: int) -> None:
    for each in found:
        moment = str(each.failed_at).partition(".")[0].rstrip("Z") + "Z"
        say(printable(f"{moment}  {each.event_id}  {each.agent_id}"))
        say(f"  {printable(str(each.failure_reason))}")
    if count > len(found):
        say(f"… and {count - len(found):,} more: raise --limit")


def _fields(letter: DeadLetter) -> dict[str, Any]:
    """Give everything that is kept; the event as JSON where it is that."""
    event: Any
    try:
        event = json.loads(letter.payload)
    except (ValueError, TypeError, RecursionError):
        event = None
    return {
        "dlq_id": letter.dlq_id,
        "event_id": letter.event_id,
        "agent_id": letter.agent_id,
        "timestamp": letter.timestamp,
        "failed_at": letter.failed_at,
        "reason": letter.failure_reason,
        "payload_hash": _hexadecimal(letter.payload_hash),
        "event": event,
    }


def _hexadecimal(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
