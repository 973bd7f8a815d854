"""
A small correct journal, in steps that a miniature can change.

It keeps every rule of the specification and shares no code with the reference:
when two implementations agree that were written apart, neither has copied the
other's mistake.  It prefers few words to speed: it walks a segment from its
start to read one record, and syncs once more where a sync does no harm.

Each decision is a step of its own.  A miniature is a subclass that gets one
step wrong, so that the difference to this class *is* the bug.  The steps come
in three parts, each a class that adds to the one before:

- `small_frames`: what a frame looks like
- `small_recovery`: what a crash left, and what is done about it
- here: append, acknowledge, rotate, read
"""

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from typing import ClassVar

from tornproof.errors import (
    BeyondEnd,
    Closed,
    Corrupt,
    Invalid,
    Locked,
    NotABoundary,
    Poisoned,
    TooLarge,
    Trimmed,
    from_os_error,
)
from tornproof.filesystem import File, Filesystem

from tornproof_models.contract.journal import Record
from tornproof_models.crash.subject import Options
from tornproof_models.miniatures.small_frames import Damage
from tornproof_models.miniatures.small_owner import SmallOwner
from tornproof_models.miniatures.small_recovery import SmallRecovery, write_all


@contextmanager
def reporting(action: str) -> Iterator[None]:
    """Let errors of the operating system out as typed ones."""
    try:
        yield
    except BlockingIOError:
        raise Locked(f"cannot {action}: the journal is open for writing elsewhere") from None
    except OSError as error:
        raise from_os_error(error, action) from error


class SmallJournal(SmallRecovery, SmallOwner):
    """
    A correct journal of format v2.

    Steps: `lock`, `check_payload`, `changing`, `fits`, `write_frame`, `roll_back`,
    `acknowledge`, `barrier`, `close`, `require_owner`; for segments `start_segment`, `seal`,
    `next_base`, `create`, `publish`; for reading `read`, `search`, `read_in`,
    `scan`, `records`, `offset_of`.
    """

    breaks: ClassVar[frozenset[str]] = frozenset()
    """
    The requirements that a miniature violates.

    A judge must name one of them at least.  It may name others as well: a
    journal that does not open breaks every rule that takes an open journal.
    """

    def __init__(self, filesystem: Filesystem, options: Options) -> None:
        super().__init__(filesystem, options)
        SmallOwner.__init__(self)
        self.active: File | None = None
        """The segment being written; none before the first append."""
        self.finished = False
        """Whether the active segment takes no more, because a write to it failed."""
        self.poisoned = False
        self.interrupted = False
        """Whether a change began and did not end."""
        self.closed = False
        with reporting("open the journal"), ExitStack() as resources:
            self.make_directory()
            resources.enter_context(self.lock())
            self.recover()
            self.resources = resources.pop_all()

    def lock(self) -> AbstractContextManager[object]:
        """Return the lock that keeps a second writer out."""
        return self.filesystem.lock(f"{self.directory}/writer.lock")

    # Writing

    @reporting("append")
    def append(self, payload: bytes) -> int:
        """Append a record and return its offset."""
        self.check_open()
        self.check_payload(payload)
        frame = self.encode(payload)
        with self.changing():
            if self.active is None or self.finished or not self.fits(frame):
                self.start_segment()
            offset = self.offset_of(self.last, self.sizes[self.last])
            self.write_frame(frame)
            self.acknowledge()
        return offset

    @reporting("sync")
    def sync(self) -> None:
        """Make everything appended durable."""
        self.check_open()
        with self.changing():
            self.barrier()

    @reporting("rotate")
    def rotate(self) -> int:
        """Start a new segment, unless the active one is empty, and return its base."""
        self.check_open()
        with self.changing():
            if self.active is None or self.finished or self.sizes[self.last] > 0:
                self.start_segment()
        return self.last

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Note that a change has begun, until it ends, or fails in good order."""
        self.interrupted = True
        try:
            yield
        except Exception:
            self.interrupted = False
            raise
        self.interrupted = False

    @reporting("close")
    def close(self) -> None:
        """Make everything durable and let go; closing twice is closing once."""
        if self.closed:
            return
        try:
            self.before_closing()
        finally:
            self.let_go()

    def before_closing(self) -> None:
        """Make everything durable, unless this is a child, which only lets go."""
        if os.getpid() == self.process:
            self.check_open()
            self.barrier()

    def let_go(self) -> None:
        """Give up the lock and the file."""
        self.closed = True
        if self.active is not None:
            self.active.close()
        self.resources.close()

    def check_open(self) -> None:
        """Refuse to write after a close or a failure."""
        self.check_not_closed()
        if self.poisoned or self.interrupted:
            raise Poisoned("an earlier failure left the disk in doubt; open the journal again")

    def check_not_closed(self) -> None:
        """Refuse everything after a close, and in a forked child."""
        self.require_owner()
        if self.closed:
            raise Closed("the journal has been closed")

    def check_payload(self, payload: bytes) -> None:
        """Refuse a payload above the maximum, before anything changes."""
        if len(payload) > self.options.max_payload:
            raise TooLarge(f"{len(payload)} bytes are above {self.options.max_payload}")

    def fits(self, frame: bytes) -> bool:
        """Tell whether the active segment has room; an empty one has room for any frame."""
        used = self.sizes[self.last]
        return used == 0 or used + len(frame) <= self.options.segment_bytes

    def write_frame(self, frame: bytes) -> None:
        """Write a frame at the end, wholly or not at all."""
        assert self.active is not None
        position = self.sizes[self.last]
        try:
            write_all(self.active, position, frame)
        except OSError:
            self.roll_back(self.active, position)
            raise
        self.sizes[self.last] += len(frame)

    def roll_back(self, file: File, position: int) -> None:
        """Cut a fragment off and finish with the segment, or refuse everything from now on."""
        self.finished = True
        try:
            file.truncate(position)
        except OSError:
            self.poisoned = True

    def acknowledge(self) -> None:
        """Keep the promise of the durability level before the offset is returned."""
        if self.options.durability != "eventual":
            self.barrier()

    def barrier(self) -> None:
        """Sync the active segment; a failure is final."""
        if self.active is not None:
            try:
                self.active.sync()
            except OSError:
                self.poisoned = True
                raise

    # Segments

    def start_segment(self) -> None:
        """Seal the active segment and make the next, durable in name before it is used."""
        self.seal()
        base = self.next_base()
        self.active = self.create(base)
        self.finished = False
        self.publish()
        self.sizes[base] = 0

    def seal(self) -> None:
        """Sync the active segment for the last time."""
        self.barrier()
        if self.active is not None:
            self.active.close()
            self.active = None

    def next_base(self) -> int:
        """Choose the offset at which the next segment begins."""
        return self.base_after(self.end)

    def create(self, base: int) -> File:
        """Make a file that nobody ever wrote to, replacing an empty one of the same name."""
        temporary = f"{self.path(base)}.tmp"
        file = self.filesystem.open(temporary, create=True, exclusive=True)
        try:
            self.filesystem.rename(temporary, self.path(base))
        except OSError:
            file.close()
            with suppress(OSError):
                self.filesystem.unlink(temporary)
            raise
        return file

    def publish(self) -> None:
        """Make the names of the segments durable; a failure is final."""
        try:
            self.filesystem.sync_directory(self.directory)
        except OSError:
            self.poisoned = True
            raise

    # Reading

    @reporting("read")
    def read(self, offset: int) -> bytes:
        """Return the payload of the record at an offset."""
        self.check_not_closed()
        if offset < 0:
            raise Invalid(f"offset {offset} is negative")
        if offset >= self.end:
            raise BeyondEnd(f"offset {offset} is not below {self.end}, the end")
        bases = tuple(self.sizes)
        if offset < bases[0]:
            raise Trimmed(f"offset {offset} is below {bases[0]}, the first one kept")
        return self.read_in(bases[self.search(bases, offset)], offset)

    def read_in(self, base: int, offset: int) -> bytes:
        """Return the payload of the record at an offset that lies in a segment."""
        for at, payload in self.records(base):
            if at == offset:
                return payload
        raise NotABoundary(f"offset {offset} lies inside a record")

    def search(self, bases: Sequence[int], offset: int) -> int:
        """Return the index of the last base at or below an offset."""
        return bisect_right(bases, offset) - 1

    def scan(self) -> Iterator[Record]:
        """Yield every record as (offset, payload)."""
        self.check_not_closed()
        with reporting("scan"):
            for base in tuple(self.sizes):
                yield from self.records(base)

    def records(self, base: int) -> Iterator[Record]:
        """Yield the records of one segment, all of which were found or made valid."""
        with closing(self.filesystem.open_for_reading(self.path(base))) as file:
            for position, found in self.walk(file, self.sizes[base]):
                if isinstance(found, Damage):
                    raise Corrupt(f"{self.path(base)}: {found} at byte {position}")
                yield self.offset_of(base, position), found

    @property
    def last(self) -> int:
        """Base of the last segment."""
        return next(reversed(self.sizes))

    @property
    def end(self) -> int:
        """Offset just past the last record."""
        return self.last + self.sizes[self.last] if self.sizes else 0

    def offset_of(self, base: int, position: int) -> int:
        """Return the offset of a position in a segment."""
        return base + position
