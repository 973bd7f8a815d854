"""
The tables of a chain in a SQLite database.

The database may be an application's own, with other tables.  A table with one of the chain's
names and other columns is refused, and not changed.

Every commit is durable before it returns (DRN-17).  In a write-ahead log that
takes `synchronous=FULL`; SQLite's own recommendation for a log, NORMAL, lets a
power cut undo the last commits, which is hole H11.
"""

import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from importlib import import_module

from tornproof.chain.dialect import SQLITE, Connection, dialect_of
from tornproof.chain.server_errors import ServerError, from_server_error
from tornproof.errors import (
    BrokenConnection,
    Conflict,
    Invalid,
    Irregular,
    WrongSchema,
    from_os_error,
)
from tornproof.kv.evidence import at, read_header, unchanged
from tornproof.kv.identity import header_fields
from tornproof.kv.sqlite_errors import from_sqlite_error

BUSY_TIMEOUT = 0.25
"""
Seconds that one statement waits for another connection's lock.

Short, because the drainer has a back-off of its own and somebody may be waiting
for it to stop.
"""

_HEADER_BYTES = 100
"""The header of an SQLite file ("Database File Format", section 1.3)."""

ADDRESSES = ("postgresql://", "postgres://")
"""How an address of PostgreSQL begins (RFC 3986; "Connection URIs" in libpq's manual)."""

Connect = Callable[[], Connection]
"""Opens a new connection to the one database; tests put one here that fails on purpose."""


def configure(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Make every commit of a connection durable before it returns, and return the connection."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def immediate(connection: Connection) -> Iterator[None]:
    """
    Run a transaction that holds the write lock from its first statement (CHN-8).

    If the COMMIT reports an error the transaction may have committed all the
    same; whoever runs it again must first look (DRN-7).  Raises
    `BrokenConnection` if the transaction cannot be rolled back.
    """
    try:
        for statement in dialect_of(connection).begin:
            connection.execute(statement)
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            _roll_back(connection)
        raise


def connect(
    path: str | os.PathLike[str],
    *,
    read_only: bool = False,
) -> sqlite3.Connection:
    """
    Open a connection whose commits are durable; touches no table.

    With `read_only` nothing is changed, and no file appears beside the database
    (AUD-17).  Raises `sqlite3.Error` as it comes, for the drainer to classify,
    and `OSError`.  It may be used by any one thread at a time.
    """
    name = os.fspath(path)
    with unchanged(name) if read_only else at(name) as address:
        connection = sqlite3.connect(
            address,
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if read_only:
                connection.execute("SELECT count(*) FROM sqlite_master")  # opens the log
                return connection
            return configure(connection)
        except BaseException:
            connection.close()
            raise


def connector(database: str | os.PathLike[str], *, read_only: bool = False) -> tuple[str, Connect]:
    """
    Return the name of a database for messages, and what opens connections to it.

    `database` is the path of a file of SQLite, or an address like
    `postgresql://user@host/name` (DRN-30).  Raises `NotADatabase` for another
    file, and `Invalid` for an address that is none, or without psycopg.
    """
    name = os.fspath(database)
    if not name.startswith(ADDRESSES):
        require_sqlite(name)
        return name, partial(connect, name, read_only=read_only)
    try:
        postgresql = import_module("tornproof.chain.postgresql")
    except ImportError as error:
        raise Invalid(
            f"PostgreSQL needs psycopg: pip install 'tornproof[postgresql]' ({error})"
        ) from None
    return postgresql.safe_name(name), partial(postgresql.connect, name, read_only=read_only)


def prepare(connection: Connection, name: str) -> str:
    """
    Create what is missing of the tables, and return the id of the database.

    The id is minted with the tables; a spool remembers it, so that it is never
    drained into another database.  A database that has everything is only read.
    Raises `WrongSchema` for a table of another shape, before anything is
    changed, and the errors of `from_sqlite_error`.
    """
    with translated(f"prepare {name}"):
        absent = require_shape(connection, name)
        if absent:
            with immediate(connection):
                create(connection)
        (identity,) = connection.execute("SELECT id FROM signed_events_database").fetchone()
    return str(identity)


def create(connection: Connection) -> None:
    """Create what is missing of the tables, inside the caller's transaction."""
    for statement in filter(str.strip, dialect_of(connection).schema.split(";")):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO signed_events_database VALUES (1, ?) ON CONFLICT DO NOTHING",
        (str(uuid.uuid4()),),
    )


def require_shape(connection: Connection, name: str) -> list[str]:
    """
    Raise `WrongSchema` if a table under one of our names lacks a column of ours.

    Returns the tables that are not there at all.
    """
    absent = []
    for table, columns in _shapes().items():
        found = columns_of(connection, table)
        missing = ", ".join(column for column in columns if column not in found)
        if not found:
            absent.append(table)
        elif missing:
            raise WrongSchema(
                f"{name}: table {table} has no column {missing}; it is of another version or "
                "another application, and was not changed (`tornproof chain migrate` moves "
                "tables of v0.7 aside)"
            )
    return absent


def require_sqlite(path: str) -> None:
    """
    Raise `NotADatabase` for a file that SQLite would take for an empty one and overwrite.

    A missing or empty file is nobody's and may become ours.
    """
    try:
        header = read_header(path, _HEADER_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise from_os_error(error, f"read {path}") from error
    if header:
        header_fields(header, path)


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Put what the database says into the hierarchy of this package."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a defect of ours
    except sqlite3.IntegrityError as error:
        raise Conflict(f"cannot {action}: {error}; nothing was written") from error
    except sqlite3.Error as error:
        raise from_sqlite_error(error, action) from error
    except ServerError as error:
        raise from_server_error(error, action) from error
    except Irregular as error:
        raise from_os_error(error, action) from error


def _roll_back(connection: Connection) -> None:
    try:
        connection.execute("ROLLBACK")
    except (sqlite3.Error, ServerError) as error:
        raise BrokenConnection(f"cannot roll back: {error}; open a new connection") from error


@cache
def _shapes() -> Mapping[str, Sequence[str]]:
    """Read the columns of our tables out of the schema itself."""
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.executescript(SQLITE.schema)
        names = memory.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'signed%'"
        )
        found = {name: columns_of(memory, name) for (name,) in names.fetchall()}
    return {name: columns for name, columns in found.items() if columns}


def columns_of(connection: Connection, table: str) -> Sequence[str]:
    """Name the columns of a table; none if there is no such table."""
    found = connection.execute(dialect_of(connection).columns, (table,))
    return [name for (name,) in found]
