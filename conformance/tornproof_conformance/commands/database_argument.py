"""
The DATABASE that `tornproof chain` and `tornproof dlq` are given.

A file of SQLite, which must be there, or an address of PostgreSQL (DRN-30).  It is named
without its password.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
from attrs import frozen
from tornproof.chain.database import ADDRESSES, connector, require_shape, require_sqlite, translated
from tornproof.chain.dialect import Connection, dialect_of
from tornproof.chain.pairwise import COLUMNS
from tornproof.errors import Invalid, WrongSchema


@frozen
class Database:
    """What a command was given, as it was written."""

    given: str

    @property
    def name(self) -> str:
        """What messages call it."""
        return connector(self.given)[0] if self.is_address else self.given

    @property
    def is_address(self) -> bool:
        """Whether it is a server's."""
        return self.given.startswith(ADDRESSES)

    def connect(self, *, read_only: bool = False) -> Connection:
        """Open it.  Raises `Invalid` or `NotADatabase` unless it is there."""
        if not self.is_address:
            self.require_file()
        name, connect = connector(self.given, read_only=read_only)
        with translated(f"open {name}"):
            return connect()

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        """Open it to read; nothing is created beside it or in it."""
        with closing(self.connect(read_only=True)) as connection:
            if isinstance(connection, sqlite3.Connection):
                connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
            yield connection

    def connect_file(self, *, read_only: bool = False) -> sqlite3.Connection:
        """Open a file of SQLite, where an old chain lives.  Raises `Invalid` for a server's."""
        connection = self.connect(read_only=read_only)
        if not isinstance(connection, sqlite3.Connection):
            connection.close()
            raise Invalid(f"{self.name} is no file: chains of v0.7 and v1.0 live in SQLite")
        return connection

    def require_file(self) -> None:
        """Raise `Invalid` or `NotADatabase` unless an SQLite file is there."""
        if Path(self.given).is_dir():
            raise Invalid(f"{self.given} is a directory: name the database file in it")
        if not Path(self.given).exists():
            raise Invalid(f"no such file: {self.given}")
        require_sqlite(self.given)

    def require_table(self, connection: Connection, table: str) -> None:
        """Raise `WrongSchema` if a table is not there, or of another shape than ours."""
        with translated(f"read {self.name}"):
            query = dialect_of(connection).columns
            names = {name for (name,) in connection.execute(query, ("signed_events",))}
            if names.issuperset(COLUMNS) and "row_hash" not in names:
                raise WrongSchema(
                    f"{self.name} seems to hold a chain of v0.7 or v1.0: "
                    "`tornproof chain verify --pairwise` can verify it"
                )
            if table in require_shape(connection, self.name):
                raise WrongSchema(f"{self.name} has no table {table}")


DATABASE = click.argument(
    "database", type=click.Path(), callback=lambda _context, _argument, given: Database(given)
)
