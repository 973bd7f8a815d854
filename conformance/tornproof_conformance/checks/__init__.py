"""
The checks: what is run against a subject.

A check is a generator.  It yields `Progress` while it works and `Problem`s as it
finds them, and returns what it covered, in words and figures.  The runner needs to
know no more, and a check knows nothing of reports.

Of what runs in this process:

- `situations`: the frozen vectors and the scenarios
- `exploration`: every small program, image and crash model
- `faults`: every disk operation of some programs fails in every way
- `machine`: long random programs
- `consumer_machines`: the same of readers, cursors and cleanup
- `group_commits`, `audit_index`, `deferred_queues`: what stands beside a journal
- `given_program`: a program from the command line
- `sharded_exploration`: longer programs, in shards

Of adapters:

- `conversation`: every operation that is claimed, once
- `kills`: random programs, killed by SIGKILL
- `job_queues`: two workers on a job queue, killed, paused and raced
- `power_loss`, `io_errors`: small programs (`small_programs`), recorded, then crashed
- `reader_power_loss`, `cleanup_power_loss`, `audit_power_loss`, `queue_power_loss`,
  `job_queue_power_loss`: the same for what stands beside
- `deliveries`, `queue_situations`: a drainer with faults, killed, closed and refused
- `recovery_memory`: the memory that opening a long journal takes

Of workloads, which are judged without an adapter:

- `workload_search`, `workload_crashes`: the crashes of a workload, in rounds
- `catalogue`: all of them but the last
"""

import time
from collections.abc import Callable, Generator, Mapping
from typing import TypeAlias

from attrs import evolve, field, frozen
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.crash_models import CLAIMED

from tornproof_conformance.cases.case import Problem
from tornproof_conformance.stream.run_events import Progress

SEARCHING = 0.85
"""Part of a run's time after which no search begins anything; the rest is for what it began."""


@frozen
class Budget:
    """How far the checks go."""

    operations: int = 3
    """Programs of up to so many operations are all explored."""

    fault_operations: int = 1
    """Programs of up to so many operations have each of their disk operations fail."""

    examples: int = 150
    """Random programs, for each durability level."""

    seconds: float = 60
    """About how long the checks of an adapter may take, all together."""

    seed: int = 0
    """Which random programs an adapter is given."""

    queue_events: int = 2
    """Events in every schedule of a drainer; with three, everything else is tried too."""

    thorough: bool = False
    """Whether a fault is followed by a crash in every crash model; else in two of them."""

    crash_models: tuple[str, ...] = CLAIMED
    """In which crash models a search crashes what it runs, from mild to harsh."""

    def left(self, spent: float, shares: float) -> "Budget":
        """
        Return what is left when so many seconds are spent, for checks with these shares.

        Situations take what they take.  The searches after them share the rest, each in
        proportion; what one leaves, or would have had that does not run, is for the others.  A
        search that has no time left says so, and what it looks at is starved.
        """
        if not shares:
            return self
        return evolve(self, seconds=max(SEARCHING * self.seconds - spent, 0) / shares)


@frozen
class Covered:
    """What a check tried."""

    words: str
    counts: Mapping[str, int] = field(factory=dict)
    """The figures in `words`, by name."""

    crash_models: tuple[str, ...] = ()
    """The crash models in which it crashed anything, from mild to harsh."""

    is_conclusive: bool = True
    """Whether anything can be said; if not, `words` is the reason."""

    done: int = 0
    planned: int = 0
    """How much of the least that a verdict needs was done, in units of the check's own."""

    missing: str = ""
    """What would be needed for a verdict, if less than the least was done; else empty."""

    notes: tuple[str, ...] = ()
    """What the recorder saw and does not follow, such as modes of files."""

    at_stake: Mapping[str, int] | None = None
    """How often each requirement could have been violated; none if the check does not count."""


def counted(number: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {noun}{'s'[: number != 1]}"


def count_images(coverage: Coverage) -> dict[str, int]:
    """Name the figures of an exploration."""
    return {
        "crash_points": coverage.crash_points,
        "images": coverage.judged,
        "recoveries": coverage.recovered,
    }


GRACE = 0.2
"""Seconds for the images of a program that was tried although the time was over."""


@frozen
class Clock:
    """A share of a budget's time, running down."""

    seconds: float
    began: float

    @classmethod
    def start(cls, budget: Budget, share: float) -> "Clock":
        """Begin to spend a share, between 0 and 1, of a budget."""
        return cls(budget.seconds * share, time.monotonic())

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def has_time(self) -> bool:
        """Whether some of it is left."""
        return self.spent < self.seconds

    @property
    def until(self) -> float:
        """When it is over, by the monotonic clock."""
        return self.began + self.seconds

    @property
    def grace(self) -> float:
        """When to stop what has just begun, late as it is: soon, but not at once."""
        return max(self.until, time.monotonic() + GRACE)

    def part(self, share: float) -> float:
        """When a part of the time, between 0 and 1, is over that begins now."""
        return min(time.monotonic() + self.seconds * share, self.grace)

    def progress(self, check: str, detail: str, images: int | None = None) -> Progress:
        """Say how much of it is over."""
        total = max(int(self.seconds), 1)
        return Progress(check, min(int(self.spent), total), total, detail, images)


Findings: TypeAlias = Generator[Progress | Problem, None, Covered]


@frozen
class Check:
    """One way of judging a subject, and the requirements that it can find violated."""

    name: str
    title: str
    _requirements: frozenset[str] | Callable[[], frozenset[str]]
    """The requirements, or what finds out, where that takes reading files."""

    run: Callable[[Subject, Budget], Findings]
    leaves_out: Callable[[Subject], frozenset[str]] | None = None
    """Which of the requirements it does not look at in a subject, if not all concern all."""

    @property
    def requirements(self) -> frozenset[str]:
        """The ids of the requirements that it can find violated."""
        known = self._requirements
        return known if isinstance(known, frozenset) else known()

    def covers(self, subject: Subject) -> frozenset[str]:
        """Name the requirements that it can find violated in a subject."""
        return self.requirements - (self.leaves_out(subject) if self.leaves_out else frozenset())
