"""
A filesystem whose process dies in the middle of an operation.

A kill leaves the disk as it is: what was done is done, and what was not is not.
`Mortal` is a disk as such a process sees it.  It counts the changes, and instead
of making one too many it raises `ProcessDied`, which nobody catches who is not a
judge.
"""

from contextlib import AbstractContextManager

from attrs import define
from tornproof.filesystem import File, Filesystem


class ProcessDied(BaseException):
    """A process is gone; nothing of it runs on."""


@define
class Mortal:
    """A disk as seen by a process that dies when it has changed it so often."""

    _filesystem: Filesystem
    left: int

    def count(self) -> None:
        """Live for one more change, or die."""
        if self.left == 0:
            raise ProcessDied
        self.left -= 1

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> File:
        """Open a file; making one is a change."""
        if create:
            self.count()
        return MortalFile(self._filesystem.open(path, create=create, exclusive=exclusive), self)

    def open_for_reading(self, path: str) -> File:
        """Open a file."""
        return self._filesystem.open_for_reading(path)

    def list_directory(self, path: str) -> list[str]:
        """List a directory."""
        return self._filesystem.list_directory(path)

    def make_directory(self, path: str) -> None:
        """Change the disk."""
        self.count()
        self._filesystem.make_directory(path)

    def rename(self, source: str, target: str) -> None:
        """Change the disk."""
        self.count()
        self._filesystem.rename(source, target)

    def unlink(self, path: str) -> None:
        """Change the disk."""
        self.count()
        self._filesystem.unlink(path)

    def sync_directory(self, path: str) -> None:
        """Change what is durable."""
        self.count()
        self._filesystem.sync_directory(path)

    def lock(self, path: str) -> AbstractContextManager[None]:
        """Lock a file."""
        return self._filesystem.lock(path)


@define
class MortalFile:
    """A file of such a process."""

    _file: File
    _process: Mortal

    @property
    def read_ahead(self) -> int:
        """How many bytes are worth reading at once."""
        return self._file.read_ahead

    def read_at(self, offset: int, size: int) -> bytes:
        """Read."""
        return self._file.read_at(offset, size)

    def write_at(self, offset: int, data: bytes) -> int:
        """Change the disk."""
        self._process.count()
        return self._file.write_at(offset, data)

    def truncate(self, size: int) -> None:
        """Change the disk."""
        self._process.count()
        self._file.truncate(size)

    def sync(self) -> None:
        """Change what is durable."""
        self._process.count()
        self._file.sync()

    def size(self) -> int:
        """Return the size."""
        return self._file.size()

    def close(self) -> None:
        """Close."""
        self._file.close()
