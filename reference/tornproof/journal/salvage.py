"""
Salvage: save the readable records of a damaged journal.

Recovery refuses damaged acknowledged data.  If there is no copy, salvage appends every readable
record to a new journal elsewhere, and lists the holes between them.  It changes nothing in the
damaged journal, and takes no lock in it.

After damage nothing says where the next frame begins, so salvage searches.  It uses the length
in the damaged frame if it leads to a valid frame or to the end of the segment, unless the
frame's hash matches a shorter payload, which proves the length wrong.  Otherwise it continues
at the next valid frame that is followed by another one or by the end.  A payload that contains
frames can mislead this search; the report lists the records after a hole, for a person to
check.

A part of the disk that cannot be read is a hole, too.  Its bytes count as zeros, which are
never a record (FRM-6).
"""

import posixpath
import re
from collections.abc import Iterator

from attrs import frozen
from blake3 import blake3

from tornproof.errors import Invalid, from_os_error
from tornproof.filesystem import AnyPath, Filesystem, OsFilesystem, plain_path
from tornproof.journal.recovery import require_directory
from tornproof.journal.segments import segment_bases, segment_name
from tornproof.journal.states import Durability
from tornproof.journal.watermark import read_watermark
from tornproof.journal.writer import Journal
from tornproof.record import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Damage,
    Record,
    decode,
    payload_length,
)

BLOCK_BYTES = 4096
"""Bytes given up at a time where a disk cannot be read: a block of most filesystems."""

MAX_SEGMENT_BYTES = 256 << 20
"""
Largest segment that is read: 256 MiB, four times the size at which one is sealed.

A segment is held in memory as a whole, and one of a tebibyte takes a byte on a
disk to make.
"""

_NOT_ZERO = re.compile(rb"[^\0]")


@frozen
class Hole:
    """A range of offsets `[start, end)` of which nothing could be read."""

    start: int
    end: int
    reason: str


@frozen
class SalvageReport:
    """What was saved, where to, and what was not."""

    source: str
    target: str
    records: int
    moved: tuple[tuple[int, int], ...]
    """Pairs (old offset, new offset) of the first record and of each behind a hole."""

    holes: tuple[Hole, ...]


def salvage(
    directory: AnyPath,
    target: AnyPath,
    *,
    max_payload: int = MAX_PAYLOAD_BYTES,
    max_segment_bytes: int = MAX_SEGMENT_BYTES,
    filesystem: Filesystem | None = None,
) -> SalvageReport:
    """
    Append every readable record of `directory` to a new journal in `target`.

    `target` must not exist yet, its parent must, and it must not lie within
    `directory`.  Raises `Invalid` otherwise, and for a segment of more than
    `max_segment_bytes`, before anything is made; `InputOutput` when a segment
    cannot be opened or the new journal cannot be written; what was copied by
    then stays.  Holds one segment in memory at a time.
    """
    # validate
    directory, target = plain_path(directory), plain_path(target)
    filesystem = filesystem or OsFilesystem()
    bases = segment_bases(require_directory(filesystem, directory))
    watermark = _read_watermark(filesystem, directory)
    _require_new(filesystem, directory, target)
    for base in bases:
        _require_readable(filesystem, f"{directory}/{segment_name(base)}", max_segment_bytes)

    # copy
    records, end, after_hole = 0, bases[0] if bases else 0, True
    holes: list[Hole] = []
    moved: list[tuple[int, int]] = []
    with Journal.open(
        target, durability=Durability.EVENTUAL, max_payload=max_payload, filesystem=filesystem
    ) as journal:
        for base in bases:
            try:
                data, unreadable = _read_all(filesystem, f"{directory}/{segment_name(base)}")
            except FileNotFoundError:  # a writer is at work, and has cleaned up
                continue
            if base > end:
                holes.append(Hole(end, base, "no segment holds these offsets"))
            after_hole = after_hole or base != end
            for position, found in _readable(data, max_payload):
                if isinstance(found, Record):
                    offset = journal.append(found.payload)
                    records += 1
                    if after_hole:
                        moved.append((base + position, offset))
                        after_hole = False
                    continue
                start, resumed, reason = base + position, base + found[0], found[1].value
                if any(position < block + BLOCK_BYTES and block < found[0] for block in unreadable):
                    reason = "the disk cannot be read there"
                elif start >= watermark and base == bases[-1]:
                    reason += "; above the durable watermark, so it may be a torn tail"
                holes.append(Hole(start, resumed, reason))
                after_hole = True
            end = base + len(data)
    if end < watermark:
        holes.append(Hole(end, watermark, "below the durable watermark, and no file holds it"))
    return SalvageReport(directory, target, records, tuple(moved), tuple(holes))


def _require_new(filesystem: Filesystem, directory: str, target: str) -> None:
    """Insist that a journal can be made in `target` and changes nothing in `directory`."""
    parent = posixpath.dirname(target.rstrip("/")) or "."
    require_directory(filesystem, parent)
    try:
        filesystem.list_directory(target)
    except FileNotFoundError:
        pass
    except NotADirectoryError:
        raise Invalid(f"{target} is a file: salvage into a new directory") from None
    except OSError as error:
        raise from_os_error(error, f"create {target}") from error
    else:
        raise Invalid(f"{target} exists already: salvage into a new directory")
    if f"{posixpath.abspath(parent)}/".startswith(f"{posixpath.abspath(directory)}/"):
        raise Invalid(f"{target} lies within {directory}, which salvage leaves as it is")


def _require_readable(filesystem: Filesystem, path: str, maximum: int) -> None:
    """Insist that a segment is a file, and one that fits into memory, unless it is gone by now."""
    try:
        file = filesystem.open_for_reading(path)
        try:
            size = file.size()
        finally:
            file.close()
    except FileNotFoundError:
        return
    except OSError as error:
        raise from_os_error(error, f"open {path}") from error
    if size > maximum:
        raise Invalid(
            f"{path} has {size} bytes, and segments of up to {maximum} are salvaged: name a larger "
            "max_segment_bytes if there is memory for it, or move the file away"
        )


def _read_watermark(filesystem: Filesystem, directory: str) -> int:
    """Return the watermark, or 0: without one, salvage knows less and saves as much."""
    try:
        return read_watermark(filesystem, directory) or 0
    except OSError:
        return 0


def _read_all(filesystem: Filesystem, path: str) -> tuple[bytes, list[int]]:
    """
    Read a file, with zeros for the blocks that cannot be read; their positions come along.

    Raises `FileNotFoundError` if it was removed.
    """
    try:
        file = filesystem.open_for_reading(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise from_os_error(error, f"open {path}") from error
    try:
        size = file.size()
        try:
            return file.read_at(0, size), []
        except OSError:
            pass  # block by block, then
        blocks, unreadable = [], []
        for position in range(0, size, BLOCK_BYTES):
            wanted = min(BLOCK_BYTES, size - position)
            try:
                blocks.append(file.read_at(position, wanted))
            except OSError:
                blocks.append(bytes(wanted))
                unreadable.append(position)
        return b"".join(blocks), unreadable
    finally:
        file.close()


# Boundaries


def _readable(data: bytes, maximum: int) -> Iterator[tuple[int, Record | tuple[int, Damage]]]:
    """
    Yield the records of a segment by position, and where damage begins.

    Damage comes as the position at which frames begin again, and what it is.
    """
    at = 0
    while at < len(data):
        found = decode(data, at, maximum=maximum)
        if isinstance(found, Record):
            yield at, found
            at += found.frame_bytes
        else:
            resumed = _next_boundary(data, at, maximum)
            yield at, (resumed, found)
            at = resumed


def _next_boundary(data: bytes, at: int, maximum: int) -> int:
    """Find where frames begin again behind the damaged one at a position."""
    believed = _believed_end(data, at, maximum)
    if believed is None:
        return next(_boundaries(data, at + 1, maximum), len(data))
    digest = data[at + 8 : at + HEADER_BYTES]
    for candidate in _boundaries(data[:believed], at + HEADER_BYTES, maximum):
        if blake3(data[at + HEADER_BYTES : candidate]).digest() == digest:
            return candidate
    return believed


def _believed_end(data: bytes, at: int, maximum: int) -> int | None:
    """Return where a damaged frame ends by its own length, if frames begin again there."""
    header = data[at : at + HEADER_BYTES]
    length = payload_length(header, len(data) - at, maximum=maximum)
    if isinstance(length, Damage):
        return None
    end = at + HEADER_BYTES + length
    if end == len(data) or isinstance(decode(data, end, maximum=maximum), Record):
        return end
    return None


def _boundaries(data: bytes, start: int, maximum: int) -> Iterator[int]:
    """Yield every position at which a valid frame begins, and after it another, or the end."""
    at = start
    while at < len(data):
        header = data[at : at + HEADER_BYTES]
        if not any(header):  # no frame begins with so many zeros: go to where they end
            content = _NOT_ZERO.search(data, at)
            at = content.start() - HEADER_BYTES + 1 if content else len(data)
            continue
        if _leads_on(data, at, maximum):
            found = decode(data, at, maximum=maximum)
            if isinstance(found, Record):
                end = at + found.frame_bytes
                if end == len(data) or isinstance(decode(data, end, maximum=maximum), Record):
                    yield at
        at += 1


def _leads_on(data: bytes, at: int, maximum: int) -> bool:
    """Tell, before any checksum, whether a length leads to another that can be, or to the end."""
    length = payload_length(data[at : at + HEADER_BYTES], len(data) - at, maximum=maximum)
    if isinstance(length, Damage):
        return False
    end = at + HEADER_BYTES + length
    header = data[end : end + HEADER_BYTES]
    following = payload_length(header, len(data) - end, maximum=maximum)
    return end == len(data) or not isinstance(following, Damage)
