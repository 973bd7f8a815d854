"""
Check that a file is a database of this package, before SQLite opens it.

SQLite takes a file of one byte for an empty database and overwrites it, and opens the database
of any other application.  So the header is read first: it says whether the file is a database,
which application wrote it, and in which version.

    byte  0               16           60              68
          ┌────────────────┬─ … ────────┬──────────────┬────────────────┐
          │ SQLite format 3│            │ user version │ application id │
          └────────────────┴────────────┴── u32 BE ────┴── u32 BE ──────┘

(SQLite documents the fields in "Database File Format", section 1.3.)
"""

import errno
import struct
from pathlib import Path

from tornproof.errors import Invalid, NewerVersion, NotADatabase, from_os_error
from tornproof.kv.evidence import read_header

APPLICATION_ID = 0x544F524E
"""Marks a file as ours: the letters `TORN`."""

SCHEMA_VERSION = 1
"""The newest layout of tables that this code understands."""

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_VERSION_AND_APPLICATION = struct.Struct(">60xI4xI")


def examine(path: str, *, must_exist: bool) -> None:
    """
    Refuse a file that is not ours, before SQLite has opened it.

    A missing or empty file is nobody's, and may become ours.  Beside a rollback
    journal a header says nothing, since a crash interrupted its writing: SQLite
    undoes that first, and `require_ours` is asked again afterwards.

    Raises `NotADatabase`, `NewerVersion`, `Invalid` and `InputOutput`.
    """
    try:
        header = read_header(path, _HEADER_BYTES)
        interrupted = Path(f"{path}-journal").exists()
    except FileNotFoundError:
        if must_exist:
            raise Invalid(f"no such file: {path}") from None
        return
    except ValueError as error:
        raise Invalid(f"{path!r} is not a path: {error}") from None
    except OSError as error:
        if error.errno == errno.EISDIR:
            raise Invalid(f"{path} is a directory: name the database file in it") from None
        raise from_os_error(error, f"read {path}") from error
    if interrupted or (not header and not must_exist):
        return
    require_ours(*header_fields(header, path), path)


def header_fields(header: bytes, path: str) -> tuple[int, int]:
    """Read application id and version out of a header, or raise `NotADatabase`."""
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise NotADatabase(f"{path} is not an SQLite database; nothing was changed")
    version, application = _VERSION_AND_APPLICATION.unpack_from(header)
    return application, version


def require_ours(application: int, version: int, path: str) -> None:
    """Raise `NotADatabase` for another application's file, `NewerVersion` for a later layout."""
    if application != APPLICATION_ID:
        raise NotADatabase(
            f"{path} is a database of another application (id {application:#x}, "
            f"not {APPLICATION_ID:#x}); nothing was changed"
        )
    if version > SCHEMA_VERSION:
        raise NewerVersion(
            f"{path} has version {version}, and this software knows up to {SCHEMA_VERSION}: "
            "upgrade it; nothing was changed"
        )
