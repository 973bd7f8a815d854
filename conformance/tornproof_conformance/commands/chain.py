"""
`tornproof chain`: verify a chain of signed events.

A chain is read and, but for `migrate`, never written.  What it cannot show by
itself, rows that were cut off its end and a history that was rewritten up to it,
shows against a head that was saved where the database's writer cannot reach it:

    tornproof chain head audit.db > head.txt
    tornproof chain verify audit.db --head @head.txt
"""

import re
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text
from tornproof.chain import GENESIS, Head, verify
from tornproof.chain.append import read_head
from tornproof.chain.database import translated
from tornproof.chain.migration import migrate_pairwise, require_pairwise
from tornproof.chain.pairwise import BLIND_SPOTS, Links, verify_pairwise
from tornproof.chain.row import HASH_BYTES
from tornproof.chain.signatures import KEY_BYTES
from tornproof.chain.verify import Break
from tornproof.drainer.timestamp import format_timestamp
from tornproof.errors import Invalid
from tornproof_models.documents.files import read_file
from tornproof_models.documents.words import shown

from tornproof_conformance.commands.database_argument import DATABASE, Database
from tornproof_conformance.report.printable import printable, say, terminal, to_json

SHOWN = 100
"""Breaks shown in a table; after one edit in a large chain there may be one for every row."""


@click.group("chain")
def command() -> None:
    """Verify a chain of signed events, print its head, or migrate an old chain."""


@command.command("head")
@DATABASE
@click.option("--pairwise", is_flag=True, help="The chain is one of v0.7 or v1.0.")
def print_head(database: Database, pairwise: bool) -> None:
    """
    Print the head of the chain in DATABASE, for `verify --head`.

    One line: the number of the last row, a colon, and its hash, which covers all rows; in a
    pairwise chain it covers that row alone.  The chain is not verified.
    """
    if pairwise:
        with closing(database.connect_file(read_only=True)) as file:
            say(written(verify_pairwise(file).head))
        return
    with database.read_only() as connection, translated(f"read {database.name}"):
        database.require_table(connection, "signed_events")
        say(written(read_head(connection)))


@command.command("verify")
@DATABASE
@click.option(
    "--head",
    metavar="HEAD",
    help="A head that was saved: what `chain head` printed, or @FILE with that in it.",
)
@click.option("--key", "keys", metavar="HEX", multiple=True, help="An Ed25519 public key to trust.")
@click.option("--require-signatures", is_flag=True, help="A row without a signature is a break.")
@click.option("--pairwise", is_flag=True, help="The chain is one of v0.7 or v1.0, linked in pairs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every break.")
def verify_chain(
    database: Database,
    head: str | None,
    keys: tuple[str, ...],
    require_signatures: bool,
    pairwise: bool,
    as_json: bool,
) -> None:
    """
    Verify every row of the chain in DATABASE, and list every break.

    Exit codes: 0 it holds; 1 it is broken; 2 it cannot be read.
    """
    saved = None if head is None else parse_head(head)
    trusted = [_digits("--key", key, KEY_BYTES) for key in keys]
    links: Sequence[Links] = ()
    last_seen = saved.hash if saved else None
    demand = require_signatures
    if pairwise:
        with closing(database.connect_file(read_only=True)) as file:
            old = verify_pairwise(file, head=last_seen, keys=trusted, require_signatures=demand)
        rows, last, breaks, links = old.rows, old.head, old.breaks, old.links
    else:
        with database.read_only() as connection:
            database.require_table(connection, "signed_events")
            seen = verify(connection, head=last_seen, keys=trusted, require_signatures=demand)
        rows, last, breaks = seen.rows, seen.head, seen.breaks
    if as_json:
        document = _document(database.name, rows, last, breaks)
        if pairwise:
            document |= {"links": _told(links), "cannot_see": BLIND_SPOTS}
        say(to_json(document, indent=2))
    else:
        _show(database.name, rows, last, breaks, saved)
        for each in links:
            say(f"rows {each.first} to {each.last}: {each.encoding} links")
        if pairwise and not breaks:
            say("Such a chain cannot show:")
            for spot in BLIND_SPOTS:
                say(f"- {spot}")
    raise SystemExit(1 if breaks else 0)


@command.command("migrate")
@DATABASE
@click.option("--yes", is_flag=True, help="Do not ask.")
def migrate_chain(database: Database, yes: bool) -> None:
    """
    Rename a chain of v0.7 or v1.0 in DATABASE, and begin a new chain.

    The old tables are renamed, not changed, and the first row of the new chain describes the
    old one.  Software that wrote the old chain cannot use the database any more.  Exit codes:
    0 migrated; 2 nothing was changed.
    """
    with closing(database.connect_file(read_only=True)) as file, translated("read the chain"):
        require_pairwise(file, database.name)
    if not yes and not click.confirm(f"Rename the tables of the chain in {database.name}?"):
        raise click.Abort
    with closing(database.connect_file()) as connection:
        moment = format_timestamp(time.time_ns())
        old, head = migrate_pairwise(connection, database.name, timestamp=moment)
    found = f", {len(old.breaks):,} breaks" if old.breaks else ""
    say(f"{old.rows:,} rows{found} are in signed_events_pairwise now")
    say(f"head {written(head)}")


# Heads


def written(head: Head) -> str:
    """Write a head the way `parse_head` reads it."""
    return f"{head.sequence}:{head.hash.hex()}"


def parse_head(text: str) -> Head:
    """
    Read a saved head; `@` names a file that holds one.

    The number before the colon may be left out: the hash covers it.
    """
    if text.startswith("@"):
        try:
            text = read_file(Path(text[1:]), "saved head").decode("ascii")
        except Invalid as error:
            raise click.UsageError(f"--head {text}: {error}") from None
        except ValueError:
            raise click.UsageError(f"--head {text}: the file holds no head") from None
    number, _, digits = text.strip().rpartition(":")
    if not re.fullmatch("[0-9]{0,19}", number):  # SQLite counts rows in 63 bits
        raise click.UsageError(f"--head: {shown(number)} is not the number of a row")
    return Head(int(number or 0), _digits("--head", digits, HASH_BYTES))


def _digits(option: str, text: str, size: int) -> bytes:
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", text):
        raise click.UsageError(
            f"{option}: {2 * size} hexadecimal digits are needed, not {shown(text)}"
        )
    return bytes.fromhex(text)


# Showing


def _show(
    database: str, rows: int, last: Head, breaks: Sequence[Break], saved: Head | None
) -> None:
    console = terminal()
    count = f"{rows:,} row{'' if rows == 1 else 's'}"
    if not breaks:
        console.print(Text(f"✓ {database}: {count} hold", style="green"), soft_wrap=True)
    else:
        table = Table(box=None, pad_edge=False)
        table.add_column("row", justify="right", no_wrap=True)
        table.add_column("what", no_wrap=True)
        table.add_column("detail", overflow="fold")
        for each in breaks[:SHOWN]:
            place = "—" if each.sequence is None else str(each.sequence)
            table.add_row(place, Text(each.kind.value), Text(printable(each.detail)))
        found = f"{len(breaks):,} break{'' if len(breaks) == 1 else 's'} in {count}"
        console.print(Text(f"✗ {database}: {found}", style="bold red"), soft_wrap=True)
        console.print(table)
        if len(breaks) > SHOWN:
            console.print(f"… and {len(breaks) - SHOWN:,} more: --json prints them all")
    console.print(f"head {written(last)}", soft_wrap=True)
    if saved is None and last != GENESIS and not breaks:
        console.print(
            "No saved head was given, so rows that were cut off the end would not show.",
            soft_wrap=True,
        )


def _document(database: str, rows: int, last: Head, breaks: Sequence[Break]) -> dict[str, Any]:
    return {
        "database": database,
        "holds": not breaks,
        "rows": rows,
        "head": written(last),
        "breaks": [
            {"sequence": each.sequence, "kind": each.kind.value, "detail": each.detail}
            for each in breaks
        ],
    }


def _told(links: Sequence[Links]) -> list[dict[str, Any]]:
    return [
        {"first": each.first, "last": each.last, "encoding": each.encoding.value} for each in links
    ]
