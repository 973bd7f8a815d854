"""
Appends and what is known of each, batches among them.
"""

from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen

from tornproof_models.contract.violations import Violation

JUDGES_BATCHES = frozenset({"JRN-18"})
"""The requirement on records that are handed over together."""


class Promise(StrEnum):
    """What is known of an append."""

    INDETERMINATE = "indeterminate"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    DURABLE = "durable"


@frozen
class Attempt:
    """One append: a call, its payload, and what became of it."""

    call: int
    payload: bytes
    promise: Promise = Promise.INDETERMINATE
    offset: int | None = None
    promised_by: str = "append"
    """The operation that promised it would last."""

    batch: int | None = None
    """The first call of its batch, if it was handed over in one: all of it is there or none."""


def torn_batches(attempts: Sequence[Attempt], used: Sequence[int]) -> list[Violation]:
    """Name the batches of which a part is there, by the positions of what is."""
    found: list[Violation] = []
    for batch in {each.batch for each in attempts if each.batch is not None}:
        members = [at for at, each in enumerate(attempts) if each.batch == batch]
        there = sum(at in used for at in members)
        if 0 < there < len(members):
            message = f"{there} of the {len(members)} records of a batch are there"
            found.append(Violation("JRN-18", message))
    return found
