"""
Scenarios about waits: each has a limit, and ends with an error.
"""

import threading
from collections.abc import Callable, Iterator

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.queues.delivery_program import event_of

from tornproof_conformance.scenarios.drainer_rules import ClosesInTime, closes_in_time
from tornproof_conformance.scenarios.queue_delivery import DURABLE, has_queue, opened
from tornproof_conformance.scenarios.scenario import GROUP_COMMIT, error_code, scenario
from tornproof_conformance.scenarios.shared_batches import (
    group_on_a_held_disk,
    has_groups,
    under_way,
)
from tornproof_conformance.subjects.group_commits import PATIENCE

LIMIT = 0.05
"""Seconds that are allowed: what is waited for does not come."""

WAITS_ON = "waits on"


def _told(action: Callable[[], object]) -> str:
    """Return what is told in the end, or that there is no end."""
    told = [WAITS_ON]
    waiting = threading.Thread(target=lambda: told.append(error_code(action)), daemon=True)
    waiting.start()
    waiting.join(PATIENCE)
    return told[-1]


@scenario("GRP-9", claim=GROUP_COMMIT, where=has_groups)
def who_waits_is_told_in_time(subject: Subject) -> Iterator[Violation]:
    """On a disk that hangs, each wait (queue, future, close) ends with an error in time."""
    with group_on_a_held_disk(subject, queue_records=1, wait=LIMIT) as (group, disk):
        future = under_way(group, disk)
        for words, action in (
            ("a place in the queue", lambda: group.append(b"second")),
            ("a future", lambda: future.result(LIMIT)),
            ("closing", lambda: group.close(LIMIT)),
        ):
            told = _told(action)
            if told == WAITS_ON or told.startswith("success"):
                yield Violation("GRP-9", f"a disk hangs, and whoever waits for {words} {told}")
        disk.let_go()
        if not (told := _told(lambda: future.result(PATIENCE))).startswith("success"):
            yield Violation("GRP-9", f"a wait that ended in time has cost the record: {told}")


@scenario("DRN-12", claim=DURABLE, where=has_queue)
def a_drain_of_a_closed_queue_names_what_is_left(subject: Subject) -> Iterator[Violation]:
    """A drain of a queue that was closed with events left says so, and names them."""
    with opened(subject) as queue:
        for number in (1, 2):
            queue.submit(event_of(number))
        queue.database.plan.strikes.append(Strike(Kind.BUSY, point="begin", times=1 << 40))
        queue.close()
        answer = queue.drain()
        if answer is not None and (answer.drained or answer.pending != ("e1", "e2")):
            told = "is a success" if answer.drained else f"names {list(answer.pending)}"
            message = "a queue was closed before e1 and e2 could land, and a drain of it"
            yield Violation("DRN-12", f"{message} {told}")


@scenario("DRN-29", claim=DURABLE, where=closes_in_time)
def a_close_ends_in_time(subject: Subject) -> Iterator[Violation]:
    """With a database that stays locked, a close ends in time and names the events left."""
    with opened(subject) as queue:
        assert isinstance(queue, ClosesInTime)
        for number in (1, 2):
            queue.submit(event_of(number))
        queue.database.plan.strikes.append(Strike(Kind.BUSY, point="begin", times=1 << 40))
        left: list[str] = []
        told = _told(lambda: left.extend(queue.close_within(0.5)))
        queue.disarm()
        if told == WAITS_ON:
            yield Violation("DRN-29", "the database stays locked, and a close does not end")
        elif left != ["e1", "e2"]:
            yield Violation("DRN-29", f"two events cannot land, and a close names {left} as left")
