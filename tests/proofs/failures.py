"""
Contracts on what an error code of SQLite asks of the drainer (DRN-6).

The numbers are those of https://sqlite.org/rescode.html, written out.
"""

import sqlite3

from tornproof.drainer.failure import Failure, classify

UNIQUE = 2067
WAITED_FOR = (3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26)
"""
PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL and
NOTADB.
"""


def failed_with(code: int) -> sqlite3.Error:
    """Make the error that the module raises for a code."""
    error = sqlite3.OperationalError("reworded")
    error.sqlite_errorcode = code
    return error


def a_refined_code_is_classified_by_its_low_byte(code: int) -> None:
    """Whatever refines a code, its low byte says whether to wait (DRN-6)."""
    assert 0 < code < 1 << 16
    assert code != UNIQUE

    expected = Failure.TRANSIENT if code % 256 in WAITED_FOR else Failure.PERMANENT

    assert classify(failed_with(code)) is expected


def a_race_is_one_however_deep_it_is_wrapped(depth: int) -> None:
    """The first error of the database's behind an exception decides (DRN-4)."""
    assert 0 <= depth <= 3

    error: Exception = failed_with(UNIQUE)
    for _ in range(depth):
        outer = ValueError("wrapped")
        outer.__cause__ = error
        error = outer

    assert classify(error) is Failure.RACE


def an_error_without_a_code_is_a_panic(depth: int) -> None:
    """What the module raises when it is used wrongly is no failure of the database's (DRN-8)."""
    assert 0 <= depth <= 3

    error: Exception = sqlite3.ProgrammingError("closed")
    for _ in range(depth):
        outer = ValueError("wrapped")
        outer.__cause__ = error
        error = outer

    assert classify(error) is None
