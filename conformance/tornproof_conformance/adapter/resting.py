"""
Wait until a drainer of an adapter has come to rest, or stands still (ADP-9).
"""

from collections.abc import Callable

RESTS = 5
"""Drains after which a drainer that nothing disturbs should have come to rest, though it moves."""


def comes_to_rest(drain: Callable[[], bool], look: Callable[[], object]) -> bool:
    """
    Drain until nothing is pending; false if that never comes.

    A drainer may be waiting between two attempts, so one drain in which nothing moves is no
    answer.  The second in a row ends it: one that never goes on costs two drains and not five.
    """
    seen = [look()]
    for _ in range(RESTS):
        if drain():
            return True
        seen.append(look())
        if len(seen) > 2 and seen[-3] == seen[-2] == seen[-1]:
            return False
    return False
