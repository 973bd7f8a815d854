"""
How much of a wait an implementation itself has spent.

A machine with other work is slow, and an adapter cannot help it.  So a wait is cut into slices,
and a slice counts in full only if all threads of the adapter slept at its end.  If one of them
was ready to run, waited for a disk, or was stopped by a recorder, then only what they have
used of a processor counts.  A process that loops for ever uses it up; one that gets no
processor does not.

What an adapter waits for outside its own processes, such as a database server, is its own time.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from attrs import define

SLICE = 0.25
"""Seconds between two looks at the processes."""

_SLEEPING = frozenset("SIZXP")
"""States of a thread that waits for something else than the machine, or has ended."""

_TICK = 1 / os.sysconf("SC_CLK_TCK")


class Delayed(Exception):
    """The time is over, and too little of it was the process's own to say anything of it."""


@define
class OwnTime:
    """The processes of a group, and how much processor time they had used at the last look."""

    group: int
    used: float | None = None
    """Seconds of processor time; none before the first look."""

    held_up: float = 0
    """Seconds that were waited for and were not its own: the machine kept it from going on."""

    def slices(self, seconds: float, latest: float) -> Iterator[float]:
        """
        Yield how long to wait, again and again, until so many seconds of its own are spent.

        Raises `Delayed` if `latest`, on the monotonic clock, comes first.
        """
        left = seconds
        while left > 0:
            if time.monotonic() > latest:
                raise Delayed
            slice_ = min(left, SLICE)
            yield slice_
            spent = self.spend(slice_)
            self.held_up += slice_ - spent
            left -= spent

    def spend(self, seconds: float) -> float:
        """Look, and return how many of the seconds since the last look are the adapter's own."""
        found = list(_threads(self.group))
        used, before = sum(each for _, each in found), self.used
        self.used = used
        if _sleep(found):
            return seconds
        return 0 if before is None else min(max(used - before, 0), seconds)


def is_asleep(group: int) -> bool:
    """Tell whether every thread of a process group waits for something else than the machine."""
    return _sleep(_threads(group))


def _sleep(threads: Iterable[tuple[str, float]]) -> bool:
    return all(state in _SLEEPING for state, _ in threads)


def _threads(group: int) -> Iterator[tuple[str, float]]:
    """Yield the state and the processor time, in seconds, of every thread of a process group."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):  # it has ended since
            if os.getpgid(int(process.name)) != group:
                continue
            for thread in (process / "task").iterdir():
                state, *fields = (thread / "stat").read_text().rpartition(")")[2].split()
                yield state, (int(fields[10]) + int(fields[11])) * _TICK
