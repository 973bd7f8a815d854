"""
Translate the errors of a database server into those of this package.

PostgreSQL reports five characters, the SQLSTATE; the first two are a class ("PostgreSQL
Error Codes", appendix A of its manual).  The text beside it is for people, and is
translated, so only the code decides (DRN-6).

A connection that was lost has no code of the server's own.  It is reported with one of
class 08 here; whether a COMMIT on it took effect is then unknown, as with any failed COMMIT
(DRN-7).
"""

from collections.abc import Mapping

from tornproof.errors import (
    Busy,
    Conflict,
    Corrupt,
    InputOutput,
    Invalid,
    NoSpace,
    ReadOnly,
    TooLarge,
    TornproofError,
    WrongSchema,
)

CONNECTION_LOST = "08006"
UNIQUE_VIOLATION = "23505"

SEQUENCE_INDEX = "signed_events_sequence"
"""The unique index that two appenders race for; a violation of any other is no race."""


class ServerError(Exception):
    """A statement failed: the server's code, its text, and the constraint that it names."""

    def __init__(self, sqlstate: str, text: str, constraint: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate
        self.constraint = constraint

    @property
    def is_race(self) -> bool:
        """Whether somebody else took the number in the chain first."""
        return self.sqlstate == UNIQUE_VIOLATION and self.constraint == SEQUENCE_INDEX

    @property
    def is_transient(self) -> bool:
        """Whether waiting may help: the server's trouble, which every event would meet."""
        return self.sqlstate in TRANSIENT_CODES or self.sqlstate[:2] in TRANSIENT_CLASSES


TRANSIENT_CLASSES = frozenset(
    {
        "08",  # connection exception
        "25",  # invalid transaction state: read only, after a failover
        "28",  # invalid authorization: the password is being changed
        "40",  # transaction rollback: serialization failure, deadlock
        "53",  # insufficient resources: disk full, out of memory, too many connections
        "57",  # operator intervention: shutdown, crash, statement timeout
        "58",  # system error: input or output
        "XX",  # internal error: a damaged page
    }
)
"""Classes that are the server's fault and not the event's."""

TRANSIENT_CODES = frozenset(
    {
        "3D000",  # no such database: it is being restored
        "42501",  # insufficient privilege: a grant is missing
        "55006",  # object in use
        "55P03",  # lock not available
    }
)

ERRORS: Mapping[str, tuple[type[TornproofError], str]] = {
    "08": (InputOutput, "what was being written may be there; see that the server runs"),
    "22": (Invalid, "nothing was written"),
    "23": (Conflict, "nothing was written"),
    "25": (ReadOnly, "name the primary server, not a standby"),
    "28": (Invalid, "name a role that may log in, and its password"),
    "3D": (Invalid, "create the database first"),
    "40": (Busy, "another transaction was in the way: try again"),
    "42": (WrongSchema, "nothing was written"),
    "42501": (ReadOnly, "let the role create tables and write to them"),
    "53": (NoSpace, "make room on the server: disk, memory or connections"),
    "54": (TooLarge, "store less in one value"),
    "55": (Busy, "another session holds the lock: try again"),
    "57": (Busy, "the server is starting, stopping or was told to cancel: try again"),
    "XX001": (Corrupt, "restore the database from a backup"),
}
"""Code or class → error, and what to do next.  Everything else is `InputOutput`."""


def from_server_error(error: ServerError, action: str) -> TornproofError:
    """
    Put an error of a server into the hierarchy.

    `action` says what was being done to which database ("prepare postgresql://host/audit").
    """
    unknown = InputOutput, "what was being written may be there"
    by_class = ERRORS.get(error.sqlstate[:2], unknown)
    kind, advice = ERRORS.get(error.sqlstate, by_class)
    return kind(f"cannot {action}: {error} (SQLSTATE {error.sqlstate}): {advice}")
