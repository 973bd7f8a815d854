"""
The writer: append, acknowledge, rotate, close.

An append goes through four phases: *validate* the payload and the writer's
state, *rotate* if the segment is full, *write* the frame, and pass the
*barrier*, an fsync, before the offset is returned.  The returned offset is the
acknowledgement (JRN-3).

Two rules keep failures simple.  The bytes of a segment are written once: see
`active`.  And **a failed fsync is final.**  The kernel reports it once and may
forget the pages, so the writer refuses everything from then on; opening the
journal again recovers it (JRN-7).  That is a state machine of three states: see
`states`.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Self

from tornproof.errors import (
    Closed,
    Invalid,
    Poisoned,
    TornproofError,
    from_os_error,
)
from tornproof.filesystem import AnyPath, Filesystem, OsFilesystem, plain_path
from tornproof.journal.access import SegmentAccess
from tornproof.journal.active import ActiveSegment, create_segment
from tornproof.journal.cursor import read_cursors
from tornproof.journal.locking import hold_writer_lock
from tornproof.journal.recovery import RecoveryReport, ensure_directory, recover_locked
from tornproof.journal.segments import Segment, removable_segments, resolve
from tornproof.journal.states import TRANSITIONS, Durability, Event, State
from tornproof.journal.watermark import Watermark
from tornproof.record import MAX_PAYLOAD_BYTES, check_size, encode

SEGMENT_BYTES = 64 << 20
"""
Size at which a segment is sealed: 64 MiB.

Recovery reads the last segment and writes it again, so its size bounds the time
to open; a smaller one costs more syncs of the directory.  LevelDB and etcd
settled on 4 and 64 MiB for the same trade.
"""


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
        watermark: Watermark,
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
        self._active: ActiveSegment | None = None
        self._access = SegmentAccess(filesystem, report.directory, max_payload)
        self._watermark = watermark

    @classmethod
    def open(
        cls,
        directory: AnyPath,
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
        directory, filesystem = plain_path(directory), filesystem or OsFilesystem()
        ensure_directory(filesystem, directory)

        # lock, then recover
        with ExitStack() as resources:
            resources.enter_context(hold_writer_lock(filesystem, directory))
            report = recover_locked(filesystem, directory, max_payload=max_payload)
            try:
                watermark = Watermark.open(filesystem, directory)
                watermark.advance(report.end)
            except OSError as error:
                raise from_os_error(error, f"open the watermark of {directory}") from error
            resources.callback(watermark.close)
            return cls(
                filesystem,
                report,
                resources.pop_all(),
                watermark,
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
    def poisoned(self) -> bool:
        """Whether an earlier failure makes it refuse everything (JRN-7)."""
        return self._state is State.POISONED

    @property
    def discarded_bytes(self) -> int:
        """Bytes that recovery cut when this journal was opened (REC-7)."""
        return self.report.discarded_bytes

    # Writing

    def append(self, payload: bytes) -> int:
        """
        Add a record at the end and return its offset.

        Unless the journal is `eventual`, the record is durable when this returns.
        After an error its fate is unknown unless the error is definite (JRN-6).  Raises
        `TooLarge`, `NoSpace`, `InputOutput`, `Poisoned`, `Closed`.
        """
        return self.append_many((payload,))[0]

    def append_many(self, payloads: Sequence[bytes], *, sync: bool = True) -> list[int]:
        """
        Add several records, with one write for each segment and one barrier for all.

        Returns their offsets, in order.  Without `sync` the barrier is the caller's
        to set, whatever the durability: group commit writes and syncs apart.
        Raises what `append` raises; some of the records may then be there, a
        prefix of them.
        """
        # validate
        self._require_open()
        frames = deque(encode(payload, maximum=self._max_payload) for payload in payloads)

        # write, segment by segment
        offsets = []
        while frames:
            active = self._segment_for(len(frames[0]))
            group = [frames.popleft()]
            room = active.base + self._segment_bytes - self._end - len(group[0])
            while frames and len(frames[0]) <= room:
                room -= len(frames[0])
                group.append(frames.popleft())
            self._write(active, b"".join(group))
            self._access.index(active.base).note(self._end - active.base)
            for frame in group:
                offsets.append(self._end)
                self._end += len(frame)

        # barrier
        if sync and self.durability is not Durability.EVENTUAL:
            self.sync()
        return offsets

    def check_payload(self, payload: bytes) -> None:
        """Raise `TooLarge` if `append` would."""
        check_size(len(payload), maximum=self._max_payload)

    def sync(self) -> None:
        """
        Make every record appended so far durable.

        Raises `InputOutput` if the disk refuses, and the journal is poisoned.
        """
        self._require_open()
        if self._active is None or not self._active.dirty:
            return
        with self._poisoned_by_failing_to(f"sync {self._active.path}"):
            self._active.sync()
            self._durable = self._end
            self._watermark.advance(self._durable)

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
            self._sync_watermark()
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
        return self._access.read(segment, offset).payload

    def scan(self, start: int | None = None) -> Iterator[tuple[int, bytes]]:
        """
        Yield every record from `start`, or the first, to the end as it is now.

        Raises what `read` raises.
        """
        self._require_not_closed()
        if start is None:
            start = self.first
        elif start != self._end:
            self.read(start)  # or say why a scan cannot begin there
        if start == self._end:
            return
        first = resolve(self._bases, self._end, start)
        for segment in [self._segment(index) for index in range(first, len(self._bases))]:
            yield from self._access.scan(segment, max(start, segment.base))

    # Cleanup

    def cleanup(self) -> int:
        """
        Remove the sealed segments that lie wholly below every cursor (SEG-7).

        Returns the offset of the first record kept.  Oldest first, each removal
        durable before the next, so that a crash leaves no gap; without any
        cursor nothing is removed.  Raises `Corrupt` for a cursor that cannot be
        read, `InputOutput` when the disk fails.
        """
        self._require_open()
        cursors = read_cursors(self._filesystem, self._directory)
        removable = removable_segments(self.segments, cursors.values())
        with self._poisoned_by_failing_to(f"remove segments of {self._directory}"):
            # a cursor that was renamed into place may not be durable yet (CUR-3)
            if removable:
                self._filesystem.sync_directory(self._directory)
            for segment in removable:
                self._filesystem.unlink(self._access.path(segment.base))
                self._filesystem.sync_directory(self._directory)
                self._bases.remove(segment.base)
                self._access.forget(segment.base)
        return self.first

    # Segments

    def _segment_for(self, size: int) -> ActiveSegment:
        """Return a segment with room for a frame; an empty one takes any (SEG-6)."""
        active = self._active
        if active is None or active.finished:
            return self._start_segment()
        if active.base < self._end and self._end + size > active.base + self._segment_bytes:
            return self._start_segment()
        return active

    def _start_segment(self) -> ActiveSegment:
        """Seal the active segment and make the next one, durable in name (SEG-4)."""
        # seal
        self.sync()
        self._sync_watermark()
        self._close_active()

        # make
        active = create_segment(self._filesystem, self._directory, self._end)

        # barrier
        try:
            with self._poisoned_by_failing_to(f"sync {self._directory}"):
                self._filesystem.sync_directory(self._directory)
        except BaseException:
            active.close()
            raise
        self._active = active
        if not self._bases or self._bases[-1] != self._end:
            self._bases.append(self._end)
        return active

    def _write(self, active: ActiveSegment, frames: bytes) -> None:
        """Write frames at the end, wholly or not at all, or be poisoned (JRN-8)."""
        try:
            active.write(self._end, frames)
        finally:
            if active.torn:
                self._move(Event.ROLLBACK_FAILED)

    def _sync_watermark(self) -> None:
        """Make the watermark exact where it is cheap: between segments, and at the end."""
        with self._poisoned_by_failing_to(f"sync the watermark of {self._directory}"):
            self._watermark.sync()

    # State

    @contextmanager
    def _poisoned_by_failing_to(self, action: str) -> Iterator[None]:
        """Let an error of the disk poison the journal: what is durable is unknown then (JRN-7)."""
        try:
            yield
        except OSError as error:
            self._move(Event.SYNC_FAILED)
            raise from_os_error(error, f"{action}, so the journal is poisoned") from error

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
