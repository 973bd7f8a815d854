"""
Contracts on what a result code of SQLite's means (DRN-6).
"""

import sqlite3

from tornproof.drainer.failure import RACE_CODE, TRANSIENT_CODES, Failure, classify

HIGHEST = 1 << 16
"""Above every extended code that SQLite has, which are sixteen bits."""


def coded(code: int) -> sqlite3.Error:
    """Make an error with a code."""
    error = sqlite3.OperationalError("any text")
    error.sqlite_errorcode = code
    return error


def one_code_is_a_lost_race(code: int) -> None:
    """2067, and no other violation of a constraint."""
    assert 0 <= code < HIGHEST

    assert (classify(coded(code)) is Failure.RACE) == (code == RACE_CODE == 2067)


def a_refinement_changes_no_kind(kind: int, refinement: int) -> None:
    """The low byte decides whether every event would meet it; what is above it does not."""
    assert 0 <= kind < 256
    assert 0 <= refinement < 256
    code = refinement << 8 | kind
    assert code != RACE_CODE

    expected = Failure.TRANSIENT if kind in TRANSIENT_CODES else Failure.PERMANENT
    assert classify(coded(code)) is expected
