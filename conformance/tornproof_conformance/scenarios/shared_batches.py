"""
Scenarios about threads that share a sync.

In this process a sync can be held up, so what happens *during* one is chosen, and nothing
depends on who is fast.  What an adapter can be asked as well, to hand many records over
and to close, is asked of both in the same words.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Protocol, cast

from attrs import frozen
from tornproof.errors import TornproofError
from tornproof.filesystem import Filesystem
from tornproof_models.contract.journal import PROMISED, Record, Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options, Subject

from tornproof_conformance.scenarios.scenario import (
    GROUP_COMMIT,
    Situation,
    acknowledged,
    error_code,
    scenario,
)
from tornproof_conformance.subjects.group_commits import PATIENCE, Group, HasGroups, HeldDisk

ROOM = 1000
"""More than any batch or queue of these scenarios needs."""


def has_groups(subject: Subject) -> bool:
    """Tell whether a subject has a group commit with threads in this process."""
    return isinstance(subject, HasGroups)


@contextmanager
def group_on_a_held_disk(
    subject: Subject,
    *,
    max_records: int = ROOM,
    queue_records: int = ROOM,
    block: bool = True,
    wait: float = PATIENCE,
) -> Iterator[tuple[Group, HeldDisk]]:
    """Open a group commit whose first record is durable; let it go in the end."""
    disk = HeldDisk(Situation(subject).filesystem)
    group = cast("HasGroups", subject).open_group(
        cast("Filesystem", disk),
        max_records=max_records,
        queue_records=queue_records,
        block=block,
        wait=wait,
    )
    try:
        group.append(b"first").result(PATIENCE)
        yield group, disk
    finally:
        disk.let_go()
        with suppress(TornproofError):  # it may be poisoned, and has said so
            group.close()


def under_way(group: Group, disk: HeldDisk, payload: bytes = b"under way") -> "Future[int]":
    """Hand a record over, and return while the sync that covers it is held up."""
    disk.hold()
    future = group.append(payload)
    disk.await_sync()
    return future


def _kept(subject: Subject, disk: HeldDisk) -> list[bytes]:
    """Return the payloads that the next process finds."""
    disk.disk.release_locks()
    return [payload for _, payload in subject.open(disk.disk, Options()).scan()]


def _told(future: "Future[int]") -> str:
    """Wait for what a waiter is told, and name it."""
    return error_code(future.result, PATIENCE)


def _refused(group: Group) -> str:
    """Return how a record is refused, at once or by its future."""
    return error_code(lambda: group.append(b"late").result(PATIENCE))


# In this process


@scenario("GRP-1", "GRP-2", claim=GROUP_COMMIT, where=has_groups)
def nobody_is_told_before_a_sync_covers_it(subject: Subject) -> Iterator[Violation]:
    """During a sync no future resolves; records submitted meanwhile share the next sync."""
    with group_on_a_held_disk(subject) as (group, disk):
        early = under_way(group, disk, b"early")
        late = [group.append(grow_payload(20, number)) for number in range(20)]
        if early.done():
            yield Violation("GRP-1", "a waiter is told while the sync of its record is under way")
        disk.let_one_go()
        disk.await_sync()
        if any(future.done() for future in late):
            yield Violation("GRP-1", "a sync has told those who came after it had begun")
        disk.let_go()
        for future in (early, *late):
            future.result(PATIENCE)
        if disk.syncs > len(late) / 2:
            message = f"{len(late)} records that waited together took {disk.syncs - 1} syncs"
            yield Violation("GRP-2", message)


@scenario("GRP-3", claim=GROUP_COMMIT, where=has_groups)
def a_failed_sync_fails_everybody(subject: Subject) -> Iterator[Violation]:
    """A failed sync fails the futures of its batch, of the queue, and of later records."""
    with group_on_a_held_disk(subject) as (group, disk):
        struck = [under_way(group, disk, b"struck")]
        struck += [group.append(b"behind"), group.append(b"further behind")]
        disk.failing = True
        disk.let_one_go()
        disk.let_go()
        told = [_told(future) for future in struck]
        disk.failing = False
        if any(each.startswith("success") or each == "TimeoutError" for each in told):
            message = f"a sync failed, and those who waited are told {', '.join(told)}"
            yield Violation("GRP-3", message)
        if (code := _refused(group)).startswith("success"):
            yield Violation("GRP-3", f"a sync failed, and a record that came later is told {code}")


@scenario("GRP-5", claim=GROUP_COMMIT, where=has_groups)
def a_batch_and_a_queue_are_bounded(subject: Subject) -> Iterator[Violation]:
    """Five records in batches of two take three syncs, and a full queue refuses a record."""
    with group_on_a_held_disk(subject, max_records=2) as (group, disk):
        futures = [under_way(group, disk)]
        futures += [group.append(b"one of five") for _ in range(5)]
        disk.let_go()
        for future in futures:
            future.result(PATIENCE)
        if disk.syncs < 4:
            message = f"5 records in batches of 2 at most took {disk.syncs - 1} syncs"
            yield Violation("GRP-5", message)
    with group_on_a_held_disk(subject, queue_records=3, block=False) as (group, disk):
        taken = [under_way(group, disk)]
        taken += [group.append(b"waits"), group.append(b"waits, too")]
        code = error_code(group.append, b"one too many")
        if code.startswith("success"):
            yield Violation("GRP-5", "a queue of 3 records has taken a fourth, and said nothing")
        disk.let_go()
        for future in taken:
            future.result(PATIENCE)


@scenario("GRP-6", claim=GROUP_COMMIT, where=has_groups)
def who_cancels_takes_nobody_along(subject: Subject) -> Iterator[Violation]:
    """After one waiter cancels in the queue and one during a sync, the others are durable."""
    with group_on_a_held_disk(subject) as (group, disk):
        leaving = [under_way(group, disk)]
        before, gone, after = (group.append(each) for each in (b"before", b"gone", b"after"))
        leaving.append(gone)
        for future in leaving:
            future.cancel()
        disk.let_go()
        told = [_told(future) for future in (before, after)]
        if not all(each.startswith("success") for each in told):
            yield Violation("GRP-6", f"neighbours of one who cancelled are told {', '.join(told)}")
        group.close()
        kept = _kept(subject, disk)
        if [each for each in kept if each not in (b"under way", b"gone")] != [
            b"first",
            b"before",
            b"after",
        ] or len(kept) != len(set(kept)):
            yield Violation("GRP-6", f"two have cancelled, and then there is {kept}")


@scenario("GRP-7", claim=GROUP_COMMIT, where=has_groups)
def closing_tells_everybody(subject: Subject) -> Iterator[Violation]:
    """A close resolves every waiting future, and refuses records that come later."""
    with group_on_a_held_disk(subject) as (group, disk):
        waiting = [under_way(group, disk)]
        waiting += [group.append(b"waits"), group.append(b"waits, too")]
        closing = threading.Thread(target=group.close, daemon=True)
        closing.start()
        disk.let_go()
        told = [_told(future) for future in waiting]
        closing.join(PATIENCE)
        if not all(each.startswith("success") for each in told):
            yield Violation("GRP-7", f"those who waited at the close are told {', '.join(told)}")
        if (code := _refused(group)).startswith("success"):
            yield Violation("GRP-7", f"a record after the close is told {code}")
        if (kept := _kept(subject, disk)) != [b"first", b"under way", b"waits", b"waits, too"]:
            yield Violation("GRP-7", f"after the close there is {kept}")


# In this process or another


class Together(Protocol):
    """A journal that takes records from many at once."""

    def submit(self, payloads: Sequence[bytes]) -> list[int]:
        """Hand records over at the same time, wait for all, and return their offsets."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


@frozen
class _Local:
    """A group commit of this process."""

    group: Group

    def submit(self, payloads: Sequence[bytes]) -> list[int]:
        futures = [self.group.append(payload) for payload in payloads]
        return [future.result(PATIENCE) for future in futures]

    def close(self) -> None:
        self.group.close()


def takes_together(subject: Subject) -> bool:
    """Tell whether records can be handed over to a subject at the same time."""
    return has_groups(subject) or getattr(subject, "takes_many", False)


def _together(situation: Situation) -> Together:
    if not isinstance(situation.subject, HasGroups):
        return cast("Together", situation.open(Options(segment_bytes=1 << 20)))
    disk = cast("Filesystem", situation.filesystem)
    return _Local(
        situation.subject.open_group(disk, max_records=100, queue_records=ROOM, block=True)
    )


@scenario("GRP-5", claim=GROUP_COMMIT, where=takes_together)
def a_crowd_is_answered_and_so_is_a_lone_record(subject: Subject) -> Iterator[Violation]:
    """2,000 records at once all get offsets, and one record alone does not wait for others."""
    situation = Situation(subject)
    journal = _together(situation)
    records: list[Record] = []
    for size in (2000, 1):
        payloads = [grow_payload(12, len(records) + number) for number in range(size)]
        try:
            offsets = journal.submit(payloads)
        except TornproofError as error:
            message = f"{size} records at the same time: {type(error).__name__}: {error}"
            yield Violation("ADP-8", message)
            return
        if len(offsets) != size:
            message = f"{size} records at the same time get {len(offsets)} offsets"
            yield Violation("ADP-8", message)
            return
        records += list(zip(offsets, payloads, strict=True))
    journal.close()
    situation.filesystem.release_locks()
    yield from _told_truly(records, list(situation.open().scan()), "GRP-1")


def _told_truly(
    records: Sequence[Record], found: Sequence[Record], lost: str
) -> Iterator[Violation]:
    """Judge what is found in a journal, given the offsets that were told; `lost` names a loss."""
    for violation in acknowledged(sorted(records)).judge(found)[:1]:
        is_gone = violation.requirement == PROMISED["append"]
        message = f"{len(records)} records were told their offsets; {violation.message}"
        yield Violation(lost if is_gone else violation.requirement, message)


@scenario("GRP-7", claim=GROUP_COMMIT, where=takes_together)
def what_comes_after_a_close_is_refused(subject: Subject) -> Iterator[Violation]:
    """Records submitted before a close are in the journal; records after it are refused."""
    situation = Situation(subject)
    journal = _together(situation)
    payloads = [grow_payload(30, number) for number in range(8)]
    records = list(zip(journal.submit(payloads), payloads, strict=True))
    journal.close()
    code = error_code(journal.submit, [b"late"])
    if code.startswith("success"):
        yield Violation("GRP-7", f"a record after the close is told {code}")
    situation.filesystem.release_locks()
    yield from _told_truly(records, list(situation.open().scan()), "GRP-7")
