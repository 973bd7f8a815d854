"""Chains in memory, for the tests of chains."""

import sqlite3
from typing import Any

from tornproof.chain import Ed25519Signer, Entry, append, prepare

Database = sqlite3.Connection


def entry(number: int) -> Entry:
    return Entry(f"id-{number}", f"agent-{number}", "type", "2026", b"payload %d" % number)


def chain_of(rows: int, signer: Ed25519Signer | None = None) -> Database:
    """A database in memory with so many rows."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    prepare(connection, "memory")
    append(connection, map(entry, range(1, rows + 1)), signer=signer)
    return connection


def rows_of(connection: Database) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT * FROM signed_events ORDER BY sequence").fetchall()
