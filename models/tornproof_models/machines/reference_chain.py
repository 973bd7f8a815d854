"""
A chain under test: the reference's, in a database in memory.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from tornproof.chain import Break, Ed25519Signer, Entry, append, connect, prepare, verify
from tornproof.chain.append import read_head
from tornproof.chain.pairwise import BLIND_SPOTS, verify_pairwise

from tornproof_models.faulty_database import MemoryDatabase

OldVerification: TypeAlias = tuple[Sequence[Break], Sequence[str]]
"""The breaks of a chain of v0.7, and what its verification cannot see."""


def verify_old_chain(
    database: Path, *, head: bytes | None = None, keys: Sequence[bytes] = ()
) -> OldVerification:
    """Verify a chain of v0.7 with the reference."""
    with closing(connect(database, read_only=True)) as connection:
        return verify_pairwise(connection, head=head, keys=keys).breaks, BLIND_SPOTS


class ReferenceChain:
    """The reference's chain; whoever tampers with it does so in SQL."""

    def __init__(self) -> None:
        self._database = MemoryDatabase()
        self._signer = Ed25519Signer(bytes(32))
        self._rows = 0
        self.connection = self._database.anchor
        prepare(self.connection, "memory")

    def connect(self) -> sqlite3.Connection:
        """Open another connection to the same database."""
        return self._database.connect()

    def append(self, agent_id: str, event_type: str = "type", *, signed: bool = False) -> None:
        """Append a row of its own id."""
        self._rows += 1
        time = f"2026-01-31T12:00:{self._rows:02d}Z"
        entry = Entry(f"id-{self._rows}", agent_id, event_type, time, b"{}")
        append(self.connection, [entry], signer=self._signer if signed else None)

    def head(self) -> bytes:
        """Read the last hash."""
        return read_head(self.connection).hash

    def verify(self, *, head: bytes | None = None, with_key: bool = False) -> tuple[Break, ...]:
        """Verify it, and name every break."""
        keys = [self._signer.public_key] if with_key else []
        return verify(self.connection, head=head, keys=keys).breaks

    def close(self) -> None:
        """Forget the database."""
        self._database.close()
