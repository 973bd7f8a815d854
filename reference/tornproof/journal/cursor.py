"""
Cursors: how far each consumer has read, which decides what cleanup may remove.

A cursor is a named file beside the segments that holds one offset.  It is replaced atomically,
by a rename, and is durable before cleanup relies on it (CUR-1); it never moves backwards
(CUR-2), because cleanup may have removed the records below it.

A cursor belongs to one consumer, which alone moves it.  No lock enforces this: if two processes
move the same cursor, the slower one gets an error.

    consumer.cursor    "TPC1", the offset as u64 LE, and the CRC32C of both
"""

import re
import struct
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain

from attrs import define, field
from crc32c import crc32c

from tornproof.errors import BeyondEnd, Corrupt, InputOutput, Invalid, from_os_error
from tornproof.filesystem import AnyPath, Filesystem, OsFilesystem, plain_path
from tornproof.journal.reader import JournalReader
from tornproof.journal.recovery import require_directory
from tornproof.process import Owner
from tornproof.record import MAX_PAYLOAD_BYTES

SUFFIX = ".cursor"
TEMPORARY_SUFFIX = ".cursor.tmp"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CONTENT = struct.Struct("<4sQI")
_MAGIC = b"TPC1"


def encode_cursor(offset: int) -> bytes:
    """Write an offset as the content of a cursor file."""
    body = _CONTENT.pack(_MAGIC, offset, 0)[:12]
    return body + struct.pack("<I", crc32c(body))


def decode_cursor(data: bytes, path: str) -> int:
    """Read the offset back.  Raises `Corrupt` for anything but a whole cursor."""
    if len(data) == _CONTENT.size and data[:4] == _MAGIC:
        _, offset, crc = _CONTENT.unpack(data)
        if crc == crc32c(data[:12]):
            return int(offset)
    raise Corrupt(f"{path} is not a cursor: remove it if its consumer is gone, or restore it")


def check_name(name: str) -> None:
    """Raise `Invalid` for a name that could not be a file's, or could be another's."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"cursor name {name!r}: use 1 to 63 lower-case letters, digits, '-' and '_', "
            "beginning with a letter or digit"
        )


def read_cursors(
    filesystem: Filesystem, directory: str, known: Iterable[str] = ()
) -> dict[str, int]:
    """
    Return every cursor of a journal, by name.

    A cursor that is renamed into place while the directory is being listed may be missing from
    the listing: POSIX allows it, and btrfs does so.  So `known` names are asked for as well, and
    the directory is listed twice for those that nobody knows yet.

    Raises `Corrupt` for a cursor that cannot be read: ignoring it would let
    cleanup remove what its consumer has not seen.
    """
    listings = [require_directory(filesystem, directory) for _ in range(2)]
    names = {*known, *cursor_names(chain.from_iterable(listings))}
    found = {name: read_cursor(filesystem, f"{directory}/{name}{SUFFIX}") for name in sorted(names)}
    return {name: offset for name, offset in found.items() if offset is not None}


def cursor_names(names: Iterable[str]) -> list[str]:
    """Pick the cursors out of a directory's names, without their suffix."""
    stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return [stem for stem in stems if _NAME.fullmatch(stem)]


def read_cursor(filesystem: Filesystem, path: str) -> int | None:
    """Return the offset in a cursor file, or none without one.  Raises `Corrupt`, `InputOutput`."""
    try:
        file = filesystem.open_for_reading(path)
        try:
            return decode_cursor(file.read_at(0, _CONTENT.size + 1), path)
        finally:
            file.close()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, f"read {path}") from error


@define
class Cursor:
    """One consumer's cursor.  Only that consumer moves it."""

    _filesystem: Filesystem
    _directory: str
    name: str
    _reader: JournalReader
    position: int = -1
    """Offset of the first record that the consumer still needs; durable."""

    _owner: Owner = field(factory=Owner)

    @classmethod
    def open(
        cls,
        directory: AnyPath,
        name: str,
        *,
        max_payload: int = MAX_PAYLOAD_BYTES,
        filesystem: Filesystem | None = None,
    ) -> "Cursor":
        """
        Open a cursor, creating it durably at the journal's first offset.

        A consumer creates its cursor before it reads, so that nothing it has yet
        to see is removed.  Raises `Invalid` for a bad name or directory,
        `Corrupt` for a damaged cursor, `InputOutput` when the disk fails.
        """
        # validate
        directory = plain_path(directory)
        check_name(name)
        filesystem = filesystem or OsFilesystem()
        require_directory(filesystem, directory)
        reader = JournalReader(directory, max_payload=max_payload, filesystem=filesystem)
        cursor = cls(filesystem, directory, name, reader)

        # the position that an earlier process left, durable before it is believed
        position = read_cursor(filesystem, cursor._path)
        if position is not None:
            cursor._sync_directory()
            cursor.position = position
            return cursor

        # or a new one, ahead of a cleanup that did not know of it yet
        while cursor.position < reader.first:
            cursor._store(reader.first)
            reader.refresh()
        return cursor

    def advance(self, offset: int) -> None:
        """
        Move forward to `offset`, durably; moving to where it is does nothing.

        Raises `Invalid` backwards (CUR-2), `BeyondEnd` past the journal's durable
        end, `NotABoundary` inside a record, `Corrupt` for a cursor that is
        damaged, `InputOutput` when the disk fails, `Forked` in a forked child.
        """
        self._owner.require(f"cursor {self.name} of {self._directory}")
        if offset == self.position:
            return
        stored = read_cursor(self._filesystem, self._path)
        if stored is None:
            raise InputOutput(f"{self._path} is gone: open the cursor again to begin anew")
        if offset < max(stored, self.position):
            raise Invalid(
                f"cursor {self.name} is at {max(stored, self.position)} and cannot go back to "
                f"{offset}"
            )
        end = self._reader.end()
        if offset > end:
            raise BeyondEnd(f"cursor {self.name} cannot pass the journal's durable end, {end}")
        if offset < end:
            self._reader.read(offset)
        self._store(offset)

    @property
    def _path(self) -> str:
        return f"{self._directory}/{self.name}{SUFFIX}"

    def _store(self, offset: int) -> None:
        """Replace the file by a fresh one, so that a crash leaves the old cursor or the new."""
        try:
            try:
                self._replace(encode_cursor(offset))
            except FileNotFoundError:
                # a writer that opened just then took the file for a dead consumer's (REC-10)
                self._replace(encode_cursor(offset))
        except OSError as error:
            raise from_os_error(error, f"store {self._path}") from error
        self._sync_directory()
        self.position = offset

    def _replace(self, content: bytes) -> None:
        temporary = f"{self._directory}/{self.name}{TEMPORARY_SUFFIX}"
        with suppress(FileNotFoundError):  # left behind by a crash
            self._filesystem.unlink(temporary)
        file = self._filesystem.open(temporary, create=True, exclusive=True)
        try:
            written = 0
            while written < len(content):
                written += file.write_at(written, content[written:])
            file.sync()
        finally:
            file.close()
        self._filesystem.rename(temporary, self._path)

    def _sync_directory(self) -> None:
        try:
            self._filesystem.sync_directory(self._directory)
        except OSError as error:
            raise from_os_error(error, f"sync {self._directory}") from error
