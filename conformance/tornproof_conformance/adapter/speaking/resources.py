"""
Measure the memory and CPU time of a process.

Linux tells it of every process, in `/proc`.  Whoever asks names the group that an adapter
leads, so that a wrapper counts together with what it wraps.  Where there is no `/proc`,
nothing is measured, and nothing said.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define

PROCESSES = Path("/proc")

SAMPLING = 0.0005
"""Seconds between two looks at the memory of a process."""


def is_measurable() -> bool:
    """Tell whether this system says what its processes take."""
    return (PROCESSES / "self" / "schedstat").exists()


def computing_time(group: int) -> int:
    """Return how long the threads of a process group have computed, in nanoseconds."""
    total = 0
    for process in members(group):
        for task in process.glob("task/*/schedstat"):
            with suppress(OSError, ValueError, IndexError):  # it has ended since
                total += int(task.read_text().split()[0])
    return total


def private_memory(processes: Iterable[Path]) -> int:
    """
    Return how many bytes of memory some processes hold for themselves at this moment.

    Mapped files do not count: the kernel drops their pages when it needs the room.
    """
    total = 0
    for process in processes:
        with suppress(OSError):  # it has ended since
            for line in (process / "status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1]) << 10
    return total


def members(group: int) -> list[Path]:
    """Return the directories in which the kernel tells of the processes of a group."""
    found = []
    for process in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # it has ended since
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                found.append(process)
    return found


@define
class Peak:
    """The most memory that a process group was seen to hold."""

    bytes: int = 0


@contextmanager
def watching_memory(group: int) -> Iterator[Peak]:
    """
    Look at the private memory of a process group, again and again, as long as a `with` lasts.

    A peak that is over between two looks is missed; none is made up.
    """
    processes = members(group)
    peak, ended = Peak(private_memory(processes)), threading.Event()

    def look() -> None:
        while not ended.wait(SAMPLING):
            peak.bytes = max(peak.bytes, private_memory(processes))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
