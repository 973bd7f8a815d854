"""The store on disk is careful whose file it takes, and what it may write."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tornproof.chain import connect
from tornproof.errors import (
    Invalid,
    NewerVersion,
    NotADatabase,
    NotRegular,
    ReadOnly,
    TornproofError,
)
from tornproof.kv import SqliteKeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement


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

    with closing(SqliteKeyValueStore(tmp_path / "db")) as store:
        assert store.get(b"key") == b"value"


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


def test_a_log_on_a_write_protected_disk_is_read(public: Path, tmp_path: Path) -> None:
    """SQLite alone cannot, since it would have to make a file beside it."""
    store = SqliteKeyValueStore(tmp_path / "db")
    store.write({b"key": b"value"})
    for name in ("db", "db-wal"):
        shutil.copy(tmp_path / name, public)
        (public / name).chmod(0o444)
    store.close()
    public.chmod(0o555)

    with unprivileged():
        reader = SqliteKeyValueStore(public / "db", read_only=True)
        assert reader.get(b"key") == b"value"
        reader.close()


@requirement("AUD-17")
@pytest.mark.parametrize("kept", [(), ("-wal",), ("-wal", "-shm")], ids=["closed", "copy", "died"])
def test_reading_leaves_nothing_beside_the_database(tmp_path: Path, kept: tuple[str, ...]) -> None:
    """However it came to lie there: what is read is all that was written, and no file appears."""
    store = SqliteKeyValueStore(tmp_path / "db")
    store.write({b"key": b"value"})
    if not kept:
        store.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("", *kept):
        shutil.copy(tmp_path / f"db{name}", copy)
    store.close()
    before = sorted(path.name for path in copy.iterdir())
    content = (copy / "db").read_bytes()

    reader = SqliteKeyValueStore(copy / "db", read_only=True)
    assert reader.get(b"key") == b"value"
    reader.close()
    with closing(connect(copy / "db", read_only=True)) as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (1,)

    assert sorted(path.name for path in copy.iterdir()) == before
    assert (copy / "db").read_bytes() == content


@requirement("AUD-17")
@pytest.mark.parametrize("written", [0, 1, 3, 255])
def test_a_spoilt_header_makes_no_file_appear(tmp_path: Path, written: int) -> None:
    """SQLite opens a log if the version for reading says so, whatever that for writing is."""
    path = tmp_path / "db"
    store = SqliteKeyValueStore(path)
    store.write({b"key": b"value"})
    store.close()
    with path.open("r+b") as file:
        file.seek(18)
        file.write(bytes([written]))

    reader = SqliteKeyValueStore(path, read_only=True)
    assert reader.get(b"key") == b"value"
    reader.close()

    assert list(tmp_path.iterdir()) == [path]


@requirement("REC-13")
@pytest.mark.parametrize("name", ["db", "db-wal", "db-shm", "db-journal"])
def test_a_pipe_in_the_place_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    """SQLite would wait for it; nothing is opened."""
    if name != "db":
        make(tmp_path / "db", key=b"value")
    os.mkfifo(tmp_path / name)
    for read_only in (False, True):
        with pytest.raises(NotRegular, match="is a pipe"):
            SqliteKeyValueStore(tmp_path / "db", read_only=read_only)


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
    assert snapshot(copy) == before
