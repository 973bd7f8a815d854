"""
How a disk operation can fail, and the kinds of disk operations.
"""

import errno
from enum import StrEnum


class Fault(StrEnum):
    """How an operation fails."""

    ERROR = "error"
    """EIO, and nothing happened.  A sync that fails leaves its pages clean, not durable."""

    ERROR_AFTER = "error after"
    """EIO, although a write reached the page cache."""

    NO_SPACE = "no space"
    """ENOSPC, and nothing happened."""

    NO_QUOTA = "no quota"
    """EDQUOT, and nothing happened: the disk has space, and its user may not have it."""

    SHORT_WRITE = "short write"
    """Half of a write happened, and the count says so."""

    SHORT_THEN_NO_SPACE = "short write, then no space"
    """Half of a write happened, and the next operation on the disk gets ENOSPC."""


FULL = {Fault.NO_SPACE: errno.ENOSPC, Fault.NO_QUOTA: errno.EDQUOT}
"""The error numbers of the faults that refuse space."""

SHORT = (Fault.SHORT_WRITE, Fault.SHORT_THEN_NO_SPACE)


class Kind(StrEnum):
    """What sort of operation a fault may strike."""

    READ = "read"
    WRITE = "write"
    SYNC = "sync"
    NAME = "name"


READ, WRITE, SYNC, NAME = Kind
