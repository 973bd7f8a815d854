"""
Translate SQLite's errors into those of this package.

SQLite reports a number.  Its low byte is the kind of error, the rest narrows it
down.  The text beside it is for people and changes between versions, so only
the number decides.
"""

import sqlite3
from collections.abc import Mapping

from tornproof.errors import (
    Busy,
    Corrupt,
    InputOutput,
    Invalid,
    NoSpace,
    NotADatabase,
    ReadOnly,
    TooLarge,
    TornproofError,
)

KINDS: Mapping[int, tuple[type[TornproofError], str]] = {
    sqlite3.SQLITE_BUSY: (Busy, "another process is writing: try again"),
    sqlite3.SQLITE_LOCKED: (Busy, "another connection is writing: try again"),
    sqlite3.SQLITE_READONLY: (ReadOnly, "make the file and its directory writable"),
    sqlite3.SQLITE_PERM: (ReadOnly, "make the file and its directory writable"),
    sqlite3.SQLITE_FULL: (NoSpace, "make room on the disk"),
    sqlite3.SQLITE_TOOBIG: (TooLarge, "store less in one value"),
    sqlite3.SQLITE_CANTOPEN: (
        Invalid,
        "its directory must exist, and be writable where a write-ahead log is left to read",
    ),
    sqlite3.SQLITE_CORRUPT: (Corrupt, "build it again from its journal, or restore a copy"),
    sqlite3.SQLITE_NOTADB: (NotADatabase, "nothing was changed"),
}
"""Primary result code → error, and what to do next.  Everything else is `InputOutput`."""

_PRIMARY = 0xFF


def from_sqlite_error(error: sqlite3.Error, action: str) -> TornproofError:
    """
    Put an error of SQLite into the hierarchy.

    `action` says what was being done to which file ("write /var/audit.db").
    """
    if not hasattr(error, "sqlite_errorcode"):  # the module's own complaint: text that is none
        return Corrupt(f"cannot {action}: {error}: another program wrote to the file")
    kind, advice = KINDS.get(
        error.sqlite_errorcode & _PRIMARY, (InputOutput, "what was being written may be there")
    )
    return kind(f"cannot {action}: {error} ({error.sqlite_errorname}): {advice}")
