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
from tornproof.chain.database import ADDRESSES, columns_of, connector, require_shape, translated
from tornproof.chain.dialect import Connection
from tornproof.chain.pairwise import COLUMNS
from tornproof.chain.verify import any_text
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
            self._require_file()
        name, connect = connector(self.given, read_only=read_only)
        with translated(f"open {name}"):
            return connect()

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        """Open it to read; nothing is created beside it or in it."""
        with closing(self.connect(read_only=True)) as connection, any_text(connection):
            yield connection

    def connect_file(self, *, read_only: bool = False) -> sqlite3.Connection:
        """Open a file of SQLite, where an old chain lives.  Raises `Invalid` for a server's."""
        if self.is_address:
            raise Invalid(f"{self.name} is no file: chains of v0.7 and v1.0 live in SQLite")
        connection = self.connect(read_only=read_only)
        assert isinstance(connection, sqlite3.Connection)
        return connection

    def _require_file(self) -> None:
        """Raise `Invalid` unless a file is there; `connector` looks whether it is SQLite's."""
        if Path(self.given).is_dir():
            raise Invalid(f"{self.given} is a directory: name the database file in it")
        if not Path(self.given).exists():
            raise Invalid(f"no such file: {self.given}")

    def require_table(self, connection: Connection, table: str) -> None:
        """Raise `WrongSchema` if a table is not there, or of another shape than ours."""
        with translated(f"read {self.name}"):
            names = set(columns_of(connection, "signed_events"))
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
