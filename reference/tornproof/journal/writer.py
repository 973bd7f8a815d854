"""
The writer: append, acknowledge, rotate, close.

An append goes through four phases: *validate* the payload and the writer's
state, *rotate* if the segment is full, *write* the frame, and pass the
*barrier*, an fsync, before the offset is returned.  The returned offset is the
acknowledgement (JRN-3).

Three rules for failures.  The bytes of a segment are written once: see
`active`.  **A failed fsync is final.**  The kernel reports it once and may
forget the pages, so the writer refuses everything from then on; opening the
journal again recovers it (JRN-7).  And **an interrupted call is final** too,
since its effect is unknown (JRN-12): see `states`.

A journal belongs to the process that opened it.  In a forked child it refuses every operation
but `close`, which closes the inherited files and keeps the parent's lock (JRN-13).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from tornproof.errors import Invalid, TornproofError, from_os_error
from tornproof.filesystem import AnyPath, Filesystem, OsFilesystem, plain_path
from tornproof.journal.access import SegmentAccess
from tornproof.journal.cursor import read_cursors
from tornproof.journal.locking import WriterLock
from tornproof.journal.recovery import RecoveryReport, ensure_directory, recover_locked
from tornproof.journal.segments import Segment, removable_segments, resolve
from tornproof.journal.states import Durability, Event, Guard, State
from tornproof.journal.tail import Tail
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
        lock: WriterLock,
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
        self._lock = lock
        self._watermark = watermark
        self._max_payload = max_payload
        self._guard = Guard(report.directory)
        self._access = SegmentAccess(filesystem, report.directory, max_payload)
        self._tail = Tail(
            filesystem,
            report,
            watermark,
            self._guard,
            self._access,
            segment_bytes=segment_bytes,
        )
        self._released = False
        self._consumers = frozenset[str]()

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
        directory = plain_path(directory)
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
        ensure_directory(filesystem, directory)

        # lock, then recover
        with ExitStack() as resources:
            lock = resources.enter_context(WriterLock(filesystem, directory))
            report = recover_locked(filesystem, directory, max_payload=max_payload)
            try:
                watermark = Watermark.open(filesystem, directory)
                resources.callback(watermark.close)
                watermark.advance(report.end)
            except OSError as error:
                raise from_os_error(error, f"open the watermark of {directory}") from error
            journal = cls(
                filesystem,
                report,
                lock,
                watermark,
                segment_bytes=segment_bytes,
                max_payload=max_payload,
                durability=durability,
            )
            resources.pop_all()
        return journal

    # What the journal holds

    @property
    def first(self) -> int:
        """Offset of the first record that is still kept."""
        return self._tail.bases[0] if self._tail.bases else 0

    @property
    def end(self) -> int:
        """Offset that the next record will have at the least; where the journal ends."""
        return self._tail.end

    @property
    def durable(self) -> int:
        """Offset up to which every record is known to be durable (exclusive)."""
        return self._tail.durable

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, in order; all but the last are sealed."""
        return tuple(self._tail.segment(index) for index in range(len(self._tail.bases)))

    @property
    def poisoned(self) -> bool:
        """Whether an earlier failure or interruption makes it refuse everything (JRN-7, JRN-12)."""
        return self._guard.poisoned

    @property
    def discarded_bytes(self) -> int:
        """Bytes that recovery cut when this journal was opened (REC-7)."""
        return self.report.discarded_bytes

    # Writing

    def append(self, payload: bytes) -> int:
        """
        Add a record at the end and return its offset.

        Unless the journal is `eventual`, the record is durable when this returns.
        After an error its fate is unknown unless the error is definite (JRN-6).
        Raises `TooLarge`, `NoSpace`, `InputOutput`, `Poisoned`, `Closed`, `Forked`.
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
        frames = deque(encode(payload, maximum=self._max_payload) for payload in payloads)
        with self._guard:
            offsets = self._tail.write(frames)
            if sync and self.durability is not Durability.EVENTUAL:
                self._tail.sync()
        return offsets

    def check_payload(self, payload: bytes) -> None:
        """Raise `TooLarge` if `append` would."""
        check_size(len(payload), maximum=self._max_payload)

    def sync(self) -> None:
        """
        Make every record appended so far durable.

        Raises `InputOutput` if the disk refuses, and the journal is poisoned.
        """
        with self._guard:
            self._tail.sync()

    def rotate(self) -> int:
        """
        Seal the active segment, start the next, and return the base of that.

        Does nothing if the active segment is empty.
        """
        with self._guard:
            self._tail.rotate()
        return self._tail.bases[-1]

    def close(self) -> None:
        """
        Make everything durable and let go of the journal (JRN-11).

        Possible in every state, and again after an interruption (JRN-14);
        closing twice is closing once.  Raises `Poisoned` or `InputOutput` if
        something appended may not be durable; the journal is closed all the
        same.  In a forked child it only lets go of what the child has inherited.
        """
        try:
            if self._guard.state is not State.CLOSED and self._guard.owner.is_here:
                with self._guard:
                    self._tail.sync()
                    self._tail.sync_watermark()
        finally:
            self._guard.move(Event.CLOSE)
            self._release()

    # Reading

    def read(self, offset: int) -> bytes:
        """
        Return the payload of the record whose frame begins at `offset`.

        Raises `Trimmed`, `BeyondEnd` or `NotABoundary`, which are three
        different mistakes (SEG-8), and `Corrupt` if the bytes have changed
        since they were checked.
        """
        self._guard.require_readable()
        segment = self._tail.segment(resolve(self._tail.bases, self._tail.end, offset))
        return self._access.read(segment, offset).payload

    def scan(self, start: int | None = None) -> Iterator[tuple[int, bytes]]:
        """
        Yield every record from `start`, or the first, to the end as it is now.

        Raises what `read` raises.
        """
        self._guard.require_readable()
        if start is None:
            start = self.first
        elif start != self.end:
            self.read(start)  # or say why a scan cannot begin there
        if start == self.end:
            return
        bases = self._tail.bases
        first = resolve(bases, self.end, start)
        for segment in [self._tail.segment(index) for index in range(first, len(bases))]:
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
        self._guard.require_open()
        cursors = read_cursors(self._filesystem, self._directory, self._consumers)
        self._consumers = frozenset(cursors)
        removable = removable_segments(self.segments, cursors.values())
        with self._guard:
            self._tail.remove(removable)
        return self.first

    # Inside

    def _release(self) -> None:
        """Let go of every file and of the lock; what was let go of before stays so."""
        if self._released:
            return
        failures = []
        for let_go in (self._tail.close, self._watermark.close, self._lock.release):
            try:
                let_go()
            except OSError as error:
                failures.append(error)
        self._released = True
        if failures:
            raise from_os_error(failures[0], f"close the files of {self._directory}")

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
