"""
Rename the tables of v0.7 or v1.0, and continue with a cumulative chain.

Old rows cannot become rows of this chain: their payloads were not stored, and their hashes do
not cover earlier rows.  So they stay unchanged, under another name, and the first row of the
new chain describes them: how many rows, the number of the last one, and the hash of its
length-prefixed bytes.  The old rows can still be verified (CHN-9, CHN-10), and compared with
that first row.
"""

import json
import sqlite3

from tornproof.chain.append import Signer, insert, read_head
from tornproof.chain.database import columns_of, create, immediate, translated
from tornproof.chain.pairwise import COLUMNS, PairwiseVerification, verify_pairwise
from tornproof.chain.row import Entry, Head
from tornproof.errors import WrongSchema

MIGRATED = "chain.migrated"
"""Type of the row that says what the old chain was."""

ASIDE = "_pairwise"
"""What the old tables have behind their names from then on."""

_TABLES = ("signed_events", "signed_events_dlq")


def require_pairwise(connection: sqlite3.Connection, name: str) -> None:
    """Raise `WrongSchema` where there is no pairwise chain, or where one was moved aside before."""
    columns = columns_of(connection, "signed_events")
    if "row_hash" in columns or not set(COLUMNS) <= set(columns):
        raise WrongSchema(f"{name} has no chain of v0.7 or v1.0: nothing was changed")
    if columns_of(connection, f"signed_events{ASIDE}"):
        raise WrongSchema(f"{name} has had a chain moved aside before: nothing was changed")


def migrate_pairwise(
    connection: sqlite3.Connection, name: str, *, timestamp: str, signer: Signer | None = None
) -> tuple[PairwiseVerification, Head]:
    """
    Rename the tables of a pairwise chain, make those of this one, and append what the old was.

    All of it in one transaction.  `timestamp` is that of the row, as RFC 3339.
    Returns what a verification of the old chain saw, whatever it saw, and the new
    head.  Raises `WrongSchema`, before anything is changed, where there is no
    such chain or where it was moved aside before, and the errors of
    `from_sqlite_error`.
    """
    with translated(f"migrate {name}"), immediate(connection):
        require_pairwise(connection, name)
        old = verify_pairwise(connection)
        for table in _TABLES:
            if columns_of(connection, table):
                connection.execute(f"ALTER TABLE {table} RENAME TO {table}{ASIDE}")
        create(connection)
        was = {
            "breaks": len(old.breaks),
            "head": old.head.hash.hex(),
            "rows": old.rows,
            "sequence": old.head.sequence,
            "table": f"signed_events{ASIDE}",
        }
        payload = json.dumps(was, sort_keys=True, separators=(",", ":")).encode()
        entry = Entry(
            f"migrated-{old.head.hash.hex()[:32]}", "tornproof", MIGRATED, timestamp, payload
        )
        head = insert(connection, read_head(connection), entry, signer=signer)
    return old, head
