"""Failures are told apart by number."""

import sqlite3
from pathlib import Path

import pytest
from tornproof.chain.database import connect, translated
from tornproof.drainer.failure import Failure, classify, describe, error_code
from tornproof.errors import BrokenConnection, Invalid, UnsequencedRow
from tornproof_conformance.pytest_support.plugin import requirement


def failure(code: int, text: str = "no words") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    error.sqlite_errorname = f"code {code}"
    return error


@requirement("DRN-4", "DRN-6")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (2067, Failure.RACE),
        (1555, Failure.PERMANENT),
        (19, Failure.PERMANENT),
        (1, Failure.PERMANENT),
        (17, Failure.PERMANENT),
        (18, Failure.PERMANENT),
        (20, Failure.PERMANENT),
        (5, Failure.TRANSIENT),
        (517, Failure.TRANSIENT),
        (6, Failure.TRANSIENT),
        (262, Failure.TRANSIENT),
        (8, Failure.TRANSIENT),
        (10, Failure.TRANSIENT),
        (1034, Failure.TRANSIENT),
        (11, Failure.TRANSIENT),
        (13, Failure.TRANSIENT),
        (14, Failure.TRANSIENT),
        (26, Failure.TRANSIENT),
    ],
)
def test_the_number_decides(code: int, expected: Failure) -> None:
    """UNIQUE is a race, a primary key is not, BUSY is not, and refinements follow their kind."""
    assert classify(failure(code)) is expected


@requirement("DRN-6")
def test_the_text_decides_nothing() -> None:
    """A BUSY that speaks of UNIQUE constraints is BUSY."""
    assert classify(failure(5, "UNIQUE constraint failed: signed_events.sequence")) is (
        Failure.TRANSIENT
    )


@requirement("DRN-6")
def test_any_wrapping_is_looked_through() -> None:
    """Ours, somebody else's, and several of them."""
    with pytest.raises(Invalid) as ours, translated("write"):
        raise failure(14)
    with pytest.raises(RuntimeError) as theirs:
        raise RuntimeError("while appending") from ours.value

    assert error_code(theirs.value) == 14
    assert classify(theirs.value) is Failure.TRANSIENT
    assert describe(theirs.value) == "code 14: while appending"


@requirement("DRN-8")
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        KeyError("a bug"),
        sqlite3.ProgrammingError("closed"),
        BrokenConnection("cannot roll back"),
    ],
)
def test_everything_else_is_a_panic(error: Exception) -> None:
    """A defect, a misuse of the module, a connection that is beyond help."""
    assert classify(error) is None


@requirement("DRN-8")
def test_a_panic_while_an_error_is_handled_is_a_panic() -> None:
    """Only what was raised *from* an error is a wrapping of it."""

    def blunder() -> None:
        try:
            raise failure(5)
        except sqlite3.Error:
            raise KeyError("a bug")  # noqa: B904

    with pytest.raises(KeyError) as caught:
        blunder()
    assert classify(caught.value) is None
    assert describe(caught.value) == "KeyError: 'a bug'"


def test_a_decision_of_ours_is_permanent() -> None:
    """Not to append behind a row without a number will not pass by waiting."""
    assert classify(UnsequencedRow("a row without a number")) is Failure.PERMANENT


def test_the_numbers_are_those_that_sqlite_gives(tmp_path: Path) -> None:
    """A real UNIQUE violation, a real primary key, a real lock, a real missing column."""
    connection = connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, sequence INTEGER UNIQUE)")
    connection.execute("INSERT INTO t VALUES ('a', 1)")
    other = connect(tmp_path / "a.db")

    def classified(statement: str) -> Failure | None:
        with pytest.raises(sqlite3.Error) as caught:
            other.execute(statement)
        return classify(caught.value)

    assert classified("INSERT INTO t VALUES ('b', 1)") is Failure.RACE
    assert classified("INSERT INTO t VALUES ('a', 2)") is Failure.PERMANENT
    assert classified("INSERT INTO t (colour) VALUES (1)") is Failure.PERMANENT
    connection.execute("BEGIN IMMEDIATE")
    assert classified("BEGIN IMMEDIATE") is Failure.TRANSIENT
    connection.close()
    other.close()
