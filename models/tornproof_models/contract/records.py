"""
Records, and the words that say which one is meant and how two of them differ.
"""

from collections.abc import Iterable
from typing import TypeAlias

Record: TypeAlias = tuple[int, bytes]
"""An offset and the payload found there."""

TOLD = 8
"""Bytes of a payload by which it is known."""


def describe(record: Record) -> str:
    """Name a record in a few words: its offset, its size and how it begins."""
    offset, payload = record
    more = "…" if len(payload) > TOLD else ""
    return f"the record at {offset} ({len(payload)} bytes: {payload[:TOLD].hex()}{more})"


def parting(payload: bytes, others: Iterable[bytes]) -> str:
    """
    Say up to which byte a payload is like the other that is most like it.

    Empty unless they are alike beyond what `describe` tells, so that a reader would take one
    for the other.
    """
    like = max((_alike(payload, other) for other in others), default=0)
    return f"like it up to byte {like}" if like >= TOLD else ""


def _alike(one: bytes, other: bytes) -> int:
    """Count the bytes from the beginning that are the same."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    return next(at for at in range(shorter) if one[at] != other[at])
