"""Group commits on a disk whose fsync can be held up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tornproof.journal import GroupCommitBuffer, Journal

from tests.reference.group_commit.slow_disks import Disk


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that works, until a test says otherwise."""
    disk = Disk()
    disk.let_go()
    yield disk
    disk.let_go()


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """Where the journal lies."""
    return str(tmp_path / "journal")


@pytest.fixture
def make(disk: Disk, directory: str) -> Iterator[Callable[..., GroupCommitBuffer]]:
    """Make buffers; close them in the end, whatever has become of them."""
    made: list[GroupCommitBuffer] = []

    def make(*, segment_bytes: int = 1 << 20, **options: object) -> GroupCommitBuffer:
        journal = Journal.open(
            directory, durability="batched", segment_bytes=segment_bytes, filesystem=disk
        )
        made.append(GroupCommitBuffer(journal, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    disk.let_go()
    for buffer in made:
        buffer.__exit__(Exception, Exception(), None)
