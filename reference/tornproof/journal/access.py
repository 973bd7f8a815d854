"""
Read records out of segment files.

The writer and readers in other processes both use this module.  Files are opened when they are
needed, and never for writing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from tornproof.errors import Corrupt, SegmentGone, TornproofError, from_os_error
from tornproof.filesystem import File, Filesystem
from tornproof.journal.scanning import SparseIndex, read_record, scan_file
from tornproof.journal.segments import Segment, segment_name
from tornproof.record import Damage, Record


@define
class SegmentAccess:
    """Reads the segments of one journal, remembering some boundaries in each."""

    filesystem: Filesystem
    directory: str
    max_payload: int
    _indexes: dict[int, SparseIndex] = field(factory=dict)

    def path(self, base: int) -> str:
        """Return the path of the segment that begins at `base`."""
        return f"{self.directory}/{segment_name(base)}"

    def index(self, base: int) -> SparseIndex:
        """Return the known boundaries of a segment."""
        return self._indexes.setdefault(base, SparseIndex())

    def forget(self, base: int) -> None:
        """Drop what is known of a segment that was removed."""
        self._indexes.pop(base, None)

    def read(self, segment: Segment, offset: int) -> Record:
        """
        Return the record at a global offset, which must lie in the segment.

        Raises `NotABoundary`, and `Corrupt` if the bytes have changed since they
        were checked.
        """
        position = offset - segment.base
        with self.open(segment.base) as file:
            try:
                return read_record(
                    file,
                    segment.size,
                    position,
                    self.index(segment.base),
                    maximum=self.max_payload,
                )
            except TornproofError as error:
                place = f"offset {offset}: {self.path(segment.base)}"
                raise type(error)(f"{place}: {error}") from None

    def scan(self, segment: Segment, start: int) -> Iterator[tuple[int, bytes]]:
        """
        Yield the records of a segment from a global offset on, a boundary in it.

        Raises `Corrupt` where a frame is no longer valid.
        """
        with self.open(segment.base) as file:
            for at, found in scan_file(
                file, segment.size, maximum=self.max_payload, start=start - segment.base
            ):
                if isinstance(found, Damage):
                    path = self.path(segment.base)
                    raise Corrupt(f"{path}: {found.value} at byte {at}: it was valid before")
                yield segment.base + at, found.payload

    @contextmanager
    def open(self, base: int) -> Iterator[File]:
        """
        Open a segment for reading while the context lasts.

        Raises `SegmentGone` if there is no such file, `InputOutput` when reading
        fails.
        """
        path = self.path(base)
        try:
            file = self.filesystem.open_for_reading(path)
            try:
                yield file
            finally:
                file.close()
        except FileNotFoundError:
            raise SegmentGone(f"{path} is gone: was it removed by hand?") from None
        except OSError as error:
            raise from_os_error(error, f"read {path}") from error
