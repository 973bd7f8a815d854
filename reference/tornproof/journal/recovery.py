"""
Recover a journal after a crash: decide what to keep, then change the disk.

A crash may cut the last record short, leave zeros or garbage where data had not reached the
disk, or lose the tail.  None of that was acknowledged, so recovery may cut it.  Any other
error, a bad frame in a sealed segment or a missing segment, is damage to acknowledged records:
recovery then reports it and changes nothing (REC-5, REC-6).

Recovery goes through two phases.  `examine` reads every segment and decides;
it is also the dry run.  `_make_durable` acts, and only on the last segment:

1. truncate it after the longest valid prefix (REC-1);
2. write the kept bytes again, the same bytes in the same place;
3. sync it, before anybody is shown a record (REC-2, REC-8).

The second step is needed: if an fsync of an earlier process failed, the kernel may have pages
that are marked clean and are not on disk; another fsync would succeed and write nothing.
Writing the bytes again makes the pages dirty, so the sync writes them.

A recovered segment is never appended to: the next append begins a new one.  Where a file was
cut, an unsynced write may bring back the bytes from before the cut, and a frame of format v2
does not show whether it is old or new.
"""

import posixpath
from collections.abc import Sequence
from contextlib import suppress

from attrs import frozen

from tornproof.errors import Corrupt, Invalid, MissingSegment, TornproofError, from_os_error
from tornproof.filesystem import AnyPath, File, Filesystem, OsFilesystem, plain_path
from tornproof.journal.locking import WriterLock
from tornproof.journal.scanning import scan_file, whole_payload_length
from tornproof.journal.segments import (
    Segment,
    check_contiguous,
    segment_bases,
    segment_name,
    temporary_names,
)
from tornproof.journal.watermark import read_watermark
from tornproof.record import MAX_PAYLOAD_BYTES, Damage


@frozen
class Cut:
    """The unacknowledged tail that was, or would be, discarded."""

    offset: int
    """Where the journal ends now, and the first damaged frame began."""

    bytes: int
    """How many bytes followed it."""

    damage: Damage
    """What was wrong with the frame there."""


@frozen
class RecoveryReport:
    """What recovery kept, what it cut, where and why (REC-7)."""

    directory: str
    segments: tuple[Segment, ...]
    records: int
    cut: Cut | None
    watermark: int
    """Offset up to which the journal was known to be durable (exclusive); 0 if unknown."""

    temporary: tuple[str, ...]
    """Our own unfinished files, by name: removed (REC-10)."""

    @property
    def first(self) -> int:
        """Offset of the first record kept."""
        return self.segments[0].base if self.segments else 0

    @property
    def end(self) -> int:
        """Offset just past the last record kept."""
        return self.segments[-1].end if self.segments else 0

    @property
    def discarded_bytes(self) -> int:
        """Bytes cut from the tail."""
        return self.cut.bytes if self.cut else 0


def recover(
    directory: AnyPath,
    *,
    dry_run: bool = False,
    filesystem: Filesystem | None = None,
    max_payload: int = MAX_PAYLOAD_BYTES,
) -> RecoveryReport:
    """
    Bring the journal in `directory` to a state that may be read and appended to.

    Twice equals once (REC-3).  With `dry_run` nothing on disk changes, and the
    report says what would be done.  Raises `Corrupt` or `MissingSegment` for
    damage to acknowledged data, `Locked` while a writer is at work, `Invalid`
    where there is no such directory, `InputOutput` when the disk fails.
    """
    directory = plain_path(directory)
    filesystem = filesystem or OsFilesystem()
    require_directory(filesystem, directory)
    if dry_run:
        return examine(filesystem, directory, max_payload=max_payload)
    with WriterLock(filesystem, directory):
        return recover_locked(filesystem, directory, max_payload=max_payload)


def require_directory(filesystem: Filesystem, directory: str) -> list[str]:
    """Return the names in `directory`, or say plainly that it cannot be read."""
    try:
        return filesystem.list_directory(directory)
    except FileNotFoundError:
        raise Invalid(f"no such directory: {directory}") from None
    except NotADirectoryError:
        raise Invalid(f"not a directory: {directory}") from None
    except OSError as error:
        raise from_os_error(error, f"list {directory}") from error


def ensure_directory(filesystem: Filesystem, directory: str) -> None:
    """
    Create the journal's directory if only that is missing, and make its name durable.

    A directory without segments is taken for one that was just created: whoever
    created it may have died before the name was durable.
    """
    parent = posixpath.dirname(directory.rstrip("/")) or "."
    try:
        try:
            names = filesystem.list_directory(directory)
        except FileNotFoundError:
            filesystem.make_directory(directory)
            names = []
        if not segment_bases(names):
            filesystem.sync_directory(parent)
    except NotADirectoryError:
        pass  # recovery reports it with the same words as every other command
    except OSError as error:
        raise from_os_error(error, f"create {directory}") from error


def recover_locked(filesystem: Filesystem, directory: str, *, max_payload: int) -> RecoveryReport:
    """Recover while the caller holds the writer lock."""
    report = examine(filesystem, directory, max_payload=max_payload)
    try:
        for name in report.temporary:
            with suppress(FileNotFoundError):  # its consumer lives, and has just renamed it
                filesystem.unlink(f"{directory}/{name}")
        if report.segments:
            _make_durable(filesystem, directory, report.segments[-1], report.watermark)
    except OSError as error:
        raise from_os_error(error, f"make the recovered tail of {directory} durable") from error
    return report


def examine(filesystem: Filesystem, directory: str, *, max_payload: int) -> RecoveryReport:
    """
    Read every segment and decide what recovery keeps; change nothing.

    Without the lock a writer may be at work.  What it begins or removes after the listing looks
    like damage, so damage counts only if the segments are still those of the listing.
    """
    while True:
        try:
            # the watermark first: the listing then surely has what it covers
            watermark = read_watermark(filesystem, directory) or 0
        except OSError as error:
            raise from_os_error(error, f"read the watermark of {directory}") from error
        names = require_directory(filesystem, directory)
        try:
            return _examine(filesystem, directory, watermark, names, max_payload)
        except TornproofError:
            if segment_bases(require_directory(filesystem, directory)) == segment_bases(names):
                raise


def _examine(
    filesystem: Filesystem,
    directory: str,
    watermark: int,
    names: Sequence[str],
    max_payload: int,
) -> RecoveryReport:
    bases = segment_bases(names)
    segments: list[Segment] = []
    records = 0
    cut = None
    for base in bases:
        if segments:
            check_contiguous(segments[-1], base)
        sealed = base != bases[-1]
        segment, count, cut = _examine_segment(filesystem, directory, base, sealed, max_payload)
        segments.append(segment)
        records += count
    _check_watermark(directory, watermark, segments, cut)
    return RecoveryReport(
        directory=directory,
        segments=tuple(segments),
        records=records,
        cut=cut,
        watermark=watermark,
        temporary=tuple(temporary_names(names)),
    )


def _check_watermark(
    directory: str, watermark: int, segments: Sequence[Segment], cut: Cut | None
) -> None:
    """Insist that everything below the watermark is there and valid (REC-5, REC-12)."""
    end = segments[-1].end if segments else 0
    if end >= watermark:
        return
    if cut:
        raise Corrupt(
            f"{directory}/{segment_name(segments[-1].base)}: {cut.damage.value} at offset "
            f"{cut.offset}, below the durable watermark {watermark}: acknowledged records are "
            "damaged; nothing was changed: restore the file from a copy, or salvage"
        )
    raise MissingSegment(
        f"{directory} ends at offset {end}, below its durable watermark {watermark}: acknowledged "
        "records are missing; nothing was changed: restore the files from a copy"
    )


def _examine_segment(
    filesystem: Filesystem, directory: str, base: int, sealed: bool, max_payload: int
) -> tuple[Segment, int, Cut | None]:
    """Find the longest valid prefix of one segment; insist on all of a sealed one."""
    path = f"{directory}/{segment_name(base)}"
    records, position = 0, 0
    try:
        file = filesystem.open_for_reading(path)
        try:
            size = file.size()
            for position, found in scan_file(file, size, maximum=max_payload):
                if isinstance(found, Damage):
                    if sealed:
                        raise Corrupt(
                            f"{path}: {found.value} at byte {position} (offset {base + position}) "
                            "of a sealed segment, which holds acknowledged records; nothing was "
                            "changed: restore the file from a copy"
                        )
                    if found is Damage.LENGTH_ABOVE_MAXIMUM:
                        _require_torn(file, path, position, size, max_payload)
                    cut = Cut(base + position, size - position, found)
                    return Segment(base, position, sealed), records, cut
                records += 1
        finally:
            file.close()
    except OSError as error:
        raise from_os_error(error, f"read {path}") from error
    return Segment(base, size, sealed), records, None


def _require_torn(file: File, path: str, position: int, size: int, max_payload: int) -> None:
    """Refuse to cut a valid record only because it is longer than this open allows."""
    length = whole_payload_length(file, position, size)
    if length is not None:
        raise Invalid(
            f"{path}: the record at byte {position} has {length} bytes, above the max_payload of "
            f"{max_payload}: open the journal with a larger one"
        )


def _make_durable(filesystem: Filesystem, directory: str, last: Segment, watermark: int) -> None:
    """
    Cut the last segment to its valid prefix, write it again, and sync (REC-2, REC-8).

    Truncates even where there is nothing to cut: the file may have been cut by
    a process that died before it could sync, or whose sync failed, and then only
    the kernel knows.  What lies below the watermark was synced with success and
    need not be written again.
    """
    file = filesystem.open(f"{directory}/{segment_name(last.base)}")
    try:
        file.truncate(last.size)
        _write_again(file, max(watermark - last.base, 0), last.size)
        file.sync()
    finally:
        file.close()


def _write_again(file: File, position: int, size: int) -> None:
    """Write the bytes in `[position, size)` over themselves, so that the next sync covers them."""
    while position < size:
        data = file.read_at(position, min(file.read_ahead, size - position))
        position += file.write_at(position, data)
