"""
What the rest of the machine may do while a program runs.

A schedule is a program with lines between its operations:

    C  the journal commits (another file is synced), or the transaction does
    W  dirty pages are written out, and that is over before the next operation
    H  dirty pages are being written out, and the journal commits before that has ended

Every state that a schedule shows is one that a machine can come to by itself: `sync_file_range`
does what the kernel's flusher does, and another process's fsync what the commit timer does.
"""

import random
from collections.abc import Iterator, Mapping

from tornproof_kernels.litmus import Litmus, handles

KINDS: Mapping[str, str] = {
    "C": "commit",
    "W": "writeback, finished",
    "H": "commit during writeback",
    "h": "answers to data are held from here",
    "w": "writeback begins",
    "S": "6 s pass: the kernel's own timers",
}


def systematic(litmus: Litmus) -> Iterator[tuple[str, list[str]]]:
    """
    Yield schedules by name, the mildest first: nothing; then one disturbance in each gap.

    After the last operation there is always a commit, so that a crash then may show everything.
    """
    n = len(litmus.program)
    yield "plain", insert(litmus, {})
    if "refuse" in litmus.program:
        return  # what is written out earlier cannot be refused
    for gap in range(1, n + 1):
        for kind in ("C", "WC", "H", "W"):
            if kind == "W" and gap == n:
                continue
            yield f"{kind}@{gap}", insert(litmus, {gap: kind} | ({n: "C"} if gap < n else {}))
    # answers to the program's data are held back from the beginning: a commit comes before
    # them, unless it waits for them
    yield "hold-all", insert(litmus, {0: "h", n: "C"})
    yield "hold-all-w", insert(litmus, {0: "h", n: "wC"})


def timed(litmus: Litmus) -> Iterator[tuple[str, list[str]]]:
    """Yield schedules in which nothing is injected, and time passes."""
    for gap in range(1, len(litmus.program) + 1):
        yield f"S@{gap}", insert(litmus, {gap: "S"})


def at_random(litmus: Litmus, source: random.Random) -> list[str]:
    """Put one of the kinds into each gap, or none."""
    n = len(litmus.program)
    kinds, weights = ("", "C", "W", "WC", "H"), (5, 1.5, 1, 0.7, 2)
    what = {gap: source.choices(kinds, weights)[0] for gap in range(n)}
    what[n] = source.choice(("C", "WC", "H"))
    return insert(litmus, what)


def is_natural(schedule: str) -> bool:
    """Tell whether a schedule only lets the journal commit, or time pass."""
    return not set(schedule) & set("HWhw")


def mildness(schedule: str) -> tuple[bool, int, str]:
    """Order schedules from mild to harsh, for the one to be told of a state."""
    return not is_natural(schedule), len(schedule), schedule


def insert(litmus: Litmus, what: Mapping[int, str]) -> list[str]:
    """Put kinds into gaps, from 0 before the first operation."""
    lines: list[str] = []
    for gap in range(len(litmus.program) + 1):
        names = handles(litmus.program[:gap])
        for kind in what.get(gap, ""):
            lines += _lines(kind, names)
        lines += litmus.program[gap : gap + 1]
    return lines


def _lines(kind: str, names: list[str]) -> list[str]:
    begun = [f"writeback {name}" for name in names]
    match kind:
        case "C":
            return ["commit"]
        case "W":
            return [f"writeback-wait {name}" for name in names]
        case "H":
            return ["hold", *begun, "commit", "release"]
        case "h":
            return ["hold"]
        case "w":
            return begun
        case _:
            return ["sleep 6000"]
