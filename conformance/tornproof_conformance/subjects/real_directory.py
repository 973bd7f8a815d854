"""
A real directory in the place of a simulated disk, for what only a real one has: links and pipes.
"""

from pathlib import Path

from tornproof.filesystem import OsFile, OsFilesystem, OsLock


class RealDirectory(OsFilesystem):
    """Takes the paths of a simulated disk for paths below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _at(self, path: str) -> str:
        return str(self.root / path.lstrip("/"))

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open a file to read and write."""
        return super().open(self._at(path), create=create, exclusive=exclusive)

    def open_for_reading(self, path: str) -> OsFile:
        """Open a file to read."""
        return super().open_for_reading(self._at(path))

    def list_directory(self, path: str) -> list[str]:
        """Name what is in a directory."""
        return super().list_directory(self._at(path))

    def make_directory(self, path: str) -> None:
        """Make a directory."""
        super().make_directory(self._at(path))

    def rename(self, source: str, target: str) -> None:
        """Rename a file."""
        super().rename(self._at(source), self._at(target))

    def unlink(self, path: str) -> None:
        """Remove a name."""
        super().unlink(self._at(path))

    def sync_directory(self, path: str) -> None:
        """Make the names in a directory durable."""
        super().sync_directory(self._at(path))

    def lock(self, path: str) -> OsLock:
        """Return a lock."""
        return super().lock(self._at(path))
