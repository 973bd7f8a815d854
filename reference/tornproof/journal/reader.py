"""
Read a journal that another process may be writing.

A reader shares only the directory with the writer, opens nothing for writing (RDR-2), and takes
no lock.  Its listing may be out of date at any moment: a segment was begun or removed, or the
record at the tail is half written.  So it follows one rule.  It tries with the listing that it
has; if it finds no record, it lists the directory again; and it answers only if the directory
has not changed since the failed attempt (RDR-1).  The answers:

- no record, or an incomplete one, at the tail: "not yet" (RDR-3);
- the offset is below the first segment: cleanup has removed it (RDR-4);
- a frame is invalid or missing in a sealed segment or below the watermark: damage, since
  all of that was synced.

If the journal has a watermark, the reader stops there: records after it are not known to be
durable, and a crash may remove them after a program has acted on them.  `durable_only=False`
shows them nevertheless (RDR-6).
"""

from collections.abc import Iterator

from tornproof.errors import (
    BeyondEnd,
    Corrupt,
    MissingSegment,
    NotABoundary,
    NotYet,
    TornproofError,
    from_os_error,
)
from tornproof.filesystem import AnyPath, Filesystem, OsFilesystem, plain_path
from tornproof.journal.access import SegmentAccess
from tornproof.journal.recovery import require_directory
from tornproof.journal.scanning import scan_file
from tornproof.journal.segments import Segment, resolve, segment_bases
from tornproof.journal.watermark import WATERMARK_NAME, read_watermark
from tornproof.process import Owner
from tornproof.record import MAX_PAYLOAD_BYTES, Damage

_ENDS = "the file ends"


class JournalReader:
    """Reads a journal that another process may be writing, rotating and cleaning up."""

    def __init__(
        self,
        directory: AnyPath,
        *,
        durable_only: bool = True,
        max_payload: int = MAX_PAYLOAD_BYTES,
        filesystem: Filesystem | None = None,
    ) -> None:
        self._filesystem = filesystem or OsFilesystem()
        self._directory = plain_path(directory)
        self._durable_only = durable_only
        self._access = SegmentAccess(self._filesystem, self._directory, max_payload)
        self._owner = Owner()
        self._bases: list[int] = []
        self._durable: int | None = None
        self.refresh()

    def refresh(self) -> None:
        """
        Look at the directory again: what is durable, and which segments there are.

        Raises `Invalid` if the directory is gone, `InputOutput` if it cannot be
        read, `Forked` in a forked child.
        """
        self._owner.require(f"the reader of {self._directory}")
        try:
            # the watermark first: the listing then surely has what it covers
            durable = read_watermark(self._filesystem, self._directory)
            names = require_directory(self._filesystem, self._directory)
            if durable is None and WATERMARK_NAME in names:  # made in between
                durable = read_watermark(self._filesystem, self._directory)
        except OSError as error:
            raise from_os_error(error, f"look at {self._directory}") from error
        bases = segment_bases(names)
        for base in set(self._bases) - set(bases):
            self._access.forget(base)
        if durable is not None:
            # a slot that is being written counts for nothing: the other may be older
            self._durable = max(durable, self._durable or 0)
        self._bases = bases

    @property
    def first(self) -> int:
        """Offset of the first record that is kept, as of the last look at the directory."""
        return self._bases[0] if self._bases else 0

    def end(self) -> int:
        """
        Return the offset just past the last record that may be shown now.

        Without a watermark, that takes a walk through the last segment.
        """
        self.refresh()
        if self._limit is not None:
            return self._limit
        end = self._bases[-1] if self._bases else 0
        for _, _, following in self._walk(end):
            end = following
        return end

    def read(self, offset: int) -> bytes:
        """
        Return the payload of the record at `offset`.

        Raises `NotYet` at the tail, `BeyondEnd` past it, `Trimmed` below the
        first segment, `NotABoundary` inside a record, `Invalid` below zero,
        `Corrupt` or `MissingSegment` for damage, `Forked` in a forked child.
        """
        for _, payload, _ in self._walk(offset):
            return payload
        raise NotYet(f"offset {offset}: no whole record may be shown there yet; try again later")

    def scan(self, start: int | None = None) -> Iterator[tuple[int, bytes]]:
        """
        Yield records from `start`, or the first kept, up to the tail as it is now.

        Ends where the next record is not there yet; scan again from just past
        the last one to go on, across rotations, without a gap or a repeat
        (RDR-5).  Raises what `read` raises, except `NotYet`.
        """
        if start is None:
            self.refresh()
            start = self.first
        for offset, payload, _ in self._walk(start):
            yield offset, payload

    # The walk

    def _walk(self, at: int) -> Iterator[tuple[int, bytes, int]]:
        """
        Yield (offset, payload, offset of the next) from `at` to the tail.

        A miss counts only if nothing has moved since what was known was known.
        """
        while True:
            known, started, miss = self._known, at, None
            try:
                for record in self._walk_segment(at):
                    self._owner.require(f"the reader of {self._directory}")
                    at = record[2]
                    yield record
            except TornproofError as error:
                miss = error
            if miss is None and at > started:
                continue
            self.refresh()
            if self._known != known:
                continue
            if miss is not None:
                raise miss
            return

    @property
    def _known(self) -> tuple[list[int], int | None]:
        """What the next try goes by; a refresh makes new ones of both."""
        return self._bases, self._durable

    @property
    def _limit(self) -> int | None:
        """Offset below which a record must end to be shown, if there is such a limit."""
        return self._durable if self._durable_only else None

    def _walk_segment(self, at: int) -> Iterator[tuple[int, bytes, int]]:
        """Yield what may be shown of the segment that holds `at`, by what is known."""
        segment = self._locate(at)
        if segment is None or at == self._limit:
            return
        with self._access.open(segment.base) as file:
            size = min(file.size(), segment.size) if segment.sealed else file.size()
            if self._limit is not None and at > self._limit:
                self._require_written(at, segment.base + size)
                return

            # from a known boundary on: only a walk tells whether `at` is one
            index = self._access.index(segment.base)
            end = index.nearest(at - segment.base)
            maximum = self._access.max_payload
            for position, found in scan_file(file, size, maximum=maximum, start=end):
                if isinstance(found, Damage):
                    self._require_tail(segment, position, found.value)
                    break
                end = position + found.frame_bytes
                offset, following = segment.base + position, segment.base + end
                if offset < at < following:
                    raise NotABoundary(f"offset {at} lies inside the record at {offset}")
                if self._limit is not None and following > self._limit:
                    return
                index.note(end)
                if offset >= at:
                    yield offset, found.payload, following
            else:
                self._require_tail(segment, end, _ENDS)
        self._require_written(at, segment.base + end)

    def _locate(self, at: int) -> Segment | None:
        """Find the segment that holds `at`, or will once the writer gets there."""
        if not self._bases and at >= 0:
            if self._durable:
                raise MissingSegment(
                    f"{self._directory} holds no segments, and its durable watermark is "
                    f"{self._durable}: restore the files from a copy"
                )
            self._require_written(at, 0)
            return None
        number = resolve(self._bases, at + 1, at)
        base = self._bases[number]
        if number + 1 == len(self._bases):
            return Segment(base, 0, sealed=False)
        return Segment(base, self._bases[number + 1] - base, sealed=True)

    def _require_written(self, at: int, end: int) -> None:
        """Insist that an offset is not beyond what the writer has come to."""
        if at > end:
            raise BeyondEnd(f"offset {at} is beyond the end of the journal, {end}")

    def _require_tail(self, segment: Segment, position: int, finding: str) -> None:
        """Let frames end where the segment does, or where the writer may be at work."""
        offset = segment.base + position
        if segment.sealed:
            is_tail, why = offset == segment.end, "of a sealed segment"
        else:
            is_tail = offset >= (self._durable or 0)
            why = f"below the durable watermark {self._durable}"
        if not is_tail:
            kind = MissingSegment if finding == _ENDS else Corrupt
            path = self._access.path(segment.base)
            raise kind(f"{path}: {finding} at byte {position} (offset {offset}) {why}")
