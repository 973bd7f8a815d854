"""
Judge records that were handed over together, by what became of them and their syncs.

This is group commit as it can be seen from outside: behind an adapter nobody sees how the
implementation decides which records share a sync (`group_commit` judges that).
"""

from collections.abc import Iterator

from tornproof_models.contract.journal import PROMISED, Violation

LOST = {PROMISED["append"]: "GRP-1", PROMISED["close"]: "GRP-7"}
"""What is violated, beside the journal's requirement, when a record that was promised is lost."""

JUDGES = frozenset({*LOST.values(), "GRP-2", "GRP-3", "ADP-8"})


def judge_answers(records: int, acknowledged: int) -> Iterator[Violation]:
    """Judge how many records were acknowledged while nothing failed."""
    if not acknowledged:
        yield Violation("ADP-8", f"{records} records at the same time are refused")


def judge_syncs(records: int, syncs: int) -> Iterator[Violation]:
    """Judge how many syncs some records took that were handed over together."""
    if syncs >= records:
        message = f"{records} records that were handed over together took {syncs} syncs"
        yield Violation("GRP-2", message)


def judge_failure(records: int, acknowledged: int, *, later: bool) -> Iterator[Violation]:
    """
    Judge what was acknowledged although the sync of some records failed.

    `later` tells whether a record was acknowledged that was appended after the failure.
    """
    if acknowledged:
        message = f"the sync of {records} records failed, and {acknowledged} are acknowledged"
        yield Violation("GRP-3", message)
    if later:
        message = "the sync of a crowd failed, and a record that came later is acknowledged"
        yield Violation("GRP-3", message)


def judge_loss(found: Violation, promised_by: str) -> Iterator[Violation]:
    """Judge a loss of power that took a record which an operation had promised to keep."""
    if found.requirement == PROMISED[promised_by]:
        yield Violation(LOST[found.requirement], found.message, found.cause)
