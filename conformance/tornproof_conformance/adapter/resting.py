"""
Wait until a drainer of an adapter has come to rest, or stands still (ADP-9).
"""

from collections.abc import Callable

from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.adapter.speaking.process import LONGER

RESTS = 5
"""Drains after which a drainer that nothing disturbs should have come to rest, though it moves."""

HELD_UP = 1.0
"""Seconds that the machine may take of a drain of two seconds that is held against a drainer."""


def comes_to_rest(
    drain: Callable[[], bool], look: Callable[[], object], held_up: Callable[[], float]
) -> bool:
    """
    Drain until nothing is pending; false if that never comes.

    A drainer may be waiting between two attempts, so one drain in which nothing moves is no
    answer.  The second in a row ends it: one that never goes on costs two drains and not five.
    A drain counts only if the machine let the drainer go on: `held_up` is how many seconds of the
    last one it did not.  Raises `OutOfPatience` if it hardly ever does.
    """
    seen = [look()]
    for _ in range(round(RESTS * LONGER)):
        if drain():
            return True
        if held_up() > HELD_UP:
            continue
        seen.append(look())
        if len(seen) > 2 and seen[-3] == seen[-2] == seen[-1]:
            return False
        if len(seen) > RESTS:
            return False
    raise OutOfPatience("the machine was too busy to say anything of a drainer that stands still")
