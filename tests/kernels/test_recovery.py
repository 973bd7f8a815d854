"""
What a guest asked of its disk leads to the states that were seen: enumeration and replay.

`disk.log.xz` is the log of one guest (Linux 6.12.117, ext4), `disk.json` what was seen of its
programs, run by run.  A mistake in the enumeration or in the replay leads to other states.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tornproof_kernels import campaign, disk_images, ext4_reader, schedules
from tornproof_kernels.campaign import Job, crash_images, runs_of
from tornproof_kernels.disk_log import DiskLog, load_log
from tornproof_kernels.disk_server import Answered, FlushArrived
from tornproof_kernels.ext4_reader import Ext4, Transaction
from tornproof_kernels.litmus import show
from tornproof_kernels.vectors import load

HERE = Path(__file__).parent
SEEN = load(HERE / "disk.json")


@cache
def disk_log() -> DiskLog:
    """Return the log."""
    return load_log(HERE / "disk.log.xz")


def job_of(name: str) -> Job:
    """Return the run with this name."""
    (litmus,) = (each.litmus for each in SEEN.programs if each.litmus.name == name)
    schedule = name.partition(":")[2]
    lines = dict(schedules.systematic(litmus))[schedule]
    return Job(litmus, schedule, tuple(lines))


def states() -> Iterator[tuple[str, int, str]]:
    """Yield each state that comes out of the log: run, lines returned, tree."""
    for played in runs_of(disk_log(), has_ext4_journal=True):
        job = job_of(played.name)
        for crash in crash_images(played, job):
            try:
                text = show(ext4_reader.recover(crash.blocks))
            except (ext4_reader.Unreadable, ValueError, KeyError, IndexError) as error:
                text = f"unreadable: {error}"
            yield from ((played.name, done, text) for done in crash.after)


def told() -> set[tuple[str, int, str]]:
    """Return what the vector says."""
    return {
        (each.litmus.name, done, text)
        for each in SEEN.programs
        for text, found in each.states.items()
        for done in found
    }


def test_the_log_leads_to_what_was_seen() -> None:
    """State by state, and after which line each was there."""
    assert set(states()) == told()


Mistake = Callable[[pytest.MonkeyPatch], None]
MISTAKES: list[Mistake] = []


def mistake(change: Mistake) -> Mistake:
    """Add a mistake, which is named after itself."""
    MISTAKES.append(change)
    return change


# Enumeration


@mistake
def a_flush_covers_what_was_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take arrival for answer, as a log without answers does."""
    take = disk_images._Run.take

    def early(self: Any, event: Any, in_journal: Any) -> None:
        if isinstance(event, FlushArrived):
            self.answered |= set(self.flying)
        take(self, event, in_journal)

    monkeypatch.setattr(disk_images._Run, "take", early)


@mistake
def a_flush_covers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no write to be answered before a flush."""
    take = disk_images._Run.take

    def late(self: Any, event: Any, in_journal: Any) -> None:
        if not isinstance(event, Answered):
            take(self, event, in_journal)

    monkeypatch.setattr(disk_images._Run, "take", late)


@mistake
def no_crash_before_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look only when an operation has returned."""
    take = disk_images._Run.take

    def unseen(self: Any, event: Any, in_journal: Any) -> None:
        count = len(self.played.moments)
        take(self, event, in_journal)
        if isinstance(event, FlushArrived):
            del self.played.moments[count:]

    monkeypatch.setattr(disk_images._Run, "take", unseen)


@mistake
def blocks_are_never_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a block arrive whole or not at all."""
    monkeypatch.setattr(disk_images, "torn", lambda _: iter(()))


@mistake
def what_was_durable_before_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build images of what was in flight alone."""
    whole = disk_images.overlay

    def forgetful(base: Any, durable: Any, arrived: Any) -> dict[int, bytes]:
        del durable
        return whole(base, arrived)

    monkeypatch.setattr(campaign, "overlay", forgetful)


@mistake
def an_operation_returns_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count a line more than has returned."""
    returned = Job.returned
    monkeypatch.setattr(Job, "returned", lambda self, lines: returned(self, lines) + 1)


# Replay


def replay_as(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Transaction]], Any]) -> None:
    """Let a replay find other transactions."""
    found = Ext4._transactions

    def changed(self: Ext4, log: Any) -> Iterator[Transaction]:
        yield from change(list(found(self, log)))

    monkeypatch.setattr(Ext4, "_transactions", changed)


@mistake
def the_journal_is_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read what is in place."""
    monkeypatch.setattr(Ext4, "replay", lambda _: 0)


@mistake
def only_one_transaction_is_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop after the first."""
    replay_as(monkeypatch, lambda found: found[:1])


@mistake
def the_last_transaction_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop one too early."""
    replay_as(monkeypatch, lambda found: found[:-1])


@mistake
def transactions_are_replayed_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the oldest block win."""
    replay_as(monkeypatch, lambda found: found[::-1])


@mistake
def the_first_block_of_each_transaction_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget a block."""

    def less(found: list[Transaction]) -> list[Transaction]:
        for transaction in found:
            del transaction.writes[:1]
        return found

    replay_as(monkeypatch, less)


@mistake
def unwritten_extents_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show what lies on the disk below an extent that was not converted."""
    extents = Ext4.extents

    def all_written(self: Ext4, node: bytes) -> Iterator[tuple[int, int, int, bool]]:
        yield from ((first, count, place, True) for first, count, place, _ in extents(self, node))

    monkeypatch.setattr(Ext4, "extents", all_written)


@mistake
def journal_blocks_are_found_by_one_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the journal from its second block."""
    places = Ext4.journal_blocks
    monkeypatch.setattr(Ext4, "journal_blocks", lambda self: [*places(self)[1:], 0])


@pytest.mark.parametrize("change", MISTAKES, ids=lambda each: each.__name__.replace("_", " "))
def test_a_mistake_is_noticed(change: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other states come out of the log than were seen."""
    change(monkeypatch)
    try:
        found = set(states())
    except (ext4_reader.Unreadable, ValueError, KeyError, IndexError):
        return
    assert found != told()
