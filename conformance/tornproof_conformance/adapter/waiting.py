"""
Work that has to wait, written so that something else can be done meanwhile.

A job queue's lease is waited out by the clock, and some last for most of a minute.
"""

import heapq
import time
from collections.abc import Callable, Generator, Iterator
from itertools import count
from math import inf
from typing import ParamSpec, TypeAlias, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

Waiting: TypeAlias = Generator[float, None, T]
"""
Work that yields each time that it has to wait, until when, by the monotonic clock.

Whoever drives it may come back late.
"""


def without_waiting(do: Callable[P, T]) -> Callable[P, Waiting[T]]:
    """Make work of a function that never waits."""

    def work(*arguments: P.args, **named: P.kwargs) -> Waiting[T]:
        yield from ()
        return do(*arguments, **named)

    return work


def wait_out(work: Waiting[T]) -> T:
    """Do work to its end, and sleep whenever it waits."""
    return next(side_by_side(iter([work]), 1))


def side_by_side(works: Iterator[Waiting[T]], width: int) -> Iterator[T]:
    """
    Do up to `width` works at once, and yield what each returns, in the order of their ends.

    One goes on while others wait; all are closed when the iterator is.
    """
    order = count()
    going: list[tuple[float, int, Waiting[T]]] = []
    try:
        while True:
            while len(going) < width and (work := next(works, None)) is not None:
                heapq.heappush(going, (-inf, next(order), work))
            if not going:
                return
            until, number, work = going[0]
            time.sleep(max(until - time.monotonic(), 0))
            try:
                heapq.heapreplace(going, (next(work), number, work))
            except StopIteration as done:
                heapq.heappop(going)
                yield done.value
    finally:
        for *_, work in going:
            work.close()
