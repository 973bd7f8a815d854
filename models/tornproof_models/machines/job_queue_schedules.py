"""
Explore and count every schedule of two jobs and two workers.

Each walk has bounds of its own: how many misfortunes one schedule may have, none of
them twice, how often a worker takes before the queue is drained, and whether the two
producers hand in one job or two.
"""

from collections.abc import Iterator, Sequence

from attrs import frozen

from tornproof_models.contract.job_queue import Claim
from tornproof_models.job_queues.calls import JobQueue
from tornproof_models.job_queues.world import explore_queue
from tornproof_models.miniatures.small_job_queue import SmallJobQueue
from tornproof_models.queues.schedules import Exploration


@frozen
class Bounds:
    """How much may happen in one schedule."""

    misfortunes: int
    takes: int = 1
    same_id: bool = False

    def __str__(self) -> str:
        """Say it as the head of a line."""
        jobs = "one job handed in twice" if self.same_id else "two jobs"
        return f"{jobs}, {self.takes} takes each, {self.misfortunes} misfortunes"


SHORT = (Bounds(0), Bounds(0, same_id=True), Bounds(1), Bounds(1, same_id=True))
"""A second or two of walking; shorter counterexamples come first."""

LONG = (*SHORT, Bounds(1, takes=2), Bounds(2, same_id=True), Bounds(2))
"""With a crash and a fault, or two faults, in one schedule."""


def walk(queue: JobQueue, bounds: Sequence[Bounds]) -> Iterator[tuple[Bounds, Exploration]]:
    """Walk within each of the bounds, and stop at the first that shows a violation."""
    for each in bounds:
        if each.same_id and Claim.DEDUPLICATES not in queue.claims:
            continue
        seen = explore_queue(
            queue, misfortunes=each.misfortunes, takes=each.takes, same_id=each.same_id
        )
        yield each, seen
        if seen.counterexamples:
            return


if __name__ == "__main__":
    for bounds, seen in walk(SmallJobQueue(), LONG):
        print(f"{bounds}: {seen}", flush=True)
