"""
The identity of a spool: its id, and that of its database.

A file beside the segments has both.  It is written once, before the first event is admitted,
under another name and then renamed, so it is there whole or not at all.

    {"spool": "…", "database": "…"}
"""

import json

from attrs import asdict, frozen

from tornproof.drainer.small_files import read_small_file, write_small_file
from tornproof.errors import Corrupt, ForeignSpool, from_os_error
from tornproof.filesystem import Filesystem
from tornproof.journal.segments import segment_bases

IDENTITY_NAME = "spool.json"


@frozen
class Identity:
    """The ids of a spool and of its database."""

    spool: str
    database: str


def require_ours(filesystem: Filesystem, directory: str, database: str) -> Identity | None:
    """Return what the spool says of itself, none if it is new; refuse another's."""
    try:
        names = filesystem.list_directory(directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, f"list {directory}") from error
    if IDENTITY_NAME not in names:
        if segment_bases(names):
            raise ForeignSpool(
                f"{directory} holds a journal that is no spool: name a directory of its own"
            )
        return None
    identity = read_identity(filesystem, directory)
    if identity.database != database:
        raise ForeignSpool(
            f"{directory} is the spool of database {identity.database}, and this one is "
            f"{database}: open it with its own, or name another directory"
        )
    return identity


def read_identity(filesystem: Filesystem, directory: str) -> Identity:
    """Read the file.  Raises `Corrupt` if it is not as it was written, or the disk's error."""
    path = f"{directory}/{IDENTITY_NAME}"
    data = read_small_file(filesystem, path)
    try:
        return Identity(**json.loads(data or b""))
    except (ValueError, TypeError, RecursionError):
        raise Corrupt(f"{path} does not name a spool: restore it from a copy") from None


def write_identity(filesystem: Filesystem, directory: str, identity: Identity) -> None:
    """Write the file, durably, whole or not at all."""
    path = f"{directory}/{IDENTITY_NAME}"
    write_small_file(filesystem, path, json.dumps(asdict(identity)).encode())
