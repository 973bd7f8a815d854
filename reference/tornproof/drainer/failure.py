"""
Classify errors of the database: race, transient, permanent or panic.

The code decides, never the text: texts are reworded, translated and wrapped (DRN-6).  SQLite's
number has a kind in its low byte and a refinement above it; PostgreSQL's code is a class and a
refinement (`tornproof.chain.server_errors`).

- *race*: another writer took the number.  Retry.
- *transient*: the database is locked, full, unreachable or damaged, which concerns every
  event.  Wait, and keep the event.
- *permanent*: the event or the tables are wrong, and waiting does not help.  The event
  goes to the dead-letter queue.

Every other exception is a panic, and so is a connection that cannot roll back: the next
attempt needs a new connection.
"""

import sqlite3
from collections.abc import Iterator
from enum import StrEnum

from tornproof.chain.server_errors import ServerError
from tornproof.errors import BrokenConnection, TornproofError


class Failure(StrEnum):
    """What a failure asks of the drainer."""

    RACE = "race"
    TRANSIENT = "transient"
    PERMANENT = "permanent"


RACE_CODE = sqlite3.SQLITE_CONSTRAINT_UNIQUE
"""2067.  The one unique index of the chain is that of `sequence`; its key has a code of its own."""

TRANSIENT_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
"""
Kinds that are the database's fault and not the event's.

Declaring an event undeliverable because a disk is full would fill the
dead-letter queue, on the same disk, with events that have nothing wrong.
"""

_KIND = 0xFF


def classify(error: BaseException) -> Failure | None:
    """
    Say what an exception asks of the drainer; none if it is a panic.

    Looks through any wrapping at the first error of the database's that caused it.
    An error of our own without one is a decision, such as not to append behind
    a row without a number, and permanent.
    """
    if isinstance(error, BrokenConnection):
        return None
    if server := _server_error(error):
        return _classify_server_error(server)
    code = error_code(error)
    if code == RACE_CODE:
        return Failure.RACE
    if code is not None:
        return Failure.TRANSIENT if code & _KIND in TRANSIENT_CODES else Failure.PERMANENT
    return Failure.PERMANENT if isinstance(error, TornproofError) else None


def error_code(error: BaseException) -> int | None:
    """
    Find SQLite's extended result code behind an exception, or none.

    The module raises errors of its own under the same classes, without a code,
    when it is used wrongly; those are panics.
    """
    for each in _causes(error):
        if isinstance(each, sqlite3.Error):
            return getattr(each, "sqlite_errorcode", None)
    return None


def describe(error: BaseException) -> str:
    """Say in one line what went wrong, for a reason or a log."""
    if server := _server_error(error):
        return f"SQLSTATE {server.sqlstate}: {error}"
    for each in _causes(error):
        name = getattr(each, "sqlite_errorname", None)
        if name is not None:
            return f"{name}: {error}"
    return f"{type(error).__name__}: {error}"


def _server_error(error: BaseException) -> ServerError | None:
    return next((each for each in _causes(error) if isinstance(each, ServerError)), None)


def _classify_server_error(error: ServerError) -> Failure:
    if error.is_race:
        return Failure.RACE
    return Failure.TRANSIENT if error.is_transient else Failure.PERMANENT


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
