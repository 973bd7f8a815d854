"""
Marks of operations that a journal need not have: batches and truncations.
"""

from attrs import frozen


@frozen
class Batched:
    """The appends from a call on, so many of them, are one batch: all or none of it is kept."""

    first: int
    count: int


@frozen
class Truncating:
    """
    A truncation began: the records from an offset on are to be dropped, or those below it.

    `end` is `tail` or `head`.
    """

    call: int
    end: str
    offset: int
