"""
The errors of this package.

When an operation fails, its caller must know whether it happened.  So every error has two
facts beside its message.  `code` is the word for it in the adapter protocol, the same in every
language.  `definite` says that the operation certainly had no effect; any other error is
indeterminate, and the contract then allows both outcomes (JRN-6).

Messages say what happened, where, and what to do next.
"""

import errno
from typing import ClassVar


class TornproofError(Exception):
    """
    Base of every error that this package raises on purpose.

    Catch it to tell a refusal, which is part of the contract, from a defect.
    """

    code: ClassVar[str] = "invalid"
    definite: ClassVar[bool] = True


class Invalid(TornproofError):
    """An argument is out of range; nothing was done."""


class TooLarge(TornproofError):
    """A payload is above the maximum (FRM-8); nothing was written."""

    code = "too_large"


class Closed(TornproofError):
    """The journal has been closed; open it again."""

    code = "closed"


class Forked(Closed):
    """
    The object belongs to another process, of which this is a forked child (JRN-13).

    Nothing was done, here or there.  Open the journal, reader or queue again in
    the child.
    """


class Locked(TornproofError):
    """Another writer holds the journal (JRN-9)."""

    code = "locked"


class Trimmed(TornproofError):
    """The offset lies below the first segment: cleanup removed it (SEG-8)."""

    code = "trimmed"


class BeyondEnd(TornproofError):
    """The offset lies at or beyond the end of the journal (SEG-8)."""

    code = "beyond_end"


class NotABoundary(TornproofError):
    """The offset lies inside a record, not at its first byte (SEG-8)."""

    code = "not_a_boundary"


class Corrupt(TornproofError):
    """
    Data that had been acknowledged is damaged (REC-5).

    Raised before anything on disk is changed: an operator decides what to do.
    """

    code = "corrupt"


class MissingSegment(Corrupt):
    """A segment that must exist between two others does not (REC-6)."""


class Poisoned(TornproofError):
    """
    An earlier fsync failed (JRN-7), or a call was interrupted (JRN-12); nothing more is accepted.

    The kernel may have marked the unwritten pages clean, or the end of the file
    is not where the writer takes it to be; only reopening can tell what is there.
    """

    code = "poisoned"


class QueueFull(TornproofError):
    """The queue of a group commit is full (GRP-5); the record was not accepted."""

    code = "no_space"


class NotYet(BeyondEnd):
    """The record at the tail is missing or incomplete: try again later (RDR-3)."""


class InputOutput(TornproofError):
    """The operating system reported an error; the effect is unknown (JRN-6)."""

    code = "io"
    definite = False


class Unfinished(InputOutput, TimeoutError):
    """
    A wait has reached its limit (GRP-9, DRN-29); the message says what is left.

    What was waited for may still happen.  It is a `TimeoutError` as well, as
    futures raise one.
    """


class SegmentGone(InputOutput):
    """A segment file was removed, by cleanup or by another program."""


class NoSpace(InputOutput):
    """The disk is full; the fragment was rolled back, or the journal poisoned (JRN-8)."""

    code = "no_space"


class Conflict(TornproofError):
    """The id already names other content; what was stored first stays (AUD-11)."""

    code = "conflict"


class NotRegular(Invalid):
    """The name of a journal's file belongs to a link, a pipe or a device (REC-13)."""


class Irregular(OSError):
    """
    What `NotRegular` is called among the errors of the operating system.

    `errno` is ELOOP for a symbolic link, EISDIR for a directory, EMLINK for a
    file with a second name, EINVAL for everything else.
    """


class NotADatabase(Invalid):
    """The file is no database of this package; it was not changed."""


class NewerVersion(Invalid):
    """A newer version of this software wrote it; it was not changed."""


class ReadOnly(TornproofError):
    """The file, or the directory around it, cannot be written; nothing was."""

    code = "io"


class Busy(Locked):
    """Another connection held the database for longer than the busy timeout."""


class Unencodable(Invalid):
    """An event has no canonical form; it was refused where it was submitted (EVT-5)."""


class WrongSchema(Invalid):
    """A table with one of our names has other columns; the database was not changed."""


class UnsequencedRow(Corrupt):
    """A row of the chain has no number, so the next number is unknown (CHN-1)."""


class ForeignSpool(Conflict):
    """A spool and a database that do not belong to each other; nothing was drained."""


class BrokenConnection(InputOutput):
    """A transaction could neither be committed nor rolled back; open a new connection."""


def from_os_error(error: OSError, action: str) -> TornproofError:
    """
    Put an operating system's error into this hierarchy.

    `action` says what was being done to which file ("write 64 bytes at 0 of …").
    A full disk or quota becomes `NoSpace`, a link or pipe under a name of ours
    `NotRegular`, everything else `InputOutput`.
    """
    if isinstance(error, Irregular):
        return NotRegular(
            f"cannot {action}: {error.strerror}; nothing was changed: put the file itself there, "
            "or remove what is in its place"
        )
    kind = NoSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else InputOutput
    return kind(f"cannot {action}: {error.strerror or error}")
