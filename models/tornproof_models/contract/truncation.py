"""
What a truncation drops: the records from an offset on, the tail, or those below one, the head.

While it runs, and after one that failed, nobody knows how far it came.  It may have dropped any
number of records, but only from the far end: a tail is cut from its end, a head from its
beginning, so that what is left has no hole.
"""

from enum import StrEnum

from attrs import frozen

from tornproof_models.contract.records import Record


class End(StrEnum):
    """Which end of a journal a truncation drops."""

    TAIL = "tail"
    HEAD = "head"


@frozen
class Drop:
    """A truncation that began."""

    call: int
    end: End
    records: tuple[Record, ...]
    """What it is to drop, in the order of the journal."""

    def outermost(self, count: int) -> tuple[Record, ...]:
        """Return so many of the records, those that go first."""
        if self.end is End.HEAD:
            return self.records[:count]
        return self.records[len(self.records) - count :]
