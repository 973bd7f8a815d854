"""
One writer.

Two writers would interleave their frames and both acknowledge them.  The lock
is the kernel's, on a file that is never written, so it goes when its holder
dies, however it dies (JRN-9).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tornproof.errors import Locked, from_os_error
from tornproof.filesystem import Filesystem
from tornproof.journal.segments import LOCK_NAME


@contextmanager
def hold_writer_lock(filesystem: Filesystem, directory: str) -> Iterator[None]:
    """
    Hold the writer lock of a journal while the context lasts.

    Raises `Locked` at once if another process, or another journal object of
    this one, holds it.
    """
    path = f"{directory}/{LOCK_NAME}"
    lock = filesystem.lock(path)
    try:
        lock.__enter__()
    except BlockingIOError:
        raise Locked(
            f"{directory} is open for writing elsewhere: close that writer first"
        ) from None
    except OSError as error:
        raise from_os_error(error, f"lock {path}") from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
