"""
Small files beside the segments of a spool: read whole, written whole.

A file is written under another name, made durable, and then renamed, so that a crash leaves
the old content or the new one.
"""

from tornproof.errors import Corrupt, from_os_error
from tornproof.filesystem import Filesystem

MAX_BYTES = 64 << 10
"""What a small file holds at most; ours hold some hundred bytes."""


def read_small_file(filesystem: Filesystem, path: str) -> bytes | None:
    """
    Read a file, or return none if there is no such file.

    Raises `Corrupt` for one that is not small, and the disk's error.
    """
    try:
        file = filesystem.open_for_reading(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, f"open {path}") from error
    try:
        data = file.read_at(0, MAX_BYTES + 1)
    except OSError as error:
        raise from_os_error(error, f"read {path}") from error
    finally:
        file.close()
    if len(data) > MAX_BYTES:
        raise Corrupt(f"{path} has more than {MAX_BYTES} bytes: it is not ours; restore it")
    return data


def write_small_file(filesystem: Filesystem, path: str, data: bytes) -> None:
    """Write a file; it is durable when this returns.  Raises the disk's error."""
    directory = path.rpartition("/")[0]
    try:
        file = filesystem.open(f"{path}.tmp", create=True)
        try:
            file.truncate(0)
            written = 0
            while written < len(data):
                written += file.write_at(written, data[written:])
            file.sync()
        finally:
            file.close()
        filesystem.rename(f"{path}.tmp", path)
        filesystem.sync_directory(directory)
    except OSError as error:
        raise from_os_error(error, f"write {path}") from error
