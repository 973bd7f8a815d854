"""Both key-value stores are one ordered map; the one on disk is careful whose file it takes."""

import os
import shutil
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from tornproof.errors import (
    Busy,
    Closed,
    Corrupt,
    InputOutput,
    Invalid,
    NewerVersion,
    NoSpace,
    NotADatabase,
    ReadOnly,
    TornproofError,
)
from tornproof.kv import KeyValueStore, MemoryKeyValueStore, SqliteKeyValueStore
from tornproof.kv.protocol import LARGEST_PAGE_KEYS
from tornproof_conformance.pytest_plugin import requirement
from tornproof_models.machines.sqlite_process import Died, DyingConnection, Fuse, SqliteProcess

# One conformance test for both


class AsOrderedMap(RuleBasedStateMachine):
    """Writes, guards and scans, against a dictionary that is sorted when it is asked."""

    kind = "memory"

    keys = st.binary(max_size=2)
    values = st.binary(max_size=3)
    changes = st.dictionaries(keys, st.none() | values, max_size=4)

    def __init__(self) -> None:
        super().__init__()
        self.process = SqliteProcess() if self.kind == "sqlite" else None
        self.store: KeyValueStore = self.process.store if self.process else MemoryKeyValueStore()
        self.model: dict[bytes, bytes] = {}

    @rule(changes=changes)
    def write(self, changes: dict[bytes, bytes | None]) -> None:
        """A batch makes all its changes."""
        assert self.store.write(changes)
        self._apply(changes)

    @rule(changes=changes, expected=changes)
    def write_guarded(
        self, changes: dict[bytes, bytes | None], expected: dict[bytes, bytes | None]
    ) -> None:
        """A guarded batch makes all its changes if every guard holds, and else none."""
        holds = all(self.model.get(key) == value for key, value in expected.items())

        assert self.store.write(changes, expected=expected) == holds
        if holds:
            self._apply(changes)

    @rule(key=keys)
    def get(self, key: bytes) -> None:
        """A get returns the value, or none."""
        assert self.store.get(key) == self.model.get(key)

    @rule(start=keys, end=keys, reverse=st.booleans())
    def scan(self, start: bytes, end: bytes, reverse: bool) -> None:
        """A scan yields the keys of a half-open range, either way round."""
        expected = sorted((key for key in self.model if start <= key < end), reverse=reverse)

        assert list(self.store.keys(start, end, reverse=reverse)) == expected

    @rule()
    def reopen(self) -> None:
        """What is on disk stays."""
        if self.process:
            self.process.reopen()
            self.store = self.process.store

    def teardown(self) -> None:
        """Clean up."""
        if self.process:
            self.process.close()

    def _apply(self, changes: dict[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.model.pop(key, None)
            else:
                self.model[key] = value


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_is_an_ordered_map(kind: str) -> None:
    """Every answer is that of a sorted dictionary."""
    machine = type("AsOrderedMap", (AsOrderedMap,), {"kind": kind})

    run_state_machine_as_test(machine, settings=settings(max_examples=40))


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValueStore]:
    """One store of each kind."""
    made: KeyValueStore = (
        MemoryKeyValueStore() if request.param == "memory" else SqliteKeyValueStore(tmp_path / "db")
    )
    yield made
    made.close()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "keys",
    [
        [struct.pack(">I", number) for number in range(3 * LARGEST_PAGE_KEYS)],
        [bytes(length) for length in range(100)],
    ],
    ids=["numbers", "zeros"],
)
def test_scans_across_pages(store: KeyValueStore, keys: list[bytes], reverse: bool) -> None:
    """Pages join without a gap or a repetition, whatever their sizes and their keys."""
    store.write(dict.fromkeys(keys, b""))

    found = list(store.keys(keys[1], keys[-1], reverse=reverse))

    assert found == (keys[1:-1][::-1] if reverse else keys[1:-1])


def test_may_be_written_to_during_a_scan(store: KeyValueStore) -> None:
    """A scan yields what was there throughout, once, whatever is written meanwhile."""
    keys = [bytes([number]) for number in range(50)]
    store.write(dict.fromkeys(keys, b""))

    found = []
    for key in store.keys(b"", b"\xff"):
        found.append(key)
        store.write({key: b"again", key + b"!": b"new", bytes([49]): None})

    assert [key for key in found if len(key) == 1 and key != bytes([49])] == keys[:-1]
    assert len(found) == len(set(found))


def test_says_that_it_is_closed(store: KeyValueStore) -> None:
    """A closed store refuses everything with a typed error, and closes again in peace."""
    store.close()
    store.close()

    for use in (
        lambda: store.get(b""),
        lambda: store.write({}),
        lambda: list(store.keys(b"", b"\xff")),
    ):
        with pytest.raises(Closed):
            use()


# The file


def snapshot(directory: Path) -> dict[str, bytes]:
    """Read every file of a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def make(path: Path, **contents: bytes) -> Path:
    """Make a store with these contents, and close it."""
    store = SqliteKeyValueStore(path)
    store.write({key.encode(): value for key, value in contents.items()})
    store.close()
    return path


def foreign(path: Path) -> None:
    """Make another application's database."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.execute("INSERT INTO theirs VALUES (1)")
    connection.commit()
    connection.close()


def newer(path: Path) -> None:
    """Make a database of the next version."""
    make(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (lambda path: path.write_bytes(b"x"), NotADatabase, "not an SQLite database"),
        (lambda path: path.write_bytes(b"hello" * 100), NotADatabase, "not an SQLite database"),
        (lambda path: path.write_bytes(bytes(8192)), NotADatabase, "not an SQLite database"),
        (foreign, NotADatabase, "another application"),
        (newer, NewerVersion, "version 2"),
        (lambda path: path.mkdir(), Invalid, "is a directory"),
    ],
    ids=["one byte", "text", "zeros", "another application", "newer version", "directory"],
)
def test_refuses_what_is_not_its_own(
    tmp_path: Path, content: Any, error: type[TornproofError], message: str, read_only: bool
) -> None:
    """A file of another kind gives a typed error, and not a byte of it changes."""
    content(tmp_path / "db")
    before = snapshot(tmp_path)

    with pytest.raises(error, match=message):
        SqliteKeyValueStore(tmp_path / "db", read_only=read_only)

    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["missing/db", "nul\x00db"])
def test_refuses_a_path_that_cannot_be(tmp_path: Path, name: str) -> None:
    """A directory that does not exist, or a name that cannot, is a mistake of the caller."""
    with pytest.raises(Invalid):
        SqliteKeyValueStore(f"{tmp_path}/{name}")

    assert snapshot(tmp_path) == {}


def test_reading_makes_no_file(tmp_path: Path) -> None:
    """Opened for reading, a missing file stays missing, and an empty one is no database."""
    (tmp_path / "empty").touch()

    with pytest.raises(Invalid, match="no such file"):
        SqliteKeyValueStore(tmp_path / "db", read_only=True)
    with pytest.raises(NotADatabase):
        SqliteKeyValueStore(tmp_path / "empty", read_only=True)

    assert snapshot(tmp_path) == {"empty": b""}


def test_takes_an_empty_file(tmp_path: Path) -> None:
    """An empty file is nobody's."""
    (tmp_path / "db").touch()

    make(tmp_path / "db", key=b"value")

    assert SqliteKeyValueStore(tmp_path / "db").get(b"key") == b"value"


def test_takes_a_file_whose_creation_a_crash_cut_short(tmp_path: Path) -> None:
    """Pages without a header, beside a rollback journal, are SQLite's to undo."""
    creating = sqlite3.connect(tmp_path / "db", isolation_level=None)
    creating.execute("PRAGMA cache_size = 1")
    creating.execute("BEGIN IMMEDIATE")
    creating.execute("CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
    for number in range(200):  # until pages spill into the file
        creating.execute("INSERT INTO entries VALUES (?, ?)", (bytes([number]), bytes(500)))
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("db", "db-journal"):
        shutil.copy(tmp_path / name, copy)
    creating.close()
    assert snapshot(copy)["db"].startswith(bytes(16))

    with closing(SqliteKeyValueStore(copy / "db")) as store:
        assert list(store.keys(b"", b"\xff")) == []
        assert store.write({b"key": b"value"})


def test_refuses_another_applications_file_beside_a_journal(tmp_path: Path) -> None:
    """SQLite may tidy up, and then the file is asked again whose it is."""
    foreign(tmp_path / "db")
    before = snapshot(tmp_path)["db"]
    (tmp_path / "db-journal").write_bytes(b"left behind")

    with pytest.raises(NotADatabase, match="another application"):
        SqliteKeyValueStore(tmp_path / "db")

    assert snapshot(tmp_path)["db"] == before


def test_finds_a_newer_version_in_the_log(tmp_path: Path) -> None:
    """A version that only the write-ahead log knows of is seen too."""
    make(tmp_path / "db")
    writer = sqlite3.connect(tmp_path / "db", isolation_level=None)
    writer.execute("PRAGMA user_version = 2")
    assert snapshot(tmp_path)["db"][63] == 1  # not yet in the file

    with pytest.raises(NewerVersion):
        SqliteKeyValueStore(tmp_path / "db")

    writer.close()


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
    path = make(tmp_path / "db", **{f"key{number}": bytes(500) for number in range(100)})
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)

    with (
        pytest.raises(Corrupt, match="build it again from its journal"),
        closing(SqliteKeyValueStore(path)) as store,
    ):
        store.get(b"key7")


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


# Files that may be read and not written


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be somebody who has to obey the permissions of files."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that anybody may enter."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        yield directory
        directory.chmod(0o777)


def test_a_file_that_cannot_be_written_is_refused_for_writing(public: Path) -> None:
    """Opening for writing says at once that it cannot be, and changes nothing."""
    make(public / "db", key=b"value").chmod(0o444)
    public.chmod(0o555)
    before = snapshot(public)

    with unprivileged(), pytest.raises(ReadOnly, match="writable"):
        SqliteKeyValueStore(public / "db")

    assert snapshot(public) == before


@pytest.mark.parametrize("mode", [0o555, 0o777], ids=["closed directory", "open directory"])
def test_a_file_that_cannot_be_written_can_be_read(public: Path, mode: int) -> None:
    """Evidence on a write-protected disk can be read, and not written."""
    make(public / "db", key=b"value").chmod(0o444)
    public.chmod(mode)

    with unprivileged():
        store = SqliteKeyValueStore(public / "db", read_only=True)
        value = store.get(b"key")
        with pytest.raises(ReadOnly):
            store.write({b"key": b"other"})
        store.close()

    assert value == b"value"


def test_a_log_that_cannot_be_read_is_not_ignored(public: Path, tmp_path: Path) -> None:
    """Where SQLite cannot read a log for want of write permission, it says so."""
    store = SqliteKeyValueStore(tmp_path / "db")
    store.write({b"key": b"value"})
    for name in ("db", "db-wal"):
        shutil.copy(tmp_path / name, public)
        (public / name).chmod(0o444)
    store.close()
    public.chmod(0o555)

    with unprivileged(), pytest.raises(Invalid, match="where a write-ahead log is left to read"):
        SqliteKeyValueStore(public / "db", read_only=True)


def test_reading_sees_what_a_crash_left_in_the_log(tmp_path: Path) -> None:
    """A copy taken from under a running writer is read with its log, and the log stays."""
    store = SqliteKeyValueStore(tmp_path / "db")
    store.write({b"key": b"value"})
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("db", "db-wal"):
        shutil.copy(tmp_path / name, copy)
    store.close()
    before = snapshot(copy)

    reader = SqliteKeyValueStore(copy / "db", read_only=True)
    value = reader.get(b"key")
    reader.close()

    assert value == b"value"
    assert {name: snapshot(copy)[name] for name in before} == before
