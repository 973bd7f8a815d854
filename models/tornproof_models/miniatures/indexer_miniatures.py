"""
Indexers of a journal with one bug each.

Each class is `SmallIndexer` with one step gone wrong.  What they have in
common is that without a crash at the wrong moment, or without a bad record,
nobody notices.
"""

from tornproof.errors import BeyondEnd

from tornproof_models.miniatures.small_audit import Audit, Batch, SmallIndexer


class PositionBeforeEntries(SmallIndexer):
    """
    The position is stored first: a crash in between loses the audit for ever.

    Source: fagemx/edda#413 (2026), bitcoinresearchkit/mono#39 (2026).
    """

    breaks = frozenset({"SYS-1"})

    def batches(self, audit: Audit, end: int) -> list[Batch]:
        """Write twice."""
        return [self.position_entry(end), self.entries(audit)]


class PositionAfterEntries(SmallIndexer):
    """
    The position is stored last: a crash in between leaves more than it says.

    Source: MystenLabs/sui#19649 (2024), asked in review.  Putting twice is harmless
    here, so nothing is lost; where derived state counts or appends, it doubles.
    """

    breaks = frozenset({"SYS-1"})

    def batches(self, audit: Audit, end: int) -> list[Batch]:
        """Write twice, the other way round."""
        return [self.entries(audit), self.position_entry(end)]


class PassesOverBadRecords(SmallIndexer):
    """
    A record that cannot be read is skipped, and the index looks complete.

    Source: NorthskySocial/stratos#129 (2026), where the cursor moves past what failed.
    """

    breaks = frozenset({"SYS-2"})

    def cannot_read(self, offset: int, error: Exception) -> None:
        """Log it somewhere, perhaps."""


class TakesAnyJournal(SmallIndexer):
    """
    An index that stands beyond the end of a journal is taken for up to date.

    Source: of this project; a mutant of the reference.
    """

    breaks = frozenset({"SYS-3"})

    def catch_up(self) -> int:
        """Find nothing new."""
        try:
            return super().catch_up()
        except BeyondEnd:
            return self.position()
