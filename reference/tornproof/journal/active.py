"""
The active segment: the file that a writer appends to.

**The bytes of a segment are written once.**  If a write fails, the fragment is cut off and the
segment is finished; the next record goes to a new segment, so it is never after a fragment,
nor in the place of one (JRN-8).  Where a file was cut, a crash can bring back the bytes before
the cut, and they may look like a record.
"""

from contextlib import suppress

from attrs import define

from tornproof.errors import from_os_error
from tornproof.filesystem import File, Filesystem
from tornproof.journal.segments import segment_name, temporary_name


@define
class ActiveSegment:
    """A segment that this process made, open for writing."""

    path: str
    base: int
    """Global offset of its first byte."""

    _file: File

    dirty: bool = False
    """Whether it was written to since it was synced."""

    finished: bool = False
    """Whether it takes no more, since a write to it was rolled back."""

    torn: bool = False
    """Whether a fragment could not be cut off."""

    def write(self, offset: int, frames: bytes) -> None:
        """
        Write frames at a global offset, the segment's end, wholly or not at all (JRN-8).

        Raises `NoSpace` or `InputOutput`; look at `torn` then.  Any other
        exception has come from outside and leaves what it leaves: the writer is
        poisoned by it, and nothing is written behind it (JRN-12).
        """
        position, written = offset - self.base, 0
        self.dirty = True
        try:
            while written < len(frames):
                written += self._file.write_at(position + written, frames[written:])
        except OSError as error:
            self._roll_back(position)
            action = f"write {len(frames)} bytes at {self.path}:{position}"
            raise from_os_error(error, action) from error

    def _roll_back(self, size: int) -> None:
        """Cut a fragment off, and finish with the segment."""
        self.finished = True
        try:
            self._file.truncate(size)
        except OSError:
            self.torn = True

    def sync(self) -> None:
        """
        Make what was written durable.

        Raises `OSError`; what is durable is unknown then (JRN-7).
        """
        self._file.sync()
        self.dirty = False

    def close(self) -> None:
        """Let go of the file; doing it again does no harm."""
        self._file.close()


def create_segment(filesystem: Filesystem, directory: str, base: int) -> ActiveSegment:
    """
    Make the segment that begins at `base`; its name is not durable yet (SEG-4).

    The file gets its name by a rename, so an empty segment of the same name,
    left by a crash or a full disk, is replaced by a file that nobody ever wrote
    to.  Raises `NoSpace` or `InputOutput`, and leaves nothing that recovery does
    not remove (REC-10).
    """
    path, temporary = f"{directory}/{segment_name(base)}", f"{directory}/{temporary_name(base)}"
    try:
        try:
            file = filesystem.open(temporary, create=True, exclusive=True)
        except FileExistsError:  # an earlier call failed between here and the renaming
            filesystem.unlink(temporary)
            file = filesystem.open(temporary, create=True, exclusive=True)
    except OSError as error:
        raise from_os_error(error, f"create {temporary}") from error
    try:
        filesystem.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            filesystem.unlink(temporary)
        raise from_os_error(error, f"rename {temporary}") from error
    return ActiveSegment(path, base, file)
