"""
The interface that a journal must have to be judged.

An implementation under judgement, a *subject*, opens a journal on a simulated disk;
what it opens appends, syncs, reads and closes.  That the journal may be the
reference, a miniature with a bug, or a process that speaks a protocol, nobody on
this side of the subject can tell.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias, cast

from attrs import frozen
from tornproof.errors import TornproofError

from tornproof_models.contract.journal import End, Record
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

DIRECTORY = "/journal"
"""Where the journal lies on a simulated disk."""


class JournalUnderTest(Protocol):
    """What the judge asks of a journal that is open for writing."""

    @property
    def discarded_bytes(self) -> int:
        """How many bytes recovery cut when this journal was opened (REC-7)."""
        ...

    def append(self, payload: bytes) -> int:
        """Append a record and return its offset."""
        ...

    def sync(self) -> None:
        """Make everything appended durable."""
        ...

    def rotate(self) -> int:
        """Start a new segment and return its base."""
        ...

    def read(self, offset: int) -> bytes:
        """Return the payload at an offset."""
        ...

    def scan(self) -> Iterator[Record]:
        """Yield every record as (offset, payload)."""
        ...

    def close(self) -> None:
        """Make everything durable and let go."""
        ...


@frozen
class Options:
    """How a journal is opened."""

    segment_bytes: int = 512
    durability: str = "immediate"
    max_payload: int = 16 << 20


class Subject(Protocol):
    """An implementation under judgement."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Open the journal in `DIRECTORY`, recovering it first."""
        ...


Answer: TypeAlias = int | TornproofError
"""What an append answered: the offset, or why not."""


class Interruptible(Protocol):
    """A journal in a process that can be killed in the middle of what it does."""

    def interrupt(
        self, payloads: Sequence[bytes], answers: int, microseconds: int
    ) -> Sequence[Answer]:
        """Hand appends over, kill the process after so many answers, and return what came."""
        ...


class Killing(Protocol):
    """A disk that can kill the process that works on it at a chosen call."""

    def kill_at(self, nth: int, *, is_after: bool) -> None:
        """Kill before or after the Nth call from here on that changes or syncs a file."""
        ...

    @property
    def has_killed(self) -> bool:
        """Whether the kill that was ordered last has struck."""
        ...


class TakesMany(Protocol):
    """A journal that takes records of many callers at the same time."""

    def submit(self, payloads: Sequence[bytes]) -> Sequence[int]:
        """Append records at the same time, all durably, and return their offsets."""
        ...


class TakesBatches(Protocol):
    """A journal that takes several records as one."""

    def append_batch(self, payloads: Sequence[bytes]) -> Sequence[int]:
        """Append records that are kept all or none, and return their offsets."""
        ...


class Truncates(Protocol):
    """A journal that drops records from its ends."""

    def truncate(self, end: End, offset: int) -> None:
        """Drop the records from an offset on (the tail), or those below it (the head)."""
        ...


def new_disk(subject: Subject, image: Image | None = None) -> ModelFilesystem:
    """
    Make a disk with an image on it: a simulated one, unless the subject brings its own.

    What a subject brings does everything that a run without faults and crashes asks
    of a disk.
    """
    make = getattr(subject, "new_disk", ModelFilesystem)
    return cast("ModelFilesystem", make(image))
