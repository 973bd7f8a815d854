"""
The names and files below a directory while they change.

The recorder sees paths and descriptors; a trace speaks of inodes.  A tree stands
between them: it knows which inode a path leads to at the moment, numbers new ones,
and holds what is in them, for calls that copy from file to file.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeAlias

from attrs import define, field
from tornproof_models.disk.sparse import SparseFiles
from tornproof_models.disk.trace import NAMELESS, ROOT, Image, number_inodes

from tornproof_conformance.recorder.content import FileContent

Attributes: TypeAlias = tuple[int, int, int, int]
"""Mode, user and group of a file, and when it was changed, in nanoseconds since 1970."""


@define
class Tree:
    """What is below a directory of the real disk."""

    root: str
    """The absolute path of the directory, without symbolic links."""

    names: dict[int, dict[str, int]] = field(factory=lambda: {ROOT: {}, NAMELESS: {}})
    """The names in each directory."""

    contents: dict[int, FileContent] = field(factory=dict)
    """The content of each file."""

    dirty: dict[int, None] = field(factory=dict)
    """Inodes that were changed since the last sync that covers all of them."""

    harmless: set[int] = field(factory=set)
    """Inodes of files whose mapped memory nobody needs after a crash."""

    links: dict[int, str] | None = None
    """
    Where each symbolic link leads, if links are kept: as files without bytes.

    A link gets its name and its target in one step, as a file gets its name.
    """

    attributes: dict[int, Attributes] = field(factory=dict)
    """Of each file and directory, as they were last looked at."""

    _inodes: int = 0

    @classmethod
    def of(cls, root: str, image: Image) -> "Tree":
        """Begin with what is there."""
        tree, inodes = cls(root), number_inodes(image)
        sparse = image.files.contents if isinstance(image.files, SparseFiles) else {}
        for path, inode in inodes.items():
            parent, _, name = path.rpartition("/")
            tree.names[inodes.get(parent, ROOT)][name] = inode
            if path in image.files:
                content = sparse[path] if path in sparse else image.files[path]
                tree.contents[inode] = FileContent.of(content)
            else:
                tree.names[inode] = {}
        tree._inodes = len(inodes)
        return tree

    def new_inode(self) -> int:
        """Number a file or directory that is about to be made."""
        self._inodes += 1
        return self._inodes

    def holds(self, path: str) -> bool:
        """Tell whether an absolute path is the directory's, or of something below it."""
        return path == self.root or path.startswith(f"{self.root}/")

    def find(self, path: str) -> int | None:
        """Return the inode of an absolute path; none if there is nothing."""
        if path == self.root:
            return ROOT
        place = self.place(path)
        return None if place is None else self.names[place[0]].get(place[1])

    def place(self, path: str) -> tuple[int, str] | None:
        """Return the directory and the name of an absolute path; none outside the tree."""
        if not path.startswith(f"{self.root}/"):
            return None
        *parents, name = path.removeprefix(f"{self.root}/").split("/")
        directory = ROOT
        for parent in parents:
            inode = self.names[directory].get(parent)
            if inode is None or inode not in self.names:
                return None
            directory = inode
        return directory, name

    def is_directory(self, inode: int) -> bool:
        """Tell a directory from a file."""
        return inode in self.names

    def take_attributes(self) -> None:
        """Look at the attributes of everything that is there."""
        for path, inode in [("", ROOT), *self.paths()]:
            with suppress(OSError):
                self.take_attributes_of(f"{self.root}{path}", inode)

    def take_attributes_of(self, path: str, inode: int) -> os.stat_result:
        """Look at one file, by its absolute path.  Raises `OSError`."""
        found = os.lstat(path)
        mode, user, group = found.st_mode & 0o7777, found.st_uid, found.st_gid
        self.attributes[inode] = mode, user, group, found.st_mtime_ns
        return found

    def name_of(self, inode: int) -> str:
        """Return a name of an inode, for people; one that has lost all is called so."""
        for names in self.names.values():
            for name, named in names.items():
                if named == inode:
                    return name
        return "a deleted file"

    def paths(self, directory: int = ROOT, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yield every path below the root, as an image has it, and its inode."""
        for name, inode in self.names[directory].items():
            yield f"{prefix}/{name}", inode
            if inode in self.names:
                yield from self.paths(inode, f"{prefix}/{name}")

    @property
    def unseen(self) -> frozenset[str]:
        """Return the paths of files that may have changed through mapped memory, harmlessly."""
        return frozenset(path for path, inode in self.paths() if inode in self.harmless)

    def size(self, inode: int) -> int:
        """Return the size of a file in bytes."""
        return len(self.contents[inode])

    def write(self, inode: int, offset: int, data: bytes) -> None:
        """Put bytes into a file."""
        self.contents[inode].write(offset, data)

    def resize(self, inode: int, size: int) -> None:
        """Give a file a size."""
        self.contents[inode].resize(size)
