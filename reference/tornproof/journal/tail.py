"""
The end of a journal, where its writer appends.

It has the list of segments, the end of the journal, the durable end, and the segment for the
next record.  Every method that changes
something does so within a change of the `Guard` (JRN-12), and an operation of
the disk whose failure leaves the durable state unknown poisons the writer
(JRN-7).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from tornproof.errors import from_os_error
from tornproof.filesystem import Filesystem
from tornproof.journal.access import SegmentAccess
from tornproof.journal.active import ActiveSegment, create_segment
from tornproof.journal.recovery import RecoveryReport
from tornproof.journal.segments import Segment
from tornproof.journal.states import Event, Guard
from tornproof.journal.watermark import Watermark


class Tail:
    """Writes at the end of a journal; for use by its `Journal` alone."""

    def __init__(
        self,
        filesystem: Filesystem,
        report: RecoveryReport,
        watermark: Watermark,
        guard: Guard,
        access: SegmentAccess,
        *,
        segment_bytes: int,
    ) -> None:
        self.bases = [segment.base for segment in report.segments]
        self.end = report.end
        self.durable = report.end
        self._filesystem = filesystem
        self._directory = report.directory
        self._watermark = watermark
        self._guard = guard
        self._access = access
        self._segment_bytes = segment_bytes
        self._active: ActiveSegment | None = None

    def segment(self, index: int) -> Segment:
        """Describe a segment by its place in `bases`; all but the last are sealed."""
        base = self.bases[index]
        sealed = index + 1 < len(self.bases)
        end = self.bases[index + 1] if sealed else self.end
        return Segment(base, end - base, sealed)

    # Writing

    def write(self, frames: "deque[bytes]") -> list[int]:
        """Write frames, with one write for each segment, and return their offsets."""
        offsets = []
        while frames:
            active = self._segment_for(len(frames[0]))
            group = [frames.popleft()]
            room = active.base + self._segment_bytes - self.end - len(group[0])
            while frames and len(frames[0]) <= room:
                room -= len(frames[0])
                group.append(frames.popleft())
            self._write(active, b"".join(group))
            self._access.index(active.base).note(self.end - active.base)
            for frame in group:
                offsets.append(self.end)
                self.end += len(frame)
        return offsets

    def sync(self) -> None:
        """Make everything written durable."""
        if self._active is None or not self._active.dirty:
            return
        with self._poisoned_by_failing_to(f"sync {self._active.path}"):
            self._active.sync()
            self.durable = self.end
            self._watermark.advance(self.durable)

    def sync_watermark(self) -> None:
        """
        Make the watermark exact: when the journal is closed.

        Its name too: a journal that had no watermark got one when it was opened, and only a
        segment that was made since has synced the directory.
        """
        with self._poisoned_by_failing_to(f"sync the watermark of {self._directory}"):
            self._watermark.sync()
            if self._active is None and self.bases:
                self._filesystem.sync_directory(self._directory)

    # Segments

    def rotate(self) -> None:
        """Seal the active segment and start the next, unless it is empty."""
        if self._active is None or self.end > self.bases[-1]:
            self._start_segment()

    def remove(self, segments: Sequence[Segment]) -> None:
        """Remove segments from the front, each removal durable before the next (SEG-7)."""
        with self._poisoned_by_failing_to(f"remove segments of {self._directory}"):
            # a cursor that was renamed into place may not be durable yet (CUR-3)
            if segments:
                self._filesystem.sync_directory(self._directory)
            for segment in segments:
                self._filesystem.unlink(self._access.path(segment.base))
                self._filesystem.sync_directory(self._directory)
                self.bases.remove(segment.base)
                self._access.forget(segment.base)

    def close(self) -> None:
        """Let go of the active segment; doing it again does no harm."""
        if self._active is not None:
            self._active.close()
            self._active = None

    def _segment_for(self, size: int) -> ActiveSegment:
        """Return a segment with room for a frame; an empty one takes any (SEG-6)."""
        active = self._active
        if active is None or active.finished:
            return self._start_segment()
        if active.base < self.end and self.end + size > active.base + self._segment_bytes:
            return self._start_segment()
        return active

    def _start_segment(self) -> ActiveSegment:
        """Seal the active segment and make the next one, durable in name (SEG-4)."""
        # seal
        self.sync()
        with self._poisoned_by_failing_to(f"close the segment before {self.end}"):
            self.close()

        # make
        active = create_segment(self._filesystem, self._directory, self.end)

        # barrier
        try:
            with self._poisoned_by_failing_to(f"sync {self._directory}"):
                self._filesystem.sync_directory(self._directory)
        except BaseException:
            with suppress(OSError):  # the error on its way says more
                active.close()
            raise
        self._active = active
        if not self.bases or self.bases[-1] != self.end:
            self.bases.append(self.end)
        return active

    # Failing

    def _write(self, active: ActiveSegment, frames: bytes) -> None:
        """Write frames at the end, wholly or not at all, or be poisoned (JRN-8)."""
        try:
            active.write(self.end, frames)
        finally:
            if active.torn:
                self._poison(Event.ROLLBACK_FAILED)

    @contextmanager
    def _poisoned_by_failing_to(self, action: str) -> Iterator[None]:
        """Let an error of the disk poison the journal: what is durable is unknown then (JRN-7)."""
        try:
            yield
        except OSError as error:
            self._poison(Event.SYNC_FAILED)
            raise from_os_error(error, f"{action}, so the journal is poisoned") from error

    def _poison(self, event: Event) -> None:
        self._guard.move(event)
        with suppress(OSError):  # the error on its way says more
            self.close()
