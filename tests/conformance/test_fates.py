"""What became of each write in a crash, on traces and images made by hand."""

from tornproof_conformance.story.fates import fates_of
from tornproof_conformance.story.lanes import moments_of
from tornproof_conformance.stream.run_events import Fate
from tornproof_models.disk.trace import (
    ROOT,
    Create,
    Event,
    Image,
    Rename,
    Sync,
    SyncDirectory,
    Trace,
    Truncate,
    Write,
)

A, B = b"a" * 512, b"b" * 512

CREATED = (Create(ROOT, "log", 1), SyncDirectory(ROOT))


def fates(events: tuple[Event, ...], end: int, **files: bytes) -> dict[int, Fate]:
    """Crash a trace on an empty disk before event `end`, which leaves these files."""
    recorded = Trace(Image(), events)
    image = Image({f"/{name}": content for name, content in files.items()})
    return dict(fates_of(recorded, end, image, tuple(moments_of(recorded))))


def test_a_write_that_lost_a_sector_is_torn() -> None:
    """Each sector has its letter, and the sync that was to come is named."""
    events = (*CREATED, Write(1, 0, A + B + A), Sync(1, data_only=True))
    found = fates(events, 3, log=A + bytes(512) + A)
    assert found[2].state == "torn"
    assert found[2].sectors == "klk"
    assert found[2].keeper == "fdatasync log would have kept it, 1 event later"


def test_sectors_are_those_of_the_file() -> None:
    """A write that begins within a sector is cut where the disk cuts it."""
    found = fates((*CREATED, Write(1, 500, A)), 3, log=bytes(500) + A[:12])
    assert found[2].sectors == "kl"


def test_what_was_synced_is_safe() -> None:
    """A sync between a write and the crash makes it safe; one before it does not."""
    events = (*CREATED, Write(1, 0, A), Sync(1), Write(1, 512, B))
    found = fates(events, 5, log=A)
    assert (found[2].state, found[4].state) == ("synced", "lost")
    assert found[4].keeper == "no sync of it follows"


def test_what_is_written_over_is_nobodys() -> None:
    """Nobody can say whether a sector was lost that a later write covers, or a truncate cuts."""
    events = (*CREATED, Write(1, 0, A), Write(1, 0, B), Write(1, 512, A), Truncate(1, 512))
    found = fates(events, 6, log=B)
    assert 2 not in found
    assert 4 not in found
    assert found[3].state == "kept"


def test_a_lost_name_loses_the_file() -> None:
    """Content that was synced is gone with its name, and only its directory's sync would help."""
    events = (Create(ROOT, "log", 1), Write(1, 0, A), Sync(1))
    found = fates(events, 3)
    assert {number: fate.state for number, fate in found.items()} == {0: "lost", 1: "lost"}
    assert "its name is lost" in found[1].keeper


def test_a_file_is_found_under_the_name_that_it_had() -> None:
    """A rename that the crash undid is lost; the content is there under the old name."""
    events = (*CREATED, Write(1, 0, A), Sync(1), Rename(ROOT, "log", ROOT, "new"))
    found = fates(events, 5, log=A)
    assert (found[2].state, found[4].state) == ("synced", "lost")
