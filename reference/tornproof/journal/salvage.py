"""
Salvage: what can still be read of a damaged journal.

Recovery refuses to guess.  When acknowledged data is damaged and there is no
copy, a human may still want what is left: salvage appends every record that can
be read to a new journal, elsewhere, and lists the holes between them.  It
changes nothing in the damaged one.

Behind damage there is no boundary to go by, so salvage looks for one: the next
position at which a valid frame begins, and after it another, or the end.  A
payload that itself contains frames can deceive it; what stands behind a hole is
therefore marked as such in the report, and a human decides.
"""

from collections.abc import Iterator

from attrs import frozen

from tornproof.errors import Invalid, from_os_error
from tornproof.filesystem import Filesystem, OsFilesystem
from tornproof.journal.recovery import require_directory
from tornproof.journal.segments import segment_bases, segment_name
from tornproof.journal.states import Durability
from tornproof.journal.writer import Journal
from tornproof.record import MAX_PAYLOAD_BYTES, Damage, Record, decode


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
    directory: str,
    target: str,
    *,
    max_payload: int = MAX_PAYLOAD_BYTES,
    filesystem: Filesystem | None = None,
) -> SalvageReport:
    """
    Append every readable record of `directory` to a new journal in `target`.

    `target` must not exist yet; its parent must.  Raises `Invalid` otherwise,
    `InputOutput` when the disk fails.  Holds one segment in memory at a time.
    """
    # validate
    filesystem = filesystem or OsFilesystem()
    names = require_directory(filesystem, directory)
    try:
        filesystem.list_directory(target)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise from_os_error(error, f"create {target}") from error
    else:
        raise Invalid(f"{target} exists already: salvage into a new directory")

    # copy
    records = 0
    holes: list[Hole] = []
    moved: list[tuple[int, int]] = []
    expected: int | None = None
    with Journal.open(
        target, durability=Durability.EVENTUAL, max_payload=max_payload, filesystem=filesystem
    ) as journal:
        for base in segment_bases(names):
            path = f"{directory}/{segment_name(base)}"
            if expected is not None and base > expected:
                holes.append(Hole(expected, base, "no segment holds these offsets"))
            data = _read_all(filesystem, path)
            for position, found in _readable(data, max_payload):
                if isinstance(found, Hole):
                    holes.append(Hole(base + found.start, base + found.end, found.reason))
                    expected = None
                    continue
                offset = journal.append(found.payload)
                if expected != base + position:
                    moved.append((base + position, offset))
                expected = base + position + found.frame_bytes
                records += 1
            expected = base + len(data)
    return SalvageReport(directory, target, records, tuple(moved), tuple(holes))


def _read_all(filesystem: Filesystem, path: str) -> bytes:
    try:
        file = filesystem.open_for_reading(path)
        try:
            return file.read_at(0, file.size())
        finally:
            file.close()
    except OSError as error:
        raise from_os_error(error, f"read {path}") from error


def _readable(data: bytes, maximum: int) -> Iterator[tuple[int, Record | Hole]]:
    """Yield the records of a segment and the holes between them, by position."""
    at = 0
    while at < len(data):
        found = decode(data, at, maximum=maximum)
        if isinstance(found, Record):
            yield at, found
            at += found.frame_bytes
            continue
        resumed = _next_boundary(data, at + 1, maximum)
        yield at, Hole(at, resumed, found.value)
        at = resumed


def _next_boundary(data: bytes, start: int, maximum: int) -> int:
    """Find where frames begin again: a valid one, followed by another or by the end."""
    for at in range(start, len(data)):
        found = decode(data, at, maximum=maximum)
        if isinstance(found, Damage):
            continue
        following = at + found.frame_bytes
        if following == len(data):
            return at
        if isinstance(decode(data, following, maximum=maximum), Record):
            return at
    return len(data)
