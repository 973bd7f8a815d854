"""The store on disk says what went wrong, and leaves a batch whole or absent."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tornproof.errors import (
    Busy,
    Corrupt,
    InputOutput,
    NoSpace,
    ReadOnly,
    TornproofError,
)
from tornproof.kv import SqliteKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.machines.sqlite_process import Died, DyingConnection, Fuse, SqliteProcess


@requirement("AUD-13")
def test_is_durable_at_commit(tmp_path: Path) -> None:
    """The settings that make a commit durable are in force."""
    made: list[sqlite3.Connection] = []

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made.append(sqlite3.connect(*arguments, **options))
        return made[-1]

    SqliteKeyValueStore(tmp_path / "db", connect=connect)

    assert made[0].execute("PRAGMA synchronous").fetchone() == (2,)
    assert made[0].execute("PRAGMA journal_mode").fetchone() == ("wal",)
    made[0].close()


@requirement("AUD-10")
def test_can_die_at_any_statement_of_its_creation(tmp_path: Path) -> None:
    """However far the first opening came, the second makes a good store."""
    survived = 0
    for statements in range(20):
        path = tmp_path / f"{statements}.db"
        fuse = Fuse(statements)
        connect = partial(sqlite3.connect, factory=partial(DyingConnection, fuse=fuse))
        try:
            SqliteKeyValueStore(path, connect=connect).close()
            survived += 1
        except Died:
            pass
        store = SqliteKeyValueStore(path)
        assert store.write({b"key": b"value"})
        store.close()

    assert 0 < survived < 20


@requirement("AUD-10")
def test_a_batch_is_whole_or_absent_wherever_the_process_dies() -> None:
    """Between any two statements of a write, all of its changes are there or none."""
    outcomes = []
    for statements in range(8):
        process = SqliteProcess()
        try:
            with process.dying_after(statements):
                process.store.write({b"a": b"1", b"b": b"2", b"c": b"3"}, expected={b"a": None})
        except Died:
            pass
        outcomes.append(list(process.store.keys(b"", b"z")))
        process.close()

    assert outcomes == [[]] * 6 + [[b"a", b"b", b"c"]] * 2


def test_waits_for_another_writer_and_then_says_so(tmp_path: Path) -> None:
    """A write that cannot have the lock gives a typed error and changes nothing."""
    store = SqliteKeyValueStore(tmp_path / "db", busy_timeout=0.01)
    other = sqlite3.connect(tmp_path / "db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Busy, match="another process is writing") as refused:
        store.write({b"key": b"value"})
    other.execute("ROLLBACK")

    assert refused.value.definite
    assert store.get(b"key") is None
    assert store.write({b"key": b"value"})
    other.close()
    store.close()


def test_a_damaged_file_is_damage(tmp_path: Path) -> None:
    """Damage in the tree is reported as such, with a way out."""
    path = tmp_path / "db"
    with closing(SqliteKeyValueStore(path)) as store:
        store.write({bytes([number]): bytes(500) for number in range(100)})
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)

    with (
        pytest.raises(Corrupt, match="build it again from its journal"),
        closing(SqliteKeyValueStore(path)) as store,
    ):
        store.get(b"\x07")


class FailingConnection(sqlite3.Connection):
    """Reports an error of SQLite's own making in front of a statement."""

    failing = ""
    code = sqlite3.SQLITE_OK

    def execute(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Fail, or execute."""
        if self.failing and statement.startswith(self.failing):
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = self.code
            error.sqlite_errorname = "SQLITE_INJECTED"
            raise error
        return super().execute(statement, parameters)


@pytest.mark.parametrize("failing", ["BEGIN", "REPLACE", "COMMIT"])
@pytest.mark.parametrize(
    ("code", "error", "definite"),
    [
        (sqlite3.SQLITE_FULL, NoSpace, False),
        (sqlite3.SQLITE_IOERR | 4 << 8, InputOutput, False),
        (sqlite3.SQLITE_READONLY, ReadOnly, True),
        (sqlite3.SQLITE_LOCKED, Busy, True),
        (sqlite3.SQLITE_CORRUPT | 1 << 8, Corrupt, True),
    ],
)
def test_a_failed_write_is_typed_and_undone(
    tmp_path: Path, failing: str, code: int, error: type[TornproofError], definite: bool
) -> None:
    """Whichever statement fails, the error says what kind it is, and the next write works."""
    connection: list[FailingConnection] = []

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection.append(FailingConnection(*arguments, **options))
        return connection[0]

    store = SqliteKeyValueStore(tmp_path / "db", connect=connect)
    connection[0].failing, connection[0].code = failing, code

    with pytest.raises(error, match=r"cannot write .*db: injected") as refused:
        store.write({b"key": b"value"})
    connection[0].failing = ""

    assert refused.value.definite == definite
    assert store.get(b"key") is None
    assert store.write({b"key": b"value"})
    store.close()
