"""
Read the directory of a journal without changing it.

Nothing here decides whether a journal can be recovered; recovery itself is asked,
in a dry run.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from attrs import field, frozen
from tornproof.errors import Corrupt, InputOutput, SegmentGone, TornproofError, from_os_error
from tornproof.filesystem import File, OsFilesystem
from tornproof.journal import RecoveryReport, recover
from tornproof.journal.access import SegmentAccess
from tornproof.journal.cursor import SUFFIX as CURSOR_SUFFIX
from tornproof.journal.cursor import TEMPORARY_SUFFIX, cursor_names, read_cursor
from tornproof.journal.scanning import scan_file
from tornproof.journal.segments import LOCK_NAME, segment_bases, segment_name, temporary_names
from tornproof.journal.watermark import WATERMARK_NAME, read_watermark
from tornproof.record import MAX_PAYLOAD_BYTES, Damage

BEGINNING = 16
"""Bytes of each payload that are shown."""


@frozen
class FoundFrame:
    """A frame, or the damage in its place."""

    offset: int
    size: int
    beginning: bytes = b""
    """The first bytes of the payload."""

    damage: Damage | None = None

    def __str__(self) -> str:
        line = f"{self.offset:>12}  {self.size:>8}  "
        if self.damage:
            return line + self.damage.value
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in self.beginning)
        return f"{line}{self.beginning.hex(' '):<47}  {text}"


@frozen
class FoundSegment:
    """A segment file: how many records it holds, and what ends them early."""

    base: int
    size: int
    records: int = 0
    damage: FoundFrame | None = None
    unreadable: str = ""
    frames: Sequence[FoundFrame] = field(factory=list)
    """The first of its records, as many as are shown."""

    @property
    def end(self) -> int:
        """Offset just past its last byte."""
        return self.base + self.size


@frozen
class FoundCursor:
    """A cursor, and what is wrong with it."""

    name: str
    position: int | None
    """None if it cannot be read."""

    wrong: str = ""

    def __str__(self) -> str:
        if self.position is None:
            return f"cursor {self.name}: {self.wrong}"
        return f"cursor {self.name}: offset {self.position}" + (self.wrong and f", {self.wrong}")


def find_segments(directory: str, bases: Sequence[int], most: int) -> Iterator[FoundSegment]:
    """Walk every segment, keeping the first frames, so many in all, and any damage."""
    left = most
    for base in bases:
        try:
            segment = _find_segment(directory, base, left)
        except SegmentGone:  # cleaned up since it was listed; `conclude` looks for itself
            continue
        left -= len(segment.frames)
        yield segment


def _find_segment(directory: str, base: int, most: int) -> FoundSegment:
    size, records = 0, 0
    frames: list[FoundFrame] = []
    try:
        with SegmentAccess(OsFilesystem(), directory, MAX_PAYLOAD_BYTES).open(base) as file:
            size = file.size()
            for frame in _walk(file, base, size):
                if frame.damage:
                    return FoundSegment(base, size, records, frame, frames=frames)
                records += 1
                if len(frames) < most:
                    frames.append(frame)
    except InputOutput as error:
        return FoundSegment(base, size, records, unreadable=str(error), frames=frames)
    return FoundSegment(base, size, records, frames=frames)


def _walk(file: File, base: int, size: int) -> Iterator[FoundFrame]:
    for at, found in scan_file(file, size, maximum=MAX_PAYLOAD_BYTES):
        if isinstance(found, Damage):
            yield FoundFrame(base + at, size - at, damage=found)
        else:
            yield FoundFrame(base + at, found.frame_bytes, found.payload[:BEGINNING])


def find_watermark(directory: str) -> int | None:
    """Read the watermark; none if there is none."""
    try:
        return read_watermark(OsFilesystem(), directory)
    except OSError as error:
        raise from_os_error(error, f"read the watermark of {directory}") from None


def find_cursors(directory: str, names: Sequence[str]) -> dict[str, int | TornproofError]:
    """
    Read the cursors, or why one cannot be read.

    After the segments and before the conclusion: consumers and cleanup go on meanwhile, and so
    none is below the first of those segments or beyond the end that is found then.
    """
    found: dict[str, int | TornproofError] = {}
    for name in cursor_names(names):
        try:
            position = read_cursor(OsFilesystem(), f"{directory}/{name}{CURSOR_SUFFIX}")
        except TornproofError as error:
            found[name] = error
        else:
            if position is not None:  # it was removed since it was listed
                found[name] = position
    return found


def judge_cursors(
    cursors: Mapping[str, int | TornproofError],
    conclusion: RecoveryReport | TornproofError,
    segments: Sequence[FoundSegment],
) -> Iterator[FoundCursor]:
    """Tell whether each cursor can stand where it does."""
    first = segments[0].base if segments else 0
    end = segments[-1].end if segments else 0
    if isinstance(conclusion, RecoveryReport):
        end = conclusion.end
    for name, position in cursors.items():
        wrong = ""
        if isinstance(position, TornproofError):
            yield FoundCursor(name, None, str(position))
            continue
        if position > end:
            wrong = f"beyond the end of the journal, {end}: records that it has seen are missing"
        elif position < first:
            wrong = f"below the first record, {first}: records that it needs are missing"
        yield FoundCursor(name, position, wrong)


def find_others(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell what a crash left unfinished from what is none of the journal's."""
    cursors = cursor_names(names)
    unfinished = [
        *temporary_names(names),
        *(f"{stem}{TEMPORARY_SUFFIX}" for stem in _unfinished_cursors(names)),
    ]
    known = {segment_name(base) for base in segment_bases(names)}
    known |= {WATERMARK_NAME, LOCK_NAME, *(f"{name}{CURSOR_SUFFIX}" for name in cursors)}
    return unfinished, [name for name in names if name not in known and name not in unfinished]


def _unfinished_cursors(names: Sequence[str]) -> list[str]:
    stems = (name.removesuffix(".tmp") for name in names if name.endswith(TEMPORARY_SUFFIX))
    return cursor_names(stems)


def all_frames(directory: str, segment: FoundSegment) -> Iterator[FoundFrame]:
    """Walk a segment again, as far as it was valid; one that was cleaned up since has nothing."""
    access = SegmentAccess(OsFilesystem(), directory, MAX_PAYLOAD_BYTES)
    with suppress(SegmentGone), access.open(segment.base) as file:
        yield from islice(_walk(file, segment.base, segment.size), segment.records)


def conclude(directory: str) -> RecoveryReport | TornproofError:
    """Ask recovery, without letting it change anything."""
    try:
        return recover(directory, dry_run=True)
    except TornproofError as error:
        return error


def is_sound(conclusion: RecoveryReport | TornproofError, cursors: Sequence[FoundCursor]) -> bool:
    """Tell whether all is well, a torn tail included; raise what kept it from being read."""
    if isinstance(conclusion, TornproofError) and not isinstance(conclusion, Corrupt):
        raise conclusion
    return isinstance(conclusion, RecoveryReport) and not any(each.wrong for each in cursors)
