"""
The differences between SQLite and PostgreSQL.

The chain and the drainer use a few statements of SQL that SQLite and PostgreSQL both
understand, with `?` for a parameter.  This module has what differs: the tables' types,
how a transaction takes the write lock with its first statement (CHN-8), and how to ask for
the columns of a table.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

from attrs import frozen


class Rows(Protocol):
    """What a statement returns."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement has changed."""

    def fetchone(self) -> Any:
        """Return the next row, or none."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""


class Connection(Protocol):
    """A connection to the database of a chain: SQLite's, or one of `tornproof.chain.postgresql`."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Rows:
        """Run a statement; `?` stands for each parameter."""

    def close(self) -> None:
        """Let go of the connection; what was not committed is gone."""


@frozen
class Dialect:
    """The statements that differ in one kind of database."""

    schema: str
    """The statements that create what is missing of the tables, with `;` between them."""

    begin: Sequence[str]
    """The statements that begin a transaction and take the write lock."""

    columns: str
    """The query for the names of a table's columns, in their order; the table is its parameter."""

    arrival: str
    """The column that orders rows of one sequence, which only an edited chain has."""


TABLES = """
CREATE TABLE IF NOT EXISTS signed_events (
    id           TEXT PRIMARY KEY,
    agent_id     TEXT NOT NULL,
    event_type   TEXT NOT NULL,
    payload_hash BLOB NOT NULL,
    signature    BLOB,
    attest_level TEXT NOT NULL DEFAULT 'unsigned',
    timestamp    TEXT NOT NULL,
    prev_hash    BLOB,
    sequence     INTEGER,
    payload      BLOB NOT NULL,
    public_key   BLOB,
    row_hash     BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS signed_events_sequence ON signed_events (sequence);
CREATE INDEX IF NOT EXISTS signed_events_agent ON signed_events (agent_id);
CREATE INDEX IF NOT EXISTS signed_events_type ON signed_events (event_type);
CREATE INDEX IF NOT EXISTS signed_events_timestamp ON signed_events (timestamp);

CREATE TABLE IF NOT EXISTS signed_events_dlq (
    dlq_id         INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL,
    agent_id       TEXT NOT NULL,
    event_type     TEXT NOT NULL,
    payload_hash   BLOB NOT NULL,
    signature      BLOB,
    attest_level   TEXT NOT NULL DEFAULT 'unsigned',
    timestamp      TEXT NOT NULL,
    failure_reason TEXT NOT NULL,
    failed_at      TEXT NOT NULL,
    payload        BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS signed_events_dlq_id ON signed_events_dlq (id);
CREATE INDEX IF NOT EXISTS signed_events_dlq_failed_at ON signed_events_dlq (failed_at);
CREATE INDEX IF NOT EXISTS signed_events_dlq_agent ON signed_events_dlq (agent_id);

CREATE TABLE IF NOT EXISTS signed_events_database (
    "only" INTEGER PRIMARY KEY CHECK ("only" = 1),
    id     TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS signed_events_spools (
    spool_id TEXT PRIMARY KEY,
    position INTEGER NOT NULL
);
"""
"""
The chain, the dead-letter queue, and what ties them to their spools.

Columns up to `sequence` are those of the v0.7 schema.  `payload` keeps the
canonical bytes, without which a hash says nothing; `row_hash` shows an edit of
the last row, which no later row covers.  A spool's position counts bytes of its
journal: every event below it has landed.
"""

_IN_POSTGRESQL = (
    ("(sequence);", "(sequence DESC NULLS LAST);"),  # as the head is read
    ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    ("INTEGER", "BIGINT"),
    ("BLOB", "BYTEA"),
)

WRITE_LOCK = 0x544F524E50524F46
"""The number of the advisory lock that appenders hold in PostgreSQL: the letters `TORNPROF`."""

SQLITE = Dialect(
    schema=TABLES,
    begin=("BEGIN IMMEDIATE",),
    columns="SELECT name FROM pragma_table_info(?)",
    arrival="rowid",
)


def _in_postgresql(tables: str) -> str:
    for ours, theirs in _IN_POSTGRESQL:
        tables = tables.replace(ours, theirs)
    return tables


POSTGRESQL = Dialect(
    schema=_in_postgresql(TABLES),
    begin=("BEGIN", f"SELECT pg_advisory_xact_lock({WRITE_LOCK})"),
    columns=(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(?)"
        " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    ),
    arrival="ctid",
)
"""
The same tables in PostgreSQL.

The lock belongs to the transaction, so a server that ends it lets go of it, and it leaves
tables readable; SERIALIZABLE would need no lock, and would fail each of two appenders that
meet instead of letting one wait.
"""


def dialect_of(connection: Connection) -> Dialect:
    """Say which dialect a connection speaks: SQLite's unless it says otherwise."""
    return cast("Dialect", getattr(connection, "dialect", SQLITE))
