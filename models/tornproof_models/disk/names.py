"""
File names in memory: where a path leads on a running system.

A directory is a table from names to inodes, and a path is a walk through such tables
from the root.  Nothing here is durable or lost: names change at once and for everybody.
Which of the changes a crash keeps, the registers decide.

Errors are those of POSIX, with an `errno` and the path that was asked for.
"""

import errno
import os
from collections.abc import Iterator
from functools import lru_cache

from tornproof_models.disk.trace import NAMELESS, ROOT, Image, number_inodes


class Names:
    """The directories of a tree, and what each name in them refers to."""

    def __init__(self, image: Image) -> None:
        self.entries: dict[int, dict[str, int]] = {ROOT: {}, NAMELESS: {}}
        """The names in each directory, by the directory's inode."""

        self.inodes = number_inodes(image)
        """The inodes of the image with which it began, by path."""

        for path, inode in self.inodes.items():
            parent, _, name = path.rpartition("/")
            self.entries[self.inodes.get(parent, ROOT)][name] = inode
            if path not in image.files:
                self.entries[inode] = {}

    def directory(self, path: str) -> int:
        """
        Return the inode of a directory.

        Raises `FileNotFoundError` and `NotADirectoryError`.
        """
        return self._walk(_split(path + "/")[0], path)

    def parent(self, path: str) -> tuple[int, str]:
        """
        Return the inode of the directory in which a path ends, and the name there.

        The name need not exist.  Raises `FileNotFoundError` and `NotADirectoryError`.
        """
        directories, name = _split(path)
        return self._walk(directories, path), name

    def walk(self) -> Iterator[tuple[str, int]]:
        """Yield every path with its inode, each directory before what is in it."""
        pending = [("", ROOT)]
        while pending:
            prefix, directory = pending.pop()
            for name, inode in self.entries[directory].items():
                path = f"{prefix}/{name}"
                yield path, inode
                if inode in self.entries:
                    pending.append((path, inode))

    def _walk(self, directories: tuple[str, ...], path: str) -> int:
        inode = ROOT
        for name in directories:
            found = self.entries[inode].get(name)
            if found is None:
                raise missing(path)
            if found not in self.entries:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            inode = found
        return inode


def missing(path: str) -> FileNotFoundError:
    """Say that nothing bears this name."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def exists(path: str) -> FileExistsError:
    """Say that something bears this name already."""
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)


def is_a_directory(path: str) -> IsADirectoryError:
    """Say that a directory bears this name."""
    return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)


@lru_cache(1 << 12)
def _split(path: str) -> tuple[tuple[str, ...], str]:
    """Cut a path into the directories on the way and the name at its end."""
    *directories, name = path.split("/")
    return tuple(each for each in directories if each not in ("", ".")), name
