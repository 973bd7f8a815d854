"""
The writer: append, acknowledge, rotate, close.

An append goes through four phases: *validate* the payload and the writer's
state, *rotate* if the segment is full, *write* the frame, and pass the
*barrier*, an fsync, before the offset is returned.  The returned offset is the
acknowledgement (JRN-3).

Two rules keep failures simple:

**The bytes of a segment are written once.**  If a write fails, the fragment is
cut off and the segment is finished; the next record goes to a fresh segment, so
it never lies behind a fragment, nor where one has been (JRN-8).

**A failed fsync is final.**  The kernel reports it once and may forget the
pages, so the writer refuses everything from then on; opening the journal again
recovers it (JRN-7).

The second rule is a state machine of three states, drawn in `spec/` from the
table below.
"""

import posixpath
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from enum import StrEnum
from types import TracebackType
from typing import Self

from tornproof.errors import (
    Closed,
    Corrupt,
    Invalid,
    Poisoned,
    TornproofError,
    from_os_error,
)
from tornproof.filesystem import File, Filesystem, OsFilesystem
from tornproof.journal.locking import hold_writer_lock
from tornproof.journal.recovery import RecoveryReport, recover_locked
from tornproof.journal.scanning import SparseIndex, read_record, scan_file
from tornproof.journal.segments import Segment, resolve, segment_name, temporary_name
from tornproof.record import MAX_PAYLOAD_BYTES, Damage, Record, encode

SEGMENT_BYTES = 64 << 20
"""
Size at which a segment is sealed: 64 MiB.

Recovery reads the last segment and writes it again, so its size bounds the time
to open; a smaller one costs more syncs of the directory.  LevelDB and etcd
settled on 4 and 64 MiB for the same trade.
"""


class Durability(StrEnum):
    """When an append is acknowledged (JRN-10)."""

    IMMEDIATE = "immediate"
    """After an fsync of its own: what `append` returns is durable."""

    EVENTUAL = "eventual"
    """At once: durable after the next `sync`, rotation or `close`."""


class State(StrEnum):
    """What a writer may still do."""

    OPEN = "open"
    POISONED = "poisoned"
    CLOSED = "closed"


class Event(StrEnum):
    """What moves a writer from one state to another."""

    SYNC_FAILED = "sync failed"
    ROLLBACK_FAILED = "rollback failed"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.OPEN, Event.SYNC_FAILED): State.POISONED,
    (State.OPEN, Event.ROLLBACK_FAILED): State.POISONED,
    (State.OPEN, Event.CLOSE): State.CLOSED,
    (State.POISONED, Event.CLOSE): State.CLOSED,
    (State.CLOSED, Event.CLOSE): State.CLOSED,
}


class Journal:
    """
    A journal, open for writing.

    Use `Journal.open`, preferably in a `with` statement.  Not for use by
    several threads at once: group commit is.
    """

    def __init__(
        self,
        filesystem: Filesystem,
        report: RecoveryReport,
        resources: ExitStack,
        *,
        segment_bytes: int,
        max_payload: int,
        durability: Durability,
    ) -> None:
        self.report = report
        self.durability = durability
        self._filesystem = filesystem
        self._directory = report.directory
        self._resources = resources
        self._segment_bytes = segment_bytes
        self._max_payload = max_payload
        self._state = State.OPEN
        self._bases = [segment.base for segment in report.segments]
        self._end = report.end
        self._durable = report.end
        self._active: File | None = None
        self._finished = False
        self._dirty = False
        self._indexes: dict[int, SparseIndex] = {}

    @classmethod
    def open(
        cls,
        directory: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        max_payload: int = MAX_PAYLOAD_BYTES,
        durability: Durability | str = Durability.IMMEDIATE,
        filesystem: Filesystem | None = None,
    ) -> Self:
        """
        Open the journal in `directory` for writing, recovering it first.

        Creates the directory if its parent exists.  `segment_bytes` is the size
        at which segments are sealed; a larger record gets a segment of its own
        (SEG-6).  Raises what `recover` raises.
        """
        # validate
        if segment_bytes < 1 or max_payload < 0 or max_payload >= 1 << 32:
            raise Invalid(
                f"segment_bytes {segment_bytes} must be positive and max_payload {max_payload} "
                "must lie in 0 … 2**32 - 1"
            )
        try:
            durability = Durability(durability)
        except ValueError:
            raise Invalid(f"durability {durability!r} is none of {', '.join(Durability)}") from None
        filesystem = filesystem or OsFilesystem()
        _ensure_directory(filesystem, directory)

        # lock, then recover
        with ExitStack() as resources:
            resources.enter_context(hold_writer_lock(filesystem, directory))
            report = recover_locked(filesystem, directory, max_payload=max_payload)
            return cls(
                filesystem,
                report,
                resources.pop_all(),
                segment_bytes=segment_bytes,
                max_payload=max_payload,
                durability=durability,
            )

    # What the journal holds

    @property
    def first(self) -> int:
        """Offset of the first record that is still kept."""
        return self._bases[0] if self._bases else 0

    @property
    def end(self) -> int:
        """Offset that the next record will have at the least; where the journal ends."""
        return self._end

    @property
    def durable(self) -> int:
        """Offset up to which every record is known to be durable (exclusive)."""
        return self._durable

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, in order; all but the last are sealed."""
        return tuple(self._segment(index) for index in range(len(self._bases)))

    @property
    def discarded_bytes(self) -> int:
        """Bytes that recovery cut when this journal was opened (REC-7)."""
        return self.report.discarded_bytes

    # Writing

    def append(self, payload: bytes) -> int:
        """
        Add a record at the end and return its offset.

        Under `immediate` the record is durable when this returns.  After an
        error its fate is unknown unless the error is definite (JRN-6).  Raises
        `TooLarge`, `NoSpace`, `InputOutput`, `Poisoned`, `Closed`.
        """
        # validate
        self._require_open()
        frame = encode(payload, maximum=self._max_payload)

        # rotate
        used = self._end - self._bases[-1] if self._bases else 0
        full = used > 0 and used + len(frame) > self._segment_bytes
        if self._active is None or self._finished or full:
            self._start_segment()

        # write
        offset = self._end
        self._write(frame)
        self._end += len(frame)

        # barrier
        if self.durability is Durability.IMMEDIATE:
            self.sync()
        return offset

    def sync(self) -> None:
        """
        Make every record appended so far durable.

        Raises `InputOutput` if the disk refuses, and the journal is poisoned.
        """
        self._require_open()
        if self._active is None or not self._dirty:
            return
        try:
            self._active.sync()
        except OSError as error:
            self._move(Event.SYNC_FAILED)
            raise from_os_error(
                error, f"sync {self._path(self._bases[-1])}, so the journal is poisoned"
            ) from error
        self._dirty = False
        self._durable = self._end

    def rotate(self) -> int:
        """
        Seal the active segment, start the next, and return the base of that.

        Does nothing if the active segment is empty.
        """
        self._require_open()
        if self._active is None or self._end > self._bases[-1]:
            self._start_segment()
        return self._bases[-1]

    def close(self) -> None:
        """
        Make everything durable and let go of the journal (JRN-11).

        Closing twice is closing once.  Raises `Poisoned` or `InputOutput` if
        something appended may not be durable; the journal is closed all the
        same.
        """
        state = self._state
        if state is State.CLOSED:
            return
        try:
            self._require_open()
            self.sync()
        finally:
            self._move(Event.CLOSE)
            self._resources.close()

    # Reading

    def read(self, offset: int) -> bytes:
        """
        Return the payload of the record whose frame begins at `offset`.

        Raises `Trimmed`, `BeyondEnd` or `NotABoundary`, which are three
        different mistakes (SEG-8), and `Corrupt` if the bytes have changed
        since they were checked.
        """
        self._require_not_closed()
        segment = self._segment(resolve(self._bases, self._end, offset))
        base = segment.base
        index = self._indexes.setdefault(base, SparseIndex())
        try:
            file = self._filesystem.open_for_reading(self._path(base))
            try:
                record = read_record(
                    file, segment.size, offset - base, index, maximum=self._max_payload
                )
            finally:
                file.close()
        except OSError as error:
            raise from_os_error(error, f"read {self._path(base)}") from error
        except TornproofError as error:
            raise type(error)(f"offset {offset}: {self._path(base)}: {error}") from None
        return record.payload

    def scan(self, start: int | None = None) -> Iterator[tuple[int, bytes]]:
        """
        Yield every record from `start`, or the first, to the end as it is now.

        Raises what `read` raises.
        """
        self._require_not_closed()
        start = self.first if start is None else start
        if start == self._end:
            return
        self.read(start)  # or say why a scan cannot begin there
        for segment in self.segments[resolve(self._bases, self._end, start) :]:
            yield from self._scan_segment(segment, max(start - segment.base, 0))

    def _scan_segment(self, segment: Segment, position: int) -> Iterator[tuple[int, bytes]]:
        path = self._path(segment.base)
        try:
            file = self._filesystem.open_for_reading(path)
            try:
                for at, found in self._frames(file, segment, position):
                    if isinstance(found, Damage):
                        raise Corrupt(f"{path}: {found.value} at byte {at}: it was valid before")
                    yield segment.base + at, found.payload
            finally:
                file.close()
        except OSError as error:
            raise from_os_error(error, f"read {path}") from error

    def _frames(
        self, file: File, segment: Segment, start: int
    ) -> Iterator[tuple[int, Record | Damage]]:
        return scan_file(file, segment.size, maximum=self._max_payload, start=start)

    # Segments

    def _start_segment(self) -> None:
        """
        Seal the active segment and make the next one, durable in name (SEG-4).

        The file gets its name by a rename, so an empty segment of the same name,
        left by a crash or a full disk, is replaced by a file that nobody ever
        wrote to.
        """
        # seal
        self.sync()
        self._close_active()

        # make
        temporary = f"{self._directory}/{temporary_name(self._end)}"
        try:
            file = self._filesystem.open(temporary, create=True, exclusive=True)
        except OSError as error:
            raise from_os_error(error, f"create {temporary}") from error
        try:
            self._filesystem.rename(temporary, self._path(self._end))
        except OSError as error:
            file.close()
            with suppress(OSError):  # recovery removes it otherwise (REC-10)
                self._filesystem.unlink(temporary)
            raise from_os_error(error, f"rename {temporary}") from error

        # barrier
        try:
            self._filesystem.sync_directory(self._directory)
        except OSError as error:
            file.close()
            self._move(Event.SYNC_FAILED)
            raise from_os_error(
                error, f"sync {self._directory}, so the journal is poisoned"
            ) from error
        self._active, self._finished = file, False
        if not self._bases or self._bases[-1] != self._end:
            self._bases.append(self._end)

    def _write(self, frame: bytes) -> None:
        """Write a frame at the end, wholly or not at all (JRN-8)."""
        assert self._active is not None
        position = self._end - self._bases[-1]
        written = 0
        self._dirty = True
        try:
            while written < len(frame):
                written += self._active.write_at(position + written, frame[written:])
        except BaseException as error:
            self._roll_back(position)
            if isinstance(error, OSError):
                raise from_os_error(
                    error, f"write {len(frame)} bytes at {self._path(self._bases[-1])}:{position}"
                ) from error
            raise

    def _roll_back(self, size: int) -> None:
        """Cut a fragment off and finish with the segment, or poison the journal."""
        assert self._active is not None
        try:
            self._active.truncate(size)
            self._finished = True
        except OSError:
            self._move(Event.ROLLBACK_FAILED)

    # State

    def _move(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state, event]
        if self._state is not State.OPEN:
            self._close_active()

    def _close_active(self) -> None:
        if self._active is not None:
            self._active.close()
            self._active = None

    def _require_open(self) -> None:
        self._require_not_closed()
        if self._state is State.POISONED:
            raise Poisoned(
                f"{self._directory}: an earlier sync or rollback failed, so what is durable is "
                "unknown; open the journal again to recover it"
            )

    def _require_not_closed(self) -> None:
        if self._state is State.CLOSED:
            raise Closed(f"{self._directory} has been closed")

    def _path(self, base: int) -> str:
        return f"{self._directory}/{segment_name(base)}"

    def _segment(self, index: int) -> Segment:
        base = self._bases[index]
        sealed = index + 1 < len(self._bases)
        end = self._bases[index + 1] if sealed else self._end
        return Segment(base, end - base, sealed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        with suppress(TornproofError):  # the error already on its way says more
            self.close()


def _ensure_directory(filesystem: Filesystem, directory: str) -> None:
    """Create the journal's directory, durably, if only that is missing."""
    try:
        filesystem.list_directory(directory)
    except FileNotFoundError:
        parent = posixpath.dirname(directory.rstrip("/")) or "."
        try:
            filesystem.make_directory(directory)
            filesystem.sync_directory(parent)
        except OSError as error:
            raise from_os_error(error, f"create {directory}") from error
    except OSError:
        pass  # recovery reports it with the same words as every other command
