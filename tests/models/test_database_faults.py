"""A database that fails on purpose fails as SQLite does, when it was told to, and not otherwise."""

import sqlite3
from collections.abc import Iterator

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.database_faults import CODES, Kind, Panic, ProcessDied, Strike, When, point_of
from tornproof_models.faulty_database import FaultyConnection, MemoryDatabase

TABLES = """
CREATE TABLE signed_events (id TEXT PRIMARY KEY, sequence INTEGER UNIQUE);
CREATE TABLE signed_events_dlq (id TEXT);
CREATE TABLE spools (position INTEGER);
INSERT INTO spools VALUES (0);
"""
INSERT = "INSERT INTO signed_events VALUES (?, ?)"


@pytest.fixture
def database() -> Iterator[MemoryDatabase]:
    """A database with tables."""
    made = MemoryDatabase()
    made.anchor.executescript(TABLES)
    yield made
    made.close()


def transact(connection: FaultyConnection, name: str, sequence: int) -> None:
    """Insert a row as a drainer does."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("SELECT sequence FROM signed_events")
    connection.execute(INSERT, (name, sequence))
    connection.execute("COMMIT")


def ids(database: MemoryDatabase) -> list[str]:
    """The committed rows."""
    return [name for (name,) in database.look("SELECT id FROM signed_events ORDER BY sequence")]


@pytest.mark.parametrize(
    ("statement", "point"),
    [
        ("BEGIN IMMEDIATE", "begin"),
        ("COMMIT", "commit"),
        ("ROLLBACK", "rollback"),
        ("INSERT INTO signed_events (id) VALUES (?)", "insert"),
        ("INSERT INTO signed_events_dlq (id) VALUES (?)", "dead letter"),
        ("DELETE FROM signed_events_dlq WHERE id = ?", "remove"),
        ("UPDATE spools SET position = 1", "cursor"),
        ("SELECT sequence FROM signed_events", "head"),
        ("SELECT 1 FROM signed_events WHERE id = ?", "residence"),
        ("PRAGMA synchronous = FULL", "other"),
    ],
)
def test_statements_have_names(statement: str, point: str) -> None:
    """The kinds of statement that a drainer makes."""
    assert point_of(statement) == point


def test_without_a_strike_it_is_a_database(database: MemoryDatabase) -> None:
    """Two transactions, two rows, and the points are noted in order."""
    connection = database.connect()
    transact(connection, "a", 1)
    transact(connection, "b", 2)

    assert ids(database) == ["a", "b"]
    assert database.plan.visited == ["open", *["begin", "head", "insert", "commit"] * 2]


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("when", When)
def test_an_error_has_sqlites_class_and_number(
    database: MemoryDatabase, kind: Kind, when: When
) -> None:
    """What is raised cannot be told from the real thing by its type or code."""
    connection = database.connect()
    database.plan.strikes.append(Strike(kind, when, "insert"))

    with pytest.raises(sqlite3.Error) as failed:
        transact(connection, "a", 1)

    assert (type(failed.value), failed.value.sqlite_errorcode) == CODES[kind]
    assert failed.value.sqlite_errorname == kind.value


def test_the_numbers_are_those_of_real_errors(database: MemoryDatabase) -> None:
    """A real UNIQUE violation, a real lock and a real missing column."""
    connection, other = database.connect(), database.connect()
    transact(connection, "a", 1)
    seen = {}
    for kind, statement, values in (
        (Kind.UNIQUE, INSERT, ("b", 1)),
        (Kind.NO_SUCH_COLUMN, "SELECT nothing FROM signed_events", ()),
    ):
        with pytest.raises(sqlite3.Error) as failed:
            connection.execute(statement, values)
        seen[kind] = (type(failed.value), failed.value.sqlite_errorcode)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.Error) as failed:
        other.execute("BEGIN IMMEDIATE")
    seen[Kind.BUSY] = (type(failed.value), failed.value.sqlite_errorcode)

    assert seen == {kind: CODES[kind] for kind in seen}


@requirement("DRN-7")
@pytest.mark.parametrize(
    ("when", "landed"), [(When.BEFORE, False), (When.AFTER, True), (When.ROLLED_BACK, False)]
)
def test_a_commit_fails_in_three_ways(database: MemoryDatabase, when: When, landed: bool) -> None:
    """Not run and still open, run all the same, or undone: the report is the same."""
    connection = database.connect()
    database.plan.strikes.append(Strike(Kind.FULL, when, "commit"))

    with pytest.raises(sqlite3.OperationalError):
        transact(connection, "a", 1)

    assert connection.in_transaction is (when is When.BEFORE)
    database.kill()
    assert (ids(database) == ["a"]) is landed


def test_a_strike_waits_for_its_visit_and_repeats(database: MemoryDatabase) -> None:
    """The second insertion and the one after it fail; the first and the fourth do not."""
    connection = database.connect()
    told: list[str | None] = []
    database.plan.on_strike = lambda _, name: told.append(name)
    database.plan.strikes.append(Strike(Kind.BUSY, point="insert", nth=2, times=2))

    for sequence, name in enumerate("abcd", start=1):
        try:
            transact(connection, name, sequence)
        except sqlite3.OperationalError:
            connection.execute("ROLLBACK")

    assert ids(database) == ["a", "d"]
    assert told == ["b", "c"]
    assert database.plan.strikes == []


@requirement("DRN-4")
def test_a_race_is_lost_to_a_real_row(database: MemoryDatabase) -> None:
    """A sibling appends between head and insertion, and the UNIQUE violation is SQLite's own."""
    connection = database.connect()
    database.plan.sibling = lambda: database.anchor.execute(INSERT, ("sibling", 1))
    database.plan.strikes.append(Strike(Kind.RACE, point="insert"))

    with pytest.raises(sqlite3.IntegrityError) as lost:
        transact(connection, "a", 1)

    assert lost.value.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE
    assert "(injected)" not in str(lost.value)
    connection.execute("ROLLBACK")
    transact(connection, "a", 2)
    assert ids(database) == ["sibling", "a"]


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_a_panic_is_no_error_of_the_database(database: MemoryDatabase, when: When) -> None:
    """It is an exception that no sink declares; the transaction is open, or committed."""
    connection = database.connect()
    database.plan.strikes.append(Strike(Kind.PANIC, when, "commit"))

    with pytest.raises(Panic):
        transact(connection, "a", 1)
    assert connection.in_transaction is (when is When.BEFORE)


def test_a_death_undoes_what_was_not_committed_and_ends_the_connection(
    database: MemoryDatabase,
) -> None:
    """Nothing can be done with it any more; the next process has the lock at once."""
    connection = database.connect()
    database.plan.strikes.append(Strike(Kind.DEATH, When.AFTER, "insert"))

    with pytest.raises(ProcessDied):
        transact(connection, "a", 1)
    with pytest.raises(ProcessDied):
        connection.execute("SELECT 1")

    database.kill()
    transact(database.connect(), "b", 1)
    assert ids(database) == ["b"]


def test_opening_can_fail_too(database: MemoryDatabase) -> None:
    """As any statement can; a connection of a process that is gone is of no use."""
    database.plan.strikes.append(Strike(Kind.IO_ERROR, point="open"))
    with pytest.raises(sqlite3.OperationalError):
        database.connect()

    connection = database.connect()
    database.kill()
    with pytest.raises(ProcessDied):
        connection.execute("BEGIN IMMEDIATE")


@requirement("DRN-17")
@pytest.mark.parametrize(
    ("levels", "left"),
    [
        (["NORMAL", "NORMAL"], []),
        (["NORMAL", "FULL"], ["a", "b"]),
        (["FULL", "NORMAL"], ["a"]),
        (["FULL", "FULL"], ["a", "b"]),
    ],
)
def test_a_power_cut_takes_what_was_not_synced(
    database: MemoryDatabase, levels: list[str], left: list[str]
) -> None:
    """A commit with less than FULL is durable only with the next one that is."""
    connection = database.connect()
    for sequence, (name, level) in enumerate(zip("ab", levels, strict=True), start=1):
        connection.execute(f"PRAGMA synchronous = {level}")
        transact(connection, name, sequence)

    database.kill(power=True)

    assert ids(database) == left


def test_a_kill_takes_nothing_that_was_committed(database: MemoryDatabase) -> None:
    """The kernel has it, synced or not."""
    connection = database.connect()
    connection.execute("PRAGMA synchronous = OFF")
    transact(connection, "a", 1)

    database.kill()

    assert ids(database) == ["a"]


def test_a_state_is_saved_and_restored(database: MemoryDatabase) -> None:
    """Also into another database."""
    transact(database.connect(), "a", 1)
    saved = database.save()
    transact(database.connect(), "b", 2)

    database.restore(saved)
    copy = MemoryDatabase(saved)

    assert ids(database) == ids(copy) == ["a"]
    copy.close()


@pytest.mark.parametrize(
    ("strike", "told"),
    [
        (Strike(Kind.BUSY, point="begin"), "SQLITE_BUSY at the BEGIN"),
        (
            Strike(Kind.FULL, When.AFTER, "commit", nth=2),
            "SQLITE_FULL at the second COMMIT, which had run",
        ),
        (
            Strike(Kind.PANIC, When.ROLLED_BACK, "insert", times=3),
            "panic at the insertion into the chain, and the transaction is undone 3 times",
        ),
        (Strike(Kind.DEATH), "death at the statement"),
    ],
)
def test_a_strike_is_told_in_words(strike: Strike, told: str) -> None:
    """The way a story tells it."""
    assert str(strike) == told


def test_a_late_strike_has_words() -> None:
    """The twelfth visit to a statement is named by its number."""
    assert "number 12" in str(Strike(Kind.BUSY, point="commit", nth=12))
