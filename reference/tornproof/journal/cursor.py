"""
Cursors: how far each consumer has got, and so what may be removed.

A cursor is a named file beside the segments that holds one offset.  It is
replaced atomically, by a rename, and is durable before anybody relies on it
(CUR-1); it never moves backwards (CUR-2), because cleanup may already have
removed what lies behind it.

    consumer.cursor    "TPC1", the offset as u64 LE, and the CRC32C of both
"""

import re
import struct

from attrs import define
from crc32c import crc32c

from tornproof.errors import BeyondEnd, Corrupt, Invalid, from_os_error
from tornproof.filesystem import Filesystem, OsFilesystem
from tornproof.journal.reader import JournalReader
from tornproof.journal.recovery import require_directory

SUFFIX = ".cursor"
_TEMPORARY_SUFFIX = ".cursor.tmp"
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


def read_cursors(filesystem: Filesystem, directory: str) -> dict[str, int]:
    """
    Return every cursor of a journal, by name.

    Raises `Corrupt` for a cursor that cannot be read: ignoring it would let
    cleanup remove what its consumer has not seen.
    """
    return {
        name.removesuffix(SUFFIX): _read(filesystem, f"{directory}/{name}")
        for name in require_directory(filesystem, directory)
        if name.endswith(SUFFIX) and _NAME.fullmatch(name.removesuffix(SUFFIX))
    }


def _read(filesystem: Filesystem, path: str) -> int:
    try:
        file = filesystem.open_for_reading(path)
        try:
            return decode_cursor(file.read_at(0, _CONTENT.size + 1), path)
        finally:
            file.close()
    except OSError as error:
        raise from_os_error(error, f"read {path}") from error


@define
class Cursor:
    """One consumer's cursor.  Only that consumer moves it."""

    _filesystem: Filesystem
    _directory: str
    name: str
    position: int
    """Offset of the first record that the consumer still needs."""

    @classmethod
    def open(cls, directory: str, name: str, *, filesystem: Filesystem | None = None) -> "Cursor":
        """
        Open a cursor, creating it durably at the journal's first offset.

        A consumer creates its cursor before it reads, so that nothing it has yet
        to see is removed.  Raises `Invalid` for a bad name or directory.
        """
        check_name(name)
        filesystem = filesystem or OsFilesystem()
        known = read_cursors(filesystem, directory)
        if name in known:
            return cls(filesystem, directory, name, known[name])
        cursor = cls(filesystem, directory, name, -1)
        cursor._store(JournalReader(directory, filesystem=filesystem).first)
        return cursor

    def advance(self, offset: int) -> None:
        """
        Move forward to `offset`, durably; moving to where it is does nothing.

        Raises `Invalid` backwards (CUR-2), `BeyondEnd` past the journal's durable
        end, `NotABoundary` inside a record, `InputOutput` when the disk fails.
        """
        if offset < self.position:
            raise Invalid(
                f"cursor {self.name} is at {self.position} and cannot go back to {offset}"
            )
        if offset == self.position:
            return
        reader = JournalReader(self._directory, filesystem=self._filesystem)
        end = reader.end()
        if offset > end:
            raise BeyondEnd(f"cursor {self.name} cannot pass the journal's durable end, {end}")
        if offset < end:
            reader.read(offset)
        self._store(offset)

    def _store(self, offset: int) -> None:
        target = f"{self._directory}/{self.name}{SUFFIX}"
        temporary = f"{self._directory}/{self.name}{_TEMPORARY_SUFFIX}"
        content = encode_cursor(offset)
        try:
            # a fresh file, so that a crash leaves the old cursor or the new one
            if f"{self.name}{_TEMPORARY_SUFFIX}" in self._filesystem.list_directory(
                self._directory
            ):
                self._filesystem.unlink(temporary)
            file = self._filesystem.open(temporary, create=True, exclusive=True)
            try:
                written = 0
                while written < len(content):
                    written += file.write_at(written, content[written:])
                file.sync()
            finally:
                file.close()
            self._filesystem.rename(temporary, target)
            self._filesystem.sync_directory(self._directory)
        except OSError as error:
            raise from_os_error(error, f"store {target}") from error
        self.position = offset
