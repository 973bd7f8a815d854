"""
The lock that makes sure that a journal has one writer.

Two writers would overwrite each other's frames and both acknowledge.  The kernel holds the
lock, on a file that is never written, and releases it when the holder dies, however it dies
(JRN-9).
"""

from contextlib import AbstractContextManager as ContextManager
from types import TracebackType
from typing import Self

from tornproof.errors import Locked, from_os_error
from tornproof.filesystem import Filesystem
from tornproof.journal.segments import LOCK_NAME


class WriterLock:
    """
    Holds the writer lock of a journal while the context lasts.

    Entering raises `Locked` at once if another process, or another journal
    object of this one, holds it.  Nobody waits here, so there is no limit to
    set.
    """

    def __init__(self, filesystem: Filesystem, directory: str) -> None:
        self._directory = directory
        self._lock: ContextManager[None] = filesystem.lock(f"{directory}/{LOCK_NAME}")

    def __enter__(self) -> Self:
        try:
            self._lock.__enter__()
        except BlockingIOError:
            raise Locked(
                f"{self._directory} is open for writing elsewhere: close that writer first"
            ) from None
        except OSError as error:
            raise from_os_error(error, f"lock {self._directory}/{LOCK_NAME}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let go; doing it again does no harm."""
        self._lock.__exit__(None, None, None)
