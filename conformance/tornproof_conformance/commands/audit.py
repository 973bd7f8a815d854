"""
`tornproof audit`: query an audit index.

An audit index is read and never written.  Ids are shown by their beginning, and
any beginning that only one id has will do to ask for it.  What agents wrote is
shown with its control characters escaped, so that evidence cannot talk to the
terminal.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.table import Table
from rich.text import Text
from tornproof.audit import AuditStore, QueryAudit, audit_to_fields
from tornproof.keys import AGENT_PREFIX, IDENTIFIER_BYTES, MAX_TIMESTAMP, RECORD_PREFIX
from tornproof.kv import KeyValueStore, SqliteKeyValueStore

from tornproof_conformance.commands.one_of import OneOf
from tornproof_conformance.report.printable import printable, say, terminal, to_json

RECENT = 20
"""Audits shown if nothing particular is asked for: a screenful."""

LIMIT = 100
SHOWN_DIGITS = 8
"""Hexadecimal digits of an id in a table; where they are ambiguous, asking says so."""

SAFE_INTEGER = 2**53
"""Above this, JSON numbers are not exact everywhere, and a decimal string is given."""

TIME = click.IntRange(0, MAX_TIMESTAMP)
COUNT = click.IntRange(0)

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@click.command("audit")
@click.argument("path", type=click.Path())
@click.option("--agent", metavar="HEX", help="The audits of one agent, oldest first.")
@click.option("--from", "earliest", type=TIME, metavar="TIME", help="No earlier than this.")
@click.option("--to", "latest", type=TIME, metavar="TIME", help="No later than this.")
@click.option("--limit", type=COUNT, metavar="N", help=f"At most so many (default {LIMIT}).")
@click.option("--recent", type=COUNT, metavar="N", help=f"The last N audits (default {RECENT}).")
@click.option("--id", "query_id", metavar="HEX", help="One audit, in full.")
@click.option(
    "--unit",
    type=OneOf(UNITS),
    help="Show timestamps as dates: they count this unit since 1970.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything in full.")
def command(
    path: str,
    agent: str | None,
    earliest: int | None,
    latest: int | None,
    limit: int | None,
    recent: int | None,
    query_id: str | None,
    unit: str | None,
    as_json: bool,
) -> None:
    """
    Query the audit index in PATH: the latest entries, those of an agent, or one.

    HEX is an id or the beginning of one.  Bounds are inclusive.  Exit code 1: nothing found.
    """
    _check_combination(agent, recent, query_id, (earliest, latest, limit))
    with closing(SqliteKeyValueStore(path, read_only=True)) as store:
        audits = AuditStore(store)
        if query_id is not None:
            found = audits.get(_identifier(store, RECORD_PREFIX, query_id, "--id"))
            assert found is not None  # its key was there, and nothing is ever removed
            _show_one(found, unit, as_json=as_json)
        elif agent is not None:
            agent_id = _identifier(store, AGENT_PREFIX, agent, "--agent")
            count = LIMIT if limit is None else limit
            listed = audits.by_agent(agent_id, earliest or 0, latest, limit=count + 1)
            _show_many(listed, count, unit, "raise --limit, or go on with --from", as_json=as_json)
        else:
            count = RECENT if recent is None else recent
            _show_many(audits.recent(count + 1), count, unit, "raise --recent", as_json=as_json)


def _check_combination(
    agent: str | None, recent: int | None, query_id: str | None, bounds: Sequence[int | None]
) -> None:
    """Refuse options that ask for different things."""
    if sum(each is not None for each in (agent, recent, query_id)) > 1:
        raise click.UsageError("--agent, --recent and --id exclude each other")
    if agent is None and any(each is not None for each in bounds):
        raise click.UsageError("--from, --to and --limit need --agent")


def _identifier(store: KeyValueStore, prefix: bytes, digits: str, option: str) -> bytes:
    """Complete the beginning of an id to the only one there is."""
    if not re.fullmatch(f"[0-9a-fA-F]{{1,{2 * IDENTIFIER_BYTES}}}", digits):
        raise click.UsageError(
            f"{option} {digits!r} is not the beginning of an id: up to {2 * IDENTIFIER_BYTES} "
            "hexadecimal digits"
        )
    lowest = prefix + bytes.fromhex(digits.ljust(2 * IDENTIFIER_BYTES, "0"))
    highest = prefix + bytes.fromhex(digits.ljust(2 * IDENTIFIER_BYTES, "f"))
    ends = [
        next(store.keys(lowest, highest + b"\xff", reverse=reverse), None)
        for reverse in (False, True)
    ]
    first, last = (key and key[len(prefix) : len(prefix) + IDENTIFIER_BYTES] for key in ends)
    if first is None or last is None:
        say(f"tornproof: no audits with {option} {digits}", error=True)
        sys.exit(1)
    if first != last:
        raise click.UsageError(
            f"{option} {digits} begins several ids, among them {first.hex()} and {last.hex()}"
        )
    return first


# Tables


def _show_many(
    audits: Sequence[QueryAudit], count: int, unit: str | None, advice: str, *, as_json: bool
) -> None:
    """Show a list, and whether there would have been more."""
    shown = audits[:count]
    if as_json:
        say(to_json([_plain(audit_to_fields(audit)) for audit in shown], indent=2))
    elif shown:
        console = terminal()
        table = Table(box=None, pad_edge=False)
        for name in ("time", "agent", "id"):
            table.add_column(name, no_wrap=True)
        table.add_column("asked", overflow="fold")
        for name in ("confidence", "rests on"):
            table.add_column(name, justify="right", no_wrap=True)
        for audit in shown:
            table.add_row(*_row(audit, unit))
        console.print(table)
        if len(audits) > count:
            console.print(f"… and more: {advice}")
    if not shown:
        say("tornproof: no audits", error=True)
        sys.exit(1)


def _row(audit: QueryAudit, unit: str | None) -> Iterator[Text]:
    yield Text(_moment(audit.timestamp, unit))
    yield Text(_beginning(audit.agent_id) if audit.agent_id else "anonymous")
    yield Text(_beginning(audit.query_id))
    yield Text(_asked(audit))
    yield Text(f"{audit.result_confidence:.3g}")
    yield Text(str(len(audit.contributing_assertions)))


def _show_one(audit: QueryAudit, unit: str | None, *, as_json: bool) -> None:
    """Show everything that an audit says."""
    if as_json:
        say(to_json(_plain(audit_to_fields(audit)), indent=2))
        return
    console = terminal()
    fields = Table.grid(padding=(0, 2))
    for name, value in (
        ("id", audit.query_id.hex()),
        ("agent", audit.agent_id.hex() if audit.agent_id else "anonymous"),
        ("time", _moment(audit.timestamp, unit)),
        ("asked", _asked(audit) or "not said"),
        ("result", audit.result_hash.hex() if audit.result_hash else "none"),
        ("confidence", f"{audit.result_confidence:.9g}"),
        ("rests on", f"{len(audit.contributing_assertions)} assertions"),
    ):
        fields.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    console.print(fields)
    for each in audit.contributing_assertions:
        console.print(
            Text(
                f"  {each.assertion_hash.hex()}\n    weight {each.weight:.9g}, "
                f"{printable(each.lifecycle)}, from {each.source_hash.hex()}"
            ),
            soft_wrap=True,
        )


def _asked(audit: QueryAudit) -> str:
    """Say in a line what was asked."""
    asked = audit.params
    parts = [
        " ".join(word for word in (asked.subject, asked.predicate) if word),
        asked.lifecycle,
        f"epoch {asked.epoch}" if asked.epoch is not None else None,
        f"lens {asked.lens}" if asked.lens else None,
    ]
    return printable(" · ".join(part for part in parts if part))


def _beginning(identifier: bytes) -> str:
    return identifier.hex()[:SHOWN_DIGITS]


def _moment(timestamp: int, unit: str | None) -> str:
    """Show a timestamp as the number it is, or as a date if its unit is known."""
    if unit is None:
        return str(timestamp)
    try:
        microseconds = timestamp * UNITS["us"] // UNITS[unit]
        date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return str(timestamp)  # beyond the year 9999
    return date.isoformat().replace("+00:00", "Z")


# JSON


def _plain(value: Any) -> Any:
    """Turn bytes into hexadecimal digits, and integers that JSON may spoil into strings."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case bytes():
            return value.hex()
        case int() if not isinstance(value, bool) and value > SAFE_INTEGER:
            return str(value)
        case _:
            return value
