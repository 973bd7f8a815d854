"""
A journal that follows links and opens pipes in its directory.
"""

from contextlib import AbstractContextManager as ContextManager
from io import FileIO
from pathlib import Path
from typing import Any

from tornproof.filesystem import File, Filesystem, OsFile

from tornproof_models.crash.subject import Options
from tornproof_models.miniatures.small_journal import SmallJournal


class LinksFollowed(SmallJournal):
    """
    Opens a segment by its name, whatever bears it, and makes its lock the same way.

    A link in the place of the last segment → recovery truncates what it leads to.
    A link to nothing in the place of the lock → a file appears there.
    """

    breaks = frozenset({"REC-13"})

    def __init__(self, filesystem: Filesystem, options: Options) -> None:
        super().__init__(_Following(filesystem), options)


class _Following:
    """Opens files of a real directory as `open` does, and leaves the rest to the filesystem."""

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem

    def __getattr__(self, name: str) -> Any:
        return getattr(self._filesystem, name)

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> File:
        """Open a file to read and write."""
        if found := self._found(path):
            return OsFile(FileIO(found, "r+"))
        file: File = self._filesystem.open(path, create=create, exclusive=exclusive)
        return file

    def open_for_reading(self, path: str) -> File:
        """Open a file to read."""
        if found := self._found(path):
            return OsFile(FileIO(found, "r"))
        file: File = self._filesystem.open_for_reading(path)
        return file

    def lock(self, path: str) -> ContextManager[None]:
        """Make the file of a lock, and hold it."""
        if root := getattr(self._filesystem, "root", None):
            Path(root / path.lstrip("/")).touch()
        lock: ContextManager[None] = self._filesystem.lock(path)
        return lock

    def _found(self, path: str) -> Path | None:
        """Return where a file is, if the disk is a real directory and the file is there."""
        root: Path | None = getattr(self._filesystem, "root", None)
        found = root / path.lstrip("/") if root else None
        return found if found and found.exists() else None
