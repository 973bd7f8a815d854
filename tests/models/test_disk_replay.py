"""A replayed trace: the same tree, whole or in pieces, and a disk to go on with."""

from collections.abc import Iterable

import pytest
from tornproof_models.crash.program import Append, Kill, Rotate
from tornproof_models.crash.subject import Options
from tornproof_models.disk.shared_disk import Replay, split
from tornproof_models.disk.trace import Event, Sync, Write
from tornproof_models.machines.cursor_machine import ReferenceConsumers
from tornproof_models.readers.programs import Clean, Consume, ConsumerRun

PROGRAM = (Append(5), Append(600), Rotate(), Consume(2), Clean(), Kill(), Append(7))


@pytest.fixture(scope="module")
def recorded() -> ConsumerRun:
    running = ConsumerRun(ReferenceConsumers(), Options())
    running.open()
    for step in PROGRAM:
        running.step(step)
    assert running.violations == []
    return running


def replay(events: Iterable[Event]) -> Replay:
    disk = Replay()
    for event in events:
        disk.apply(event)
    return disk


@pytest.mark.parametrize("pieces", [False, True])
def test_ends_with_the_same_tree(recorded: ConsumerRun, pieces: bool) -> None:
    """Names and contents are those of the disk on which the trace was made."""
    events = recorded.filesystem.events
    disk = replay(each for event in events for each in (split(event) if pieces else (event,)))
    assert disk.image == recorded.filesystem.image
    assert disk.changed == 0


def test_a_write_in_pieces_is_the_same_write() -> None:
    """They are many for a frame, and none is empty."""
    pieces = list(split(Write(1, 100, bytes(range(60)))))
    assert [each.offset for each in pieces if isinstance(each, Write)] == [100, 101, 108, 140, 159]
    assert b"".join(each.data for each in pieces if isinstance(each, Write)) == bytes(range(60))
    assert list(split(Write(1, 0, b"x"))) == [Write(1, 0, b"x")]
    assert list(split(Sync(1))) == [Sync(1)]


def test_can_be_written_to_from_any_moment_on(recorded: ConsumerRun) -> None:
    """Whoever takes over gets files of his own."""
    events = recorded.filesystem.events
    disk = replay(events[: len(events) // 2])
    disk.open("/mine", create=True, exclusive=True).write_at(0, b"here")
    assert disk.image.files["/mine"] == b"here"
    assert disk.changed == 2
