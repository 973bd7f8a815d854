"""
A reader in another process.

It shares nothing with the writer but the directory, opens nothing for writing
(RDR-2), and takes no lock.  What it knows of the segments may be out of date at
any moment, so it refreshes when something is not where it should be, and only
then (RDR-1):

- the end of the last segment is reached, and perhaps a new one has begun there;
- a file is gone, because cleanup has removed it: the offset is trimmed (RDR-4);
- a frame is not valid.  At the tail that means "not yet" (RDR-3); in a sealed
  segment it is damage.

Where the writer keeps a watermark, the reader stops there: what lies beyond is
not known to be durable, and may vanish in a crash after somebody has acted on
it.  `durable_only=False` is the named choice to see it all the same (RDR-6).
"""

from collections.abc import Iterator

from tornproof.errors import (
    BeyondEnd,
    Corrupt,
    NotABoundary,
    NotYet,
    SegmentGone,
    Trimmed,
    from_os_error,
)
from tornproof.filesystem import File, Filesystem, OsFilesystem
from tornproof.journal.access import SegmentAccess
from tornproof.journal.recovery import require_directory
from tornproof.journal.scanning import scan_file
from tornproof.journal.segments import Segment, resolve, segment_bases
from tornproof.journal.watermark import read_watermark
from tornproof.record import MAX_PAYLOAD_BYTES, Damage


class JournalReader:
    """Reads a journal that another process may be writing, rotating and cleaning up."""

    def __init__(
        self,
        directory: str,
        *,
        durable_only: bool = True,
        max_payload: int = MAX_PAYLOAD_BYTES,
        filesystem: Filesystem | None = None,
    ) -> None:
        self._filesystem = filesystem or OsFilesystem()
        self._directory = directory
        self._durable_only = durable_only
        self._access = SegmentAccess(self._filesystem, directory, max_payload)
        self._bases: list[int] = []
        self._limit: int | None = None
        self.refresh()

    def refresh(self) -> None:
        """
        Look at the directory again: what is durable, and which segments there are.

        Raises `Invalid` if the directory is gone, `InputOutput` if it cannot be
        read.
        """
        try:
            # the watermark first: the listing then surely has what it covers
            if self._durable_only:
                self._limit = read_watermark(self._filesystem, self._directory)
            bases = segment_bases(require_directory(self._filesystem, self._directory))
        except OSError as error:
            raise from_os_error(error, f"look at {self._directory}") from error
        for base in set(self._bases) - set(bases):
            self._access.forget(base)
        self._bases = bases

    @property
    def first(self) -> int:
        """Offset of the first record that is kept, as of the last refresh."""
        return self._bases[0] if self._bases else 0

    def end(self) -> int:
        """Return the offset just past the last record that may be shown now."""
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
        first segment, `NotABoundary` inside a record, `Corrupt` for damage.
        """
        for _, payload, _ in self._walk(offset):
            return payload
        raise NotYet(f"offset {offset}: no whole record is there yet; try again later")

    def scan(self, start: int | None = None) -> Iterator[tuple[int, bytes]]:
        """
        Yield records from `start`, or the first kept, up to the tail as it is now.

        Ends where the next record is not there yet; scan again from just past
        the last one to go on, across rotations, without a gap or a repeat
        (RDR-5).  Raises what `read` raises, except `NotYet`.
        """
        for offset, payload, _ in self._walk(self.first if start is None else start):
            yield offset, payload

    # The walk

    def _walk(self, at: int) -> Iterator[tuple[int, bytes, int]]:
        """Yield (offset, payload, offset of the next) from `at` to the tail."""
        checked = False
        while self._is_durable(at):
            segment = self._locate(at)
            if segment is None:
                return
            reached = at
            try:
                with self._access.open(segment.base) as file:
                    size = segment.size if segment.sealed else file.size()
                    if not checked:
                        self._check_boundary(file, segment.base, size, at)
                        checked = True
                    for record in self._records(file, segment, size, at):
                        reached = record[2]
                        yield record
            except SegmentGone:
                self._require_trimmed(at)
            if reached == at and not segment.sealed and not self._has_successor(segment.base):
                return
            at = reached

    def _is_durable(self, at: int) -> bool:
        """Tell whether a record at `at` may be shown, after a second look if need be."""
        if self._limit is not None and at >= self._limit:
            self.refresh()
        return self._limit is None or at < self._limit

    def _locate(self, at: int) -> Segment | None:
        """Find the segment that holds `at`, or will once the writer gets there."""
        if not self._bases:
            self.refresh()
        if not self._bases:
            if at:
                raise BeyondEnd(f"offset {at} is beyond the end of an empty journal")
            return None
        number = resolve(self._bases, max(at, self._bases[-1]) + 1, at)
        base = self._bases[number]
        if number + 1 == len(self._bases):
            return Segment(base, 0, sealed=False)
        return Segment(base, self._bases[number + 1] - base, sealed=True)

    def _records(
        self, file: File, segment: Segment, size: int, at: int
    ) -> Iterator[tuple[int, bytes, int]]:
        """Yield the records of one segment from `at` on, as far as they may be shown."""
        frames = scan_file(file, size, maximum=self._access.max_payload, start=at - segment.base)
        for position, found in frames:
            offset = segment.base + position
            if isinstance(found, Damage):
                if segment.sealed:
                    path = self._access.path(segment.base)
                    raise Corrupt(f"{path}: {found.value} at byte {position} of a sealed segment")
                return
            end = offset + found.frame_bytes
            if self._limit is not None and end > self._limit:
                return
            self._access.index(segment.base).note(position)
            yield offset, found.payload, end

    def _check_boundary(self, file: File, base: int, size: int, at: int) -> None:
        """Insist that `at` is where a record begins, or where the next one will."""
        position = at - base
        end = nearest = self._access.index(base).nearest(position)
        for start, found in scan_file(file, size, maximum=self._access.max_payload, start=nearest):
            if start == position or isinstance(found, Damage):
                break
            end = start + found.frame_bytes
            if end > position:
                raise NotABoundary(f"offset {at} lies inside the record at {base + start}")
        if end < position:
            raise BeyondEnd(f"offset {at} is beyond the end of the journal, {base + end}")

    def _has_successor(self, base: int) -> bool:
        """Look whether another segment has begun after this one (RDR-5)."""
        self.refresh()
        return bool(self._bases) and self._bases[-1] > base

    def _require_trimmed(self, at: int) -> None:
        """Say that `at` is trimmed, after a file was found gone (RDR-4)."""
        self.refresh()
        if at < self.first or not self._bases:
            raise Trimmed(f"offset {at} was removed by cleanup: the first one kept is {self.first}")
