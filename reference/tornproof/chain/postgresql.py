"""
A connection to a chain in PostgreSQL (DRN-30).

Whoever outgrows one machine keeps the chain, its dead letters and the positions of the spools
in a server's database: several drainers on several machines, each with a spool of its own,
land events in one chain.  Tables, transactions and contract are the same.

Every commit waits until the server has it on its disk, whatever the server's default is
(DRN-17).  A connection that was lost is made anew by the next transaction, never in the
middle of one.

This module needs psycopg 3: `pip install 'tornproof[postgresql]'`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from tornproof.chain.dialect import POSTGRESQL, Dialect, Rows
from tornproof.chain.server_errors import CONNECTION_LOST, ServerError
from tornproof.errors import Invalid

LOCK_TIMEOUT = 250
"""
Milliseconds that a statement waits for another session's lock.

Short, as for SQLite: the drainer has a back-off of its own.
"""

REACH_TIMEOUT = 5
"""Seconds in which the server must take a connection, or acknowledge what was sent to it."""

SETTINGS = (
    "SET synchronous_commit = on",
    f"SET lock_timeout = {LOCK_TIMEOUT}",
    "SET client_encoding = 'UTF8'",
)

BEGIN, ENDS = "BEGIN", ("COMMIT", "ROLLBACK")

NOT_TEXT = "22021"
"""The code for text that a column cannot hold; psycopg refuses U+0000 before the server does."""


class PostgresqlConnection:
    """
    A connection that the chain and the drainer can use.

    It may be used by any one thread at a time.  What fails is raised as `ServerError`.
    """

    dialect: ClassVar[Dialect] = POSTGRESQL

    def __init__(self, address: str, *, read_only: bool = False) -> None:
        """Connect.  Raises `ServerError`, and `Invalid` for an address or a server of no use."""
        self._address = address
        self._read_only = read_only
        self._connection = self._connect()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; one whose connection was lost is not."""
        status = self._connection.info.transaction_status
        return status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Rows:
        """
        Run a statement; `?` stands for each parameter.

        Only BEGIN takes a new connection where the old one was lost: what follows it must
        not run without the transaction in which it was meant.
        """
        try:
            if statement == BEGIN and self._connection.closed:
                self._connection = self._connect()
            return self._connection.execute(statement.replace("?", "%s"), parameters)
        except psycopg.Error as error:
            raise _server_error(error) from error

    def close(self) -> None:
        """Let go of the connection; what was not committed is gone."""
        self._connection.close()

    def _connect(self) -> "psycopg.Connection[Any]":
        try:
            connection = psycopg.connect(
                self._address,
                autocommit=True,
                prepare_threshold=None,
                connect_timeout=REACH_TIMEOUT,
                tcp_user_timeout=1000 * REACH_TIMEOUT,
            )
            for statement in SETTINGS:
                connection.execute(statement)
            if self._read_only:
                connection.execute("SET default_transaction_read_only = on")
            row = connection.execute("SELECT current_setting('fsync')").fetchone()
        except psycopg.Error as error:
            raise _server_error(error) from error
        if row is None or row[0] != "on":
            connection.close()
            raise Invalid(
                f"{safe_name(self._address)} runs with fsync = off, so none of its commits is "
                "durable: turn it on"
            )
        return connection


def connect(address: str, *, read_only: bool = False) -> PostgresqlConnection:
    """
    Open a connection whose commits are durable; touches no table.

    Raises `ServerError` as it comes, for the drainer to classify, and `Invalid`.
    """
    return PostgresqlConnection(address, read_only=read_only)


def safe_name(address: str) -> str:
    """Name a database without its password.  Raises `Invalid` for what is no address."""
    try:
        parts = conninfo_to_dict(address)
    except psycopg.ProgrammingError as error:
        raise Invalid(f"not an address of PostgreSQL: {error}") from None
    host, name = parts.get("host", ""), parts.get("dbname", "")
    port = f":{parts['port']}" if "port" in parts else ""
    return f"postgresql://{host}{port}/{name}"


def _server_error(error: psycopg.Error) -> ServerError:
    """Say what failed; what psycopg complains of by itself is a connection's end, or a text."""
    code = error.sqlstate
    if code is None:
        if isinstance(error, psycopg.ProgrammingError):
            raise error  # a defect of ours
        code = NOT_TEXT if isinstance(error, psycopg.DataError) else CONNECTION_LOST
    text = error.diag.message_primary or str(error) or type(error).__name__
    return ServerError(code, " ".join(text.split()), error.diag.constraint_name)
