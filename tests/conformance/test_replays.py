"""Replays, races of each event, and bounds of quota and buffer: who is wrong is found."""

from collections.abc import Sequence

import pytest
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.subjects.reference import (
    QueueMiniature,
    ReferenceSubject,
    find_subject,
)
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.machines.reference_queue import (
    EquippedReferenceQueue,
    ReferenceQueue,
    SmallReferenceQueue,
)
from tornproof_models.miniatures.small_drainer import SmallDrainer

REPLAYS = (
    "a-replayed-event-is-what-it-was",
    "a-letter-whose-event-has-landed-is-only-removed",
    "races-are-counted-for-each-event",
)
OTHERS = (
    "two-replays-at-once-move-each-letter-once",
    "what-fits-into-a-quota-is-admitted",
    "signed-rows-of-one-transaction-are-linked",
    "an-older-copy-of-a-spool-takes-nothing-in-vain",
    "a-full-buffer-refuses",
)


def found(name: str, subject: object) -> set[str]:
    """Play a situation, and name what is violated."""
    return {each.requirement for each in SCENARIOS[name].judge(subject)}  # type: ignore[arg-type]


@requirement("DRN-4", "DRN-15", "DRN-18", "DRN-20", "DRN-22", "DRN-31")
def test_who_is_right_comes_out_of_every_situation() -> None:
    """The reference, and the twin of the miniatures."""
    twin = QueueMiniature("twin", SmallDrainer)

    assert [found(name, ReferenceSubject()) for name in (*REPLAYS, *OTHERS)] == [set()] * 8
    assert [found(name, twin) for name in REPLAYS] == [set()] * 3


@requirement("DRN-4", "DRN-15", "DRN-31")
@pytest.mark.parametrize(
    ("miniature", "situation", "broken"),
    [
        ("replays-the-newest-first", REPLAYS[0], "DRN-31"),
        ("replays-twice", REPLAYS[1], "DRN-15"),
        ("retries-for-ever", REPLAYS[2], "DRN-4"),
    ],
)
def test_a_wrong_queue_is_found(miniature: str, situation: str, broken: str) -> None:
    """By the situation that is made for it."""
    assert found(situation, find_subject(f"drainer/{miniature}")) == {broken}


class TellsWhatWasListed(ReferenceQueue):
    """Names every dead letter that was there when the replay began."""

    def replay_and_tell(self) -> Sequence[str]:
        """List, then replay."""
        listed = [each.event_id for each in self.look().state.dead_letters]
        super().replay_and_tell()
        return listed


class HasRoomForOneMore(SmallReferenceQueue):
    """Takes one event more than it has room for."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity + 1)


class LosesTheLast(EquippedReferenceQueue):
    """Has a quota that is smaller by a byte, and admits whatever an older spool is given."""

    def __init__(self, quota_bytes: int | None) -> None:
        super().__init__(None if quota_bytes is None else quota_bytes - 1)
        self.is_older = False

    def put_back(self, files: object) -> None:
        """Keep the newer files, and forget that events are to land."""
        del files
        self.is_older = True

    def submit(self, event: object) -> Outcome:
        """Say yes."""
        return Outcome.ADMITTED if self.is_older else super().submit(event)  # type: ignore[arg-type]


class Wrong(ReferenceSubject):
    """The reference, with other queues."""

    def open_queue(self, crash_model: Mode) -> ReferenceQueue:
        """Make one."""
        return TellsWhatWasListed(crash_model)

    def open_small_queue(self, capacity: int) -> SmallReferenceQueue:
        """Make one."""
        return HasRoomForOneMore(capacity)

    def open_equipped_queue(self, *, quota_bytes: int | None) -> EquippedReferenceQueue:
        """Make one."""
        return LosesTheLast(quota_bytes)


@requirement("DRN-15", "DRN-18", "DRN-20", "DRN-22")
@pytest.mark.parametrize(
    ("situation", "broken"),
    [
        ("two-replays-at-once-move-each-letter-once", "DRN-15"),
        ("a-full-buffer-refuses", "DRN-18"),
        ("what-fits-into-a-quota-is-admitted", "DRN-20"),
        ("an-older-copy-of-a-spool-takes-nothing-in-vain", "DRN-22"),
    ],
)
def test_a_queue_that_is_wrong_in_its_surroundings_is_found(situation: str, broken: str) -> None:
    """By the situation that is made for it."""
    assert found(situation, Wrong()) == {broken}
